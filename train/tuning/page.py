"""`tune.html`: what a search found, in the style of a run's report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from ei_compat.core.files import write_file
from train.page.charts import Frame, Line, axis
from train.page.document import document
from train.page.markup import Markup, bar, element, joined, kilobytes, millions, percent, plural, table, whole
from train.page.parts import Section
from train.result import Columns
from train.tuning.boards import WORDS
from train.tuning.driver import described, mean
from train.tuning.results import FIGURES, PAGE, Tuned
from train.tuning.sketch import Cost
from train.tuning.study import Trial

NAMES = {"ram_bytes": "RAM, kB", "flash_bytes": "flash, kB", "instructions": "instructions, million"}
UNITS = {"ram_bytes": 1e3, "flash_bytes": 1e3, "instructions": 1e6}
SHOWN: dict[str, Callable[[float], str]] = {
    "ram_bytes": kilobytes, "flash_bytes": kilobytes, "instructions": millions
}  # fmt: skip
Point = tuple[float, float]  # what a model takes, and how good it is


def write_page(out: Path, tuned: Tuned) -> None:
    """Writes the page into the folder of a search."""
    write_file(out / PAGE, page_of(tuned).encode())


def page_of(tuned: Tuned) -> str:
    """The page."""
    board = "" if tuned.board is None else f" for {tuned.board.name}"
    header = [
        element("p", "Result of a search", class_="kicker"),
        element("h1", f"The best model{board}"),
        element("p", _about(tuned), class_="about"),
    ]
    sections = [_verdict(tuned), _front(tuned), _importance(tuned), _skipped(tuned), _trials(tuned), _errors(tuned)]
    footer = element("p", "Made by ei-train. Everything on this page is in this file; it asks no network.")
    return document(f"The best model{board}: result of a search", header, sections, footer=footer)


def _about(tuned: Tuned) -> str:
    limits = [f"{WORDS[name]} {SHOWN[name](most)}" for name, most in tuned.budget.limits().items()]
    counts = Counter(trial.state for trial in tuned.trials)
    said = ", ".join(f"{count} {state}" for state, count in counts.items())
    return f"Budget: {', '.join(limits) or 'none'}. {plural(len(tuned.trials), 'trial')}: {said}."


def _verdict(tuned: Tuned) -> Section:
    winner = tuned.winner
    if winner is None or winner.best.cost is None or winner.best.metric is None:
        return Section("verdict", "Verdict", None, element("p", "No trained model fits the budget.", class_="lead"))
    cost = winner.best.cost
    takes = f"{kilobytes(cost.ram_bytes)} of RAM, {kilobytes(cost.flash_bytes)} of flash"
    seeds = ", ".join(f"{outcome.metric:.4f}" for outcome in winner.outcomes)
    first = (
        f"Trial {winner.trial.number} reaches {tuned.metric} {winner.best.metric:.4f} on the validation set with "
        f"{takes} and {millions(cost.instructions)} instructions."
    )
    second = f"With {plural(len(winner.outcomes), 'seed')} it reached {seeds}: {mean(winner.outcomes):.4f} on average."
    third = "There is no testing set, so nothing independent says how good it is."
    if winner.testing is not None:
        third = f"On the testing set, which the search did not look at, it has {winner.testing:.4f}."
    missed = (
        element("p", f"Checks that were not met: {', '.join(winner.best.missed)}.", class_="note")
        if winner.best.missed
        else None
    )
    values = [element("div", element("dt", name), element("dd", str(at))) for name, at in winner.trial.values.items()]
    return Section(
        "verdict",
        "Verdict",
        None,
        joined(
            element("div", *(element("p", text) for text in (first, second, third)), class_="verdict"),
            missed,
            element("dl", *values, class_="recipe"),
            element("p", f"The best of these seeds is in best, which is trials/{winner.best.digest}.", class_="note"),
            element("p", "To train it again: ", element("code", winner.command), class_="note"),
        ),
    )


def _points(tuned: Tuned, figure: str) -> list[tuple[Trial, Point]]:
    found = []
    for trial in tuned.trained:
        last = trial.last
        if last is not None and last.cost is not None and last.metric is not None and trial.state != "running":
            found.append((trial, (getattr(last.cost, figure) / UNITS[figure], last.metric)))
    return found


def front(points: Sequence[Point], *, higher_is_better: bool) -> list[Point]:
    """The points that no other one beats in both, from the cheapest on."""
    kept: list[Point] = []
    sign = 1 if higher_is_better else -1
    for point in sorted(points, key=lambda each: (each[0], -sign * each[1])):
        if not kept or sign * point[1] > sign * kept[-1][1]:
            kept.append(point)
    return kept


def _front(tuned: Tuned) -> Section:
    charts = []
    for figure in FIGURES:
        points = _points(tuned, figure)
        if len(points) > 1:
            charts.append(_chart(tuned, figure, points))
    if not charts:
        return Section("front", "Front", "Too few models were trained to compare them.", Markup())
    lead = (
        "Each dot is a trained model, by what the finished file takes; the line is the front: of the models that were "
        "trained to the end, no other one takes less and is better. Pale dots were stopped early."
    )
    return Section("front", "Front", lead, element("div", *charts, class_="pair"))


def _chart(tuned: Tuned, figure: str, points: Sequence[tuple[Trial, Point]]) -> Markup:
    name = NAMES[figure]
    frame = Frame(
        axis(name, [x for _, (x, _) in points], zero=True), axis(tuned.metric, [y for _, (_, y) in points])
    )  # fmt: skip
    ended = [point for trial, point in points if trial.state == "trained"]
    best = front(ended, higher_is_better=tuned.higher_is_better)
    marks = [
        element(
            "circle",
            element("title", f"trial {trial.number}: {tuned.metric} {y:.4f}, {x:.1f} {name.rpartition(' ')[2]}"),
            cx=frame.across(x), cy=frame.up(y), r=3.2,
            class_=f"dot {'own' if trial.state == 'trained' else 'ideal'}",
        )
        for trial, (x, y) in points
    ]  # fmt: skip
    if best:
        marks.insert(0, frame.line(Line("front", best, "own")))
    if (most := getattr(tuned.budget, figure)) is not None and most / UNITS[figure] <= frame.x.high:
        at = frame.across(most / UNITS[figure])
        marks.append(element("line", x1=at, x2=at, y1=frame.up(frame.y.low), y2=frame.up(frame.y.high), class_="mark"))
    return frame.drawn(f"{tuned.metric} against {name}; the upright line is the budget", *marks)


def _importance(tuned: Tuned) -> Section:
    if not tuned.importance:
        return Section("importance", "Knobs", "Too few trials ended to say which knob matters.", Markup())
    rows = [
        element(
            "tr",
            element("th", knob.replace("_", " "), scope="row"),
            element("td", bar(share), element("span", percent(share)), class_="n barred"),
        )
        for knob, share in sorted(tuned.importance.items(), key=lambda each: -each[1])
    ]
    head = element("thead", element("tr", element("th", "knob", scope="col"), element("th", "importance", scope="col")))
    body = element("table", element("caption", "Importance of each knob"), head, element("tbody", *rows))
    lead = "How much each knob tells good trials from others (PED-ANOVA); from few trials a rough guess."
    return Section("importance", "Knobs", lead, body)


def _skipped(tuned: Tuned) -> Section:
    skipped = [trial for trial in tuned.trials if trial.state in {"infeasible", "failed"}]
    if not skipped:
        return Section("skipped", "Skipped", "Every network that was asked for fits and was trained.", Markup())
    rows = [
        [str(trial.number), described(trial.values), trial.state, trial.reason or "", *_costs(trial.predicted)]
        for trial in skipped
    ]
    shown = Columns("Skipped", ["trial", "network", "why", "what", *_headers()], rows, texts=4)
    infeasible = sum(trial.state == "infeasible" for trial in skipped)
    lead = f"{plural(infeasible, 'network')} of {len(tuned.trials)} did not fit, and cost no training."
    return Section("skipped", "Skipped", lead, table(shown))


def _trials(tuned: Tuned) -> Section:
    rows = []
    for trial in tuned.trained:
        last = trial.last
        if last is not None:
            metric = "" if last.metric is None else f"{last.metric:.4f}"
            told = [str(trial.number), described(trial.values), trial.state, trial.effort, metric]
            rows.append([*told, *_costs(last.cost), last.digest])
    header = ["trial", "network", "state", "longest run", tuned.metric, *_headers(), "folder below trials/"]
    return Section("trials", "Trials", None, table(Columns("Trained", header, rows, texts=4)))


def _errors(tuned: Tuned) -> Section:
    rows = []
    for figure, errors in tuned.errors().items():
        if errors:
            largest = max(errors, key=abs)
            average = sum(errors) / len(errors)
            rows.append([WORDS[figure], percent(average), percent(largest), str(len(errors))])
    shown = Columns("Predicted against real", ["figure", "mean error", "largest error", "models"], rows)
    lead = (
        "What was said before training against the finished file, both by the compiler. RAM has to be exact. Flash and "
        "instructions are estimates: a model that takes more than the budget once it is trained cannot win."
    )
    return Section("errors", "Predictions", lead, table(shown))


def _headers() -> list[str]:
    return ["RAM, bytes", "flash, bytes", "instructions"]


def _costs(cost: Cost | None) -> list[str]:
    return ["", "", ""] if cost is None else [whole(getattr(cost, figure)) for figure in FIGURES]

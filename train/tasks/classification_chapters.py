"""What a report says of a classifier's answers: the verdict, what it takes for what, each class, and its confidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from train.page.charts import SHARES, Axis, Frame, Line, curves
from train.page.markup import (
    Content,
    Markup,
    bar,
    difference,
    element,
    joined,
    percent,
    plural,
    scrolling,
    table,
    whole,
)
from train.page.parts import CALLED, SHOWN_AS, Section, deployed
from train.result import Columns
from train.tasks import Chapters
from train.tasks.classification_scores import Scores

MOST_CELLS = 24  # classes that a matrix can show
CONFUSIONS = 40  # that are listed where there are more


def chapters(
    metrics: Mapping[str, Mapping[str, Scores]], trust: Mapping[str, Any], labels: Sequence[str], of: Mapping[str, str]
) -> Chapters:
    """See `Task.chapters`."""
    own = metrics[deployed(metrics)]
    last = list(own)[-1]
    return Chapters(
        verdict=(_how_good(own[last], of[last], deployed(metrics)), _best_and_worst(own[last])),
        answers=[_confusion(metrics, labels), _by_class(metrics, last)],
        faults=("What it got wrong", "a wrong answer"),
        trust=_trust(trust, last),
    )


def _how_good(scores: Scores, seen: str, kind: str) -> str:
    right = round(scores.accuracy * scores.samples)
    return (
        f"On {plural(scores.samples, 'sample')} {seen} {CALLED[kind]} is right {percent(scores.accuracy)} "
        f"of the time ({whole(right)} of {whole(scores.samples)})."
    )


def _best_and_worst(scores: Scores) -> str:
    known = {label: each for label, each in scores.classes.items() if each.support}
    order = sorted(known, key=lambda label: known[label].recall)
    worst, best = order[0], order[-1]

    def found(label: str) -> str:
        each = known[label]
        return f"{label} ({whole(round(each.recall * each.support))} of {whole(each.support)} found)"

    if known[worst].recall == known[best].recall:
        return f"It finds all its classes equally well ({percent(known[best].recall, 0)} of each)."
    return f"It is best at {found(best)} and weakest at {found(worst)}."


def _confusion(metrics: Mapping[str, Mapping[str, Scores]], labels: Sequence[str]) -> Section:
    own = metrics[deployed(metrics)]
    sets = list(own)
    last = sets[-1]
    pairs = _pairs(own[last], labels)
    lead: Content = "Nothing is taken for anything else."
    if pairs:
        count, truth, said = pairs[0]
        lead = (
            f"Rows are what it is, columns what the model says. The most frequent mistake on {last}: "
            f"{truth} taken for {said}, {plural(count, 'time')}. Press a cell to see what is in it."
        )
    parts: list[Content] = []
    for name in reversed(sets):
        both = [_matrix(metrics[kind][name], kind, name, labels) for kind in SHOWN_AS if kind in metrics]
        shown = element("div", *both, class_="pair")
        parts.append(shown if name == last else element("details", element("summary", f"The same on {name}"), shown))
    view = element("div", id="cell", class_="answer", aria_live="polite", tabindex="-1")
    return Section("confusion", "What it takes for what", lead, joined(*parts[:1], view, *parts[1:]))


def _pairs(scores: Scores, labels: Sequence[str]) -> list[tuple[int, str, str]]:
    """Mistakes with their counts, the most frequent first."""
    found = [
        (count, labels[truth], labels[said])
        for truth, row in enumerate(scores.confusion)
        for said, count in enumerate(row)
        if count and truth != said
    ]
    return sorted(found, key=lambda each: -each[0])


def _matrix(scores: Scores, kind: str, name: str, labels: Sequence[str]) -> Markup:
    title = f"{SHOWN_AS[kind]} file on {name}, {percent(scores.accuracy)} right"
    if len(labels) > MOST_CELLS:
        rows = [[truth, said, whole(count)] for count, truth, said in _pairs(scores, labels)[:CONFUSIONS]]
        return table(Columns(title, ["is", "taken for", "times"], rows, texts=2))
    supports = [max(sum(row), 1) for row in scores.confusion]
    head = element(
        "tr", element("td"), *(element("th", element("span", label), scope="col", title=label) for label in labels)
    )
    body = []
    for truth, row in enumerate(scores.confusion):
        cells = [
            _cell(count, (labels[truth], labels[said]), count / supports[truth], f"{kind}|{name}")
            for said, count in enumerate(row)
        ]
        body.append(element("tr", element("th", labels[truth], scope="row", title=labels[truth]), *cells))
    matrix = element(
        "table", element("caption", title), element("thead", head), element("tbody", *body), class_="matrix"
    )  # fmt: skip
    return scrolling(matrix, title)


def _cell(count: int, pair: tuple[str, str], share: float, of: str) -> Markup:
    truth, said = pair
    if not count:
        return element("td", element("span", "·", class_="none", aria_hidden="true"))
    kind, name = of.split("|")
    says = f"{plural(count, 'sample')} of {truth}, " + ("recognised" if truth == said else f"taken for {said}")
    button = element(
        "button", whole(count), type="button", aria_label=says, data_kind=kind, data_set=name, data_truth=truth,
        data_said=said, class_="right" if truth == said else "wrong", style=f"--share:{share:.3f}",
    )  # fmt: skip
    return element("td", button)


def _by_class(metrics: Mapping[str, Mapping[str, Scores]], last: str) -> Section:
    kind = deployed(metrics)
    own, plain = metrics[kind][last], metrics["float32"][last] if len(metrics) > 1 else None
    names = ("class", "samples", "precision", "recall", "F1", *(("F1 against float",) if plain else ()))
    head = [element("th", name, scope="col", class_="n" if place else None) for place, name in enumerate(names)]
    rows = []
    for label, scores in own.classes.items():
        figures = [
            element("td", bar(value), element("span", percent(value)), class_="n barred")
            if scores.support
            else element("td")  # of which there is nothing to be found
            for value in (scores.precision, scores.recall, scores.f1)
        ]
        rows.append(
            element(
                "tr",
                element("th", label, scope="row"),
                element("td", whole(scores.support), class_="n"),
                *figures,
                _points(scores.f1, None if plain is None else plain.classes[label].f1) if scores.support else None,
            )
        )
    mean = [element("td", percent(value), class_="n") for value in (own.precision, own.recall, own.f1)]
    foot = element(
        "tr",
        element("th", "mean of the classes", scope="row"),
        element("td", whole(own.samples), class_="n"),
        *mean,
        _points(own.f1, None if plain is None else plain.f1),
    )
    title = f"{SHOWN_AS[kind]} file on {last}, by class"
    body = scrolling(
        element(
            "table", element("caption", title), element("thead", element("tr", *head)), element("tbody", *rows),
            element("tfoot", foot),
        ),
        title,
    )  # fmt: skip
    lead = (
        "Precision: how many of the answers with this class are right. Recall: how many samples of this class are "
        "found. F1 is their harmonic mean."
    )
    return Section("classes", "Class by class", lead, body)


def _points(value: float, before: float | None) -> Markup | None:
    """A cell with the difference, where there is something to compare with."""
    return None if before is None else element("td", f"{difference(100 * (value - before))} points", class_="n")


def _trust(trust: Mapping[str, Any], last: str) -> Section:
    kind = deployed(trust["calibration"])
    own = trust["calibration"][kind][last]
    mean_sure = sum(each["samples"] * each["confidence"] for each in own["bins"])
    mean_right = sum(each["samples"] * each["accuracy"] for each in own["bins"])
    tends = "too sure" if mean_sure > mean_right else "not sure enough"
    off = percent(own["expected_calibration_error"])
    of = f"expected calibration error, {SHOWN_AS[kind]}, {last}"
    how = f"Its confidence is off by {off} on average, mostly {tends} ({of}). "
    lead = how + _suggestion(trust)
    body = element("div", _reliability(trust, last), _coverage(trust, last), class_="pair")
    return Section("trust", "When to believe it", lead, joined(body, _slider(trust, last)))


def _suggestion(trust: Mapping[str, Any]) -> str:
    found, aim = trust["suggested"], percent(trust["aim"], 0)
    if found is None:
        chosen_on = next(iter(trust["thresholds"]))
        return f"No threshold makes {aim} of at least 20 answers right on {chosen_on}, so none is suggested."
    measured = f"{percent(found['answered'])} of {found['measured_on']} is answered, and {percent(found['right'])} of "
    flattered = ", on the samples that it was chosen on" if found["chosen_on"] == found["measured_on"] else ""
    if not found["threshold"]:
        return f"No threshold is needed for {aim}: {measured}those answers are right."
    return (
        f"Suggested threshold: {found['threshold']:.2f}, the least that makes {aim} of the answers on "
        f"{found['chosen_on']} right. With it {measured}those answers are right{flattered}."
    )


def _reliability(trust: Mapping[str, Any], last: str) -> Markup:
    shares = Axis("confidence of the answer", 0, 1, SHARES, percent=True)
    frame = Frame(shares, Axis("right", 0, 1, SHARES, percent=True))
    own, lines = deployed(trust["calibration"]), []
    for kind, found in trust["calibration"].items():
        points = [(each["confidence"], each["accuracy"]) for each in found[last]["bins"]]
        lines.append(Line(SHOWN_AS[kind], points, "own" if kind == own else "other"))
    ideal = element("path", d=f"M{frame.across(0)} {frame.up(0)}L{frame.across(1)} {frame.up(1)}", class_="line ideal")
    sizes = [
        element("circle", cx=frame.across(each["confidence"]), cy=frame.up(each["accuracy"]), class_="dot own",
                r=round(2 + 7 * float(np.sqrt(each["samples"] / _samples(trust, last))), 1))
        for each in trust["calibration"][own][last]["bins"]
    ]  # fmt: skip
    chart = frame.drawn(
        f"Confidence against the share that is right, on {last}; the closer to the diagonal the better",
        ideal, *(frame.line(line) for line in lines), *sizes, frame.names(lines),
    )  # fmt: skip
    note = element(
        "figcaption", "Is it right as often as it is sure? On the dashed line, yes; below it, it is too sure. Dots are "
        "as large as answers are many.",
    )  # fmt: skip
    return element("figure", chart, note)


def _samples(trust: Mapping[str, Any], name: str) -> int:
    return sum(each["samples"] for each in trust["calibration"][deployed(trust["calibration"])][name]["bins"])


def _coverage(trust: Mapping[str, Any], last: str) -> Markup:
    found = trust["thresholds"][last]
    steps = len(found["answered"])
    x = Axis("threshold", 0, 1, SHARES)
    right = [(step / steps, value) for step, value in enumerate(found["right"]) if value is not None]
    answered = [(step / steps, value) for step, value in enumerate(found["answered"])]
    lines = [Line("answered", answered, "other"), Line("right, of those", right, "own")]
    chart = curves(
        f"What share of {last} is answered at each threshold, and how much of that is right",
        Frame(x, Axis("share", 0, 1, SHARES, percent=True)),
        lines,
    )
    note = element("figcaption", "Below the threshold the board says nothing. Fewer answers, more of them right.")
    return element("figure", chart, note)


def _slider(trust: Mapping[str, Any], last: str) -> Markup:
    """Moves the threshold; only where the page's script runs."""
    steps = len(trust["thresholds"][last]["answered"])
    found = trust["suggested"]
    start = round(found["threshold"] * steps) if found else steps // 2
    return element(
        "p",
        element("label", "Try a threshold ", for_="threshold"),
        element("input", type="range", id="threshold", min=0, max=steps - 1, value=start, data_set=last),
        element("output", id="at-threshold", for_="threshold"),
        class_="slider", hidden=True,
    )  # fmt: skip

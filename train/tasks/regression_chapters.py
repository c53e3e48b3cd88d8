"""What a report says of a regression's answers: the verdict, answers against targets, and how far off they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from train.page.charts import Frame, Line, axis
from train.page.markup import Markup, element, joined, percent, plural, table
from train.page.parts import CALLED, SHOWN_AS, Section, deployed
from train.result import Columns
from train.tasks import Answered, Chapters
from train.tasks.regression_scores import Scores

SHARES = (0.5, 0.75, 0.9, 0.95, 0.99)  # of the answers
POINTS = 1000  # of a chart at most


def trust(errors: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, Any]:
    """Within what error the share of `SHARES` of the answers lies.

    Args:
        errors: absolute ones [N], by set and file.
    """
    return {
        "shares": list(SHARES),
        "within": {
            kind: {
                name: [float(np.quantile(by_kind[kind], share, method="higher")) for share in SHARES]
                for name, by_kind in errors.items()
            }
            for kind in next(iter(errors.values()))
        },
    }


def chapters(
    metrics: Mapping[str, Mapping[str, Scores]],
    trust: Mapping[str, Any],
    sets: Mapping[str, Answered],
    of: Mapping[str, str],
) -> Chapters:
    """See `Task.chapters`."""
    kind = deployed(metrics)
    last = list(metrics[kind])[-1]
    scores, within = metrics[kind][last], trust["within"][kind][last]
    good = (
        f"On {plural(scores.samples, 'sample')} {of[last]} {CALLED[kind]} is off by "
        f"{scores.mean_absolute_error:.3g} on average, and by no more than {within[SHARES.index(0.9)]:.3g} in 9 of 10."
    )
    parts = sorted(scores.parts, key=lambda part: part.mean_absolute_error)
    where = (
        f"It is most exact between {parts[0].least:.4g} and {parts[0].greatest:.4g} "
        f"({parts[0].mean_absolute_error:.3g} on average) and least between {parts[-1].least:.4g} and "
        f"{parts[-1].greatest:.4g} ({parts[-1].mean_absolute_error:.3g})."
    )
    return Chapters(
        verdict=(good, where),
        answers=[_against_targets(sets, last), _parts(metrics, last)],
        faults=("Answers that are furthest off", "one of the furthest tenth"),
        trust=_trust(trust, last),
    )


def _against_targets(sets: Mapping[str, Answered], last: str) -> Section:
    charts = [_scatter(sets[last], kind, last) for kind in SHOWN_AS if kind in sets[last].outputs]
    lead = f"Every sample of {last}: what it is, and what the model says. On the dashed line both are the same."
    return Section("answers", "What it says", lead, element("div", *charts, class_="pair"))


def _scatter(found: Answered, kind: str, name: str) -> Markup:
    said = found.outputs[kind][:, 0]
    both = axis("target", [*map(float, found.y), *map(float, said)])
    frame = Frame(both, axis("answer", [*map(float, found.y), *map(float, said)]), height=300)
    rows = np.linspace(0, len(found) - 1, min(len(found), POINTS)).astype(int)
    ideal = frame.line(Line("", [(both.low, both.low), (both.high, both.high)], "ideal"))
    dots = [
        element("circle", cx=frame.across(float(found.y[row])), cy=frame.up(float(said[row])), r=2.5, class_="dot own")
        for row in rows
    ]
    chart = frame.drawn(f"Answers of the {SHOWN_AS[kind]} file against targets, on {name}", ideal, *dots)
    few = "" if len(rows) == len(found) else f", {len(rows)} of {len(found)} samples"
    return element("figure", chart, element("figcaption", f"{SHOWN_AS[kind]} file{few}"))


def _parts(metrics: Mapping[str, Mapping[str, Scores]], last: str) -> Section:
    own = deployed(metrics)
    tables = [table(each) for each in metrics[own][last].tables(f"{SHOWN_AS[own]} on {last}")]
    others = [kind for kind in metrics if kind != own]
    tables += [table(metrics[kind][last].tables(f"{SHOWN_AS[kind]} on {last}")[0]) for kind in others]
    lead = "Errors over all samples, and over each fifth of them in the order of their targets."
    return Section("parts", "Over the range", lead, joined(*tables))


def _trust(trust: Mapping[str, Any], last: str) -> Section:
    within = trust["within"]
    kinds = {kind: name for kind, name in SHOWN_AS.items() if kind in within}
    rows = [
        [f"{percent(share, 0)} of the answers", *(f"{within[kind][last][place]:.4g}" for kind in kinds)]
        for place, share in enumerate(trust["shares"])
    ]
    title = f"The error that so many answers on {last} do not pass"
    return Section(
        "trust",
        "When to believe it",
        f"Half of the answers are off by {within[deployed(within)][last][0]:.3g} at most.",
        table(Columns(title, ["share", *kinds.values()], rows)),
    )

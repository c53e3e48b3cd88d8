"""The page of an evaluation: a model on a data set, with the pictures behind the figures, and against another one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ei_compat.block.run_folder import MODEL_FILES
from train.page.document import document
from train.page.images import tile
from train.page.markup import Content, Markup, element, joined, percent, plural, table, whole
from train.page.parts import OF_A_RUN, SHOWN_AS, Section, deployed
from train.reporting.data_chapters import Gallery, worst
from train.reporting.explorer import CHANNELS, Explorer, chosen, unplaced
from train.reporting.findings import faults
from train.reporting.island import answers_of, island
from train.result import Columns
from train.scaling import Scaling
from train.tasks import Answered

if TYPE_CHECKING:
    from train.tasks import Task
    from train.trained.comparison import Difference
    from train.trained.evaluation import Evaluation

TILES = 60  # of each kind of difference
NAMED = 20  # of the files that were skipped


def evaluation_page(found: Evaluation) -> str:
    """The page; nothing of it is kept elsewhere, so it is made while the samples are there."""
    task, samples = found.model.task, found.sets.samples
    sets = {
        name: Answered(each.names, each.y, {kind: by_set[name] for kind, by_set in found.outputs.items()})
        for name, each in samples.items()
    }
    trust, answers = task.trust(sets), answers_of(task, sets)
    chapters = task.chapters(found.metrics, trust, sets, _of_each(found))
    explorer = _shown(found, sets)
    gallery = Gallery(explorer)
    sections = [
        _verdict(found, chapters.verdict),
        *([] if found.against is None else [_against(found, sets, gallery)]),
        *chapters.answers,
        worst(task, sets, chapters, gallery, "the others are not on this page"),
        *([] if not found.sure else [_threshold(found)]),
        chapters.trust,
        _data(found),
    ]
    title = f"{found.model.source.name} on {found.data.name}"
    header = joined(
        element("p", f"ei-train · evaluation · {task.name}", class_="kicker"),
        element("h1", title),
        element("p", found.caption, class_="about"),
    )
    return document(
        f"{title}: an evaluation",
        header,
        sections,
        island=island(found.as_json() | {"trust": trust}, answers, explorer),
        images=explorer.sheets.style() if explorer.sheets else None,
        footer=element("p", "Made by ei-train evaluate. Everything on this page is in this file; it asks no network."),
    )


def _of_each(found: Evaluation) -> dict[str, str]:
    """What to say of the samples of each set."""
    if found.sets.own:
        return dict(OF_A_RUN)
    alone = len(found.sets.samples) == 1
    return {name: f"of {found.data.name}" if alone else f"of {found.data.name}, {name}," for name in found.sets.samples}


def _shown(found: Evaluation, sets: Mapping[str, Answered]) -> Explorer:
    """The samples that the page shows: those that it speaks of first."""
    task, model = found.model.task, found.model
    rows = {name: {file: row for row, file in enumerate(each.files)} for name, each in sets.items()}
    differences = {} if found.against is None else found.against.sets
    first = [
        (name, rows[name][file])
        for name, each in differences.items()
        for file in (*each.worse[:TILES], *each.better[:TILES])
    ]
    first += faults(task, sets, deployed(found.outputs))
    places = chosen({name: len(each) for name, each in sets.items()}, first)
    scaling = model.scaling if isinstance(model.scaling, Scaling) and model.shape[-1] in CHANNELS else None
    return unplaced(task, found.as_trained, places, scaling)


def _verdict(found: Evaluation, said: Sequence[str]) -> Section:
    sentences = [*said]
    for name, each in found.sure.items():
        right = "" if not each.answered else f", and {percent(each.right / each.answered)} of those answers are right"
        of = "" if len(found.sure) == 1 else f" of {name}"
        sentences.append(
            f"With a threshold of {found.threshold:g} it answers {percent(each.answered / each.samples)}{of}{right}."
        )
    if found.against is not None:
        sentences += [
            _compared(name, each, found.against.other.name, alone=len(found.against.sets) == 1)
            for name, each in found.against.sets.items()
        ]
    rows = [
        [
            MODEL_FILES[kind] if found.model.source.is_dir() else found.model.source.name,
            *(f"{scores.metric:.4f}" for scores in by_set.values()),
        ]
        for kind, by_set in found.metrics.items()
    ]
    metric = found.model.task.metric.replace("_", " ")
    header = ["file", *(f"{metric}, {name}" for name in found.sets.samples)]
    figures = table(Columns(f"The {metric} of each file", header, rows))
    body = joined(element("div", *(element("p", each) for each in sentences), class_="verdict"), figures)
    return Section("verdict", "In short", None, body)


def _compared(name: str, each: Difference, other: str, *, alone: bool) -> str:
    of = "" if alone else f" of {name}"
    return (
        f"Against {other} it is better on {plural(len(each.better), 'sample')}{of} and worse on "
        f"{whole(len(each.worse))}: {each.verdict} (p = {each.chance:.2g})."
    )


def _against(found: Evaluation, sets: Mapping[str, Answered], gallery: Gallery) -> Section:
    """Both models on the same samples, and the samples that they judge differently."""
    comparison = found.against
    if comparison is None:
        return Section("against", "Against another model", None, Markup())
    task, kind = found.model.task, deployed(found.outputs)
    summary = comparison.as_tables(task.metric.replace("_", " "))[0]
    parts: list[Content] = [table(summary)]
    tiles_of = {name: _tiles(task, sets[name], kind, name, gallery) for name in comparison.sets}
    for word, title in (("worse", "Samples on which it is worse"), ("better", "Samples on which it is better")):
        tiles = [tiles_of[name](file) for name, each in comparison.sets.items() for file in getattr(each, word)[:TILES]]
        count = sum(len(getattr(each, word)) for each in comparison.sets.values())
        if tiles:
            few = "" if len(tiles) == count else f", {whole(len(tiles))} of {whole(count)}"
            parts += [element("h3", f"{title}{few}"), element("div", *tiles, class_="tiles")]
    learned = sum(each.learned for each in comparison.sets.values())
    flattered = "" if not learned else (
        f" {plural(learned, 'sample is one', 'samples are ones')} that {comparison.other.name} was trained on: it "
        "looks better there than it is."
    )  # fmt: skip
    lead = (
        f"The same samples for this model and {comparison.other}. Only those count that the two judge differently; p "
        f"is how likely chance alone makes so unequal counts.{flattered}"
    )
    return Section("against", f"Against {comparison.other.name}", lead, joined(*parts))


def _tiles(task: Task, answered: Answered, kind: str, name: str, gallery: Gallery) -> Callable[[str], Markup]:
    """Makes the tile of a sample, by its file."""
    rows = {file: row for row, file in enumerate(answered.files)}
    remarks, truths = task.remarks(answered.y, answered.outputs[kind]), task.truths(answered.y)

    def tile_of(file: str) -> Markup:
        row = rows[file]
        truth, remark = truths[row], remarks[row]
        image = gallery.image(name, row, f"{file}: {truth}, taken for {remark.said}")
        return tile(image, truth, None if remark.said == truth else remark.said, remark.sure, file)

    return tile_of


def _threshold(found: Evaluation) -> Section:
    lead = f"The {SHOWN_AS[deployed(found.outputs)]} file answers where its score is at least {found.threshold:g}."
    return Section("answered", "With a threshold", lead, table(found.sure_table()))


def _data(found: Evaluation) -> Section:
    rows = [[name, whole(len(each))] for name, each in found.sets.samples.items()]
    rows += [[f"skipped, {reason}", name] for name, reason in found.sets.broken[:NAMED]]
    if len(found.sets.broken) > NAMED:
        rows.append(["skipped", f"{whole(len(found.sets.broken) - NAMED)} more"])
    lead = f"{found.data}, read as {found.sets.format}."
    if found.sets.own:
        lead += " These are the sets that the run held out from its training."
    return Section("data", "What was read", lead, table(Columns("Samples", ["what", "how many, or which"], rows)))

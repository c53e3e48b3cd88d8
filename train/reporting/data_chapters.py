"""The report's chapters on the data: the worst answers, the explorer, and how sound the data are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from train.page.images import tile
from train.page.markup import Content, Markup, bar, element, joined, listed, plural, scrolling, table, whole
from train.page.parts import SHOWN_AS, Section, deployed
from train.result import Columns
from train.tasks import Answered, Chapters, Task

if TYPE_CHECKING:
    from train.inspection.health import Health
    from train.reporting.explorer import Explorer, Point
    from train.runs.report import Report

TILES = 200  # of the worst answers at most
PLANE = 560  # units of the explorer's sides
HUES = 8  # that the style sheet knows
NAMED = 20  # files of a kind
UNEVEN = 1.5  # times as many samples of one kind as of another, from which on it is said


class Gallery:
    """The pictures of an explorer by set and row; tiles without a picture where there is none.

    Args:
        explorer: None where the run has none.
    """

    def __init__(self, explorer: Explorer | None) -> None:
        self._explorer = explorer
        points = explorer.points if explorer else ()
        self._numbers = {(point.set, point.row): number for number, point in enumerate(points)}

    def image(self, name: str, row: int, says: str) -> Content:
        """The picture of a sample."""
        number = self._numbers.get((name, row))
        if number is None or self._explorer is None or self._explorer.sheets is None:
            return element("span", class_="pic none", aria_hidden="true")
        return self._explorer.sheets.image(number, says)


def worst(
    task: Task,
    sets: Mapping[str, Answered],
    chapters: Chapters,
    gallery: Gallery,
    rest: str = "all are in predictions.csv",
) -> Section:
    """The worst answers of the file that is deployed; `rest` says where the others are to be found."""
    title, what = chapters.faults
    kind = deployed(next(iter(sets.values())).outputs)
    found = [
        (remark, name, row)
        for name, answered in sets.items()
        for row, remark in enumerate(task.remarks(answered.y, answered.outputs[kind]))
        if not remark.right
    ]
    found.sort(key=lambda each: (-each[0].fault, each[1], each[2]))
    if not found:
        return Section("wrong", title, f"There is none on {listed(list(sets))}.", Markup())
    truths = {name: task.truths(answered.y) for name, answered in sets.items()}
    groups = {name: task.groups(answered.y, answered.y) for name, answered in sets.items()}
    tiles = []
    for remark, name, row in found[:TILES]:
        names, numbers = groups[name]
        truth, file = truths[name][row], sets[name].files[row]
        image = gallery.image(name, row, f"{file}: {truth}, taken for {remark.said}")
        tiles.append(
            tile(image, truth, remark.said, remark.sure, file, data_set=name, data_group=str(names[numbers[row]]))
        )
    held = sum(map(len, sets.values()))
    few = "" if len(found) <= TILES else f" These are the {TILES} worst; {rest}."
    lead = (
        f"{plural(len(found), 'answer')} of {whole(held)} on {listed(list(sets))}, the surest first: what it is, what "
        f"the {SHOWN_AS[kind]} file said, and how sure it was.{few}"
    )
    if what.startswith("one of"):
        lead = f"{plural(len(found), 'answer')} of {whole(held)}, {what}: what it is, what was said, how far off.{few}"
    filters = element(
        "p",
        _choice("set", "Set", list(sets)),
        _choice("group", "What it is", sorted({str(n) for names, _ in groups.values() for n in names})),
        element("output", id="shown", for_="by-set by-group"),
        class_="filters", hidden=True,
    )  # fmt: skip
    more = element("p", element("button", "Show all", type="button", id="more", class_="more"), hidden=True)
    return Section("wrong", title, lead, joined(filters, element("div", *tiles, class_="tiles", id="worst"), more))


def _choice(name: str, label: str, values: Sequence[str]) -> Markup:
    options = [element("option", "all", value=""), *(element("option", value, value=value) for value in values)]
    return element("label", label, " ", element("select", *options, id=f"by-{name}", data_by=name))


def explorer(found: Explorer | None, report: Report, wrong: Mapping[tuple[str, int], bool]) -> Section:
    """Where the network sees each sample.

    Args:
        found: the explorer.
        report: says why there is none.
        wrong: for held-out samples whether the INT8 file is wrong.
    """
    title = "How the network sees the data"
    if found is None:
        reason = report.missing.get("explorer") or report.missing.get("features") or "this run left no explorer.zip"
        return Section("explorer", title, f"Not known: {reason}.", Markup())
    total = sum(report.samples.values())
    few = "" if len(found.points) == total else f"{whole(len(found.points))} of {whole(total)} samples. "
    lead = (
        f"{few}Each dot is a sample, placed by the features of the network before fine-tuning: what looks alike to it "
        "lies together. Small dots are training, large ones held out, and rings mark wrong answers. A dot among those "
        "of another class is worth a look."
    )
    dots = [_dot(number, point, wrong.get((point.set, point.row), False)) for number, point in enumerate(found.points)]
    order = sorted(range(len(dots)), key=lambda number: found.points[number].set != "training")
    plane = element(
        "svg", element("title", "Map of the samples. The arrow keys go from one to the next."),
        *(dots[number] for number in order), element("circle", r=9, class_="cursor", cx=-20, cy=-20),
        viewBox=f"0 0 {PLANE} {PLANE}", id="plane", tabindex="0", role="application", class_="plane",
        aria_label="Map of the samples; the arrow keys go from one to the next", aria_describedby="pointed",
    )  # fmt: skip
    legend = [
        element(
            "li",
            element(
                "button",
                element("span", class_=f"key g{number % HUES}", aria_hidden="true"),
                name,
                type="button",
                aria_pressed="false",
                data_group=number,
            ),
        )
        for number, name in enumerate(found.groups)
    ]
    hint = element("p", "Point at a dot or tap it, or use the arrow keys.", class_="note")
    aside = element(
        "div",
        element("ul", *legend, class_="legend", aria_label="Show one kind alone"),
        element("div", hint, id="pointed", aria_live="polite"),
        class_="aside",
    )
    return Section("explorer", title, lead, element("div", plane, aside, class_="explorer"))


def _dot(number: int, point: Point, wrong: bool) -> Markup:
    x, y = round(12 + (PLANE - 24) * point.x), round(12 + (PLANE - 24) * (1 - point.y))
    held = "" if point.set == "training" else " held"
    name = f"g{point.group % HUES}{held}{' miss' if wrong else ''}"
    return element("circle", cx=x, cy=y, r=3 if held else 2, class_=name, data_p=number)


def health(report: Report, gallery: Gallery) -> Section:
    """How sound the data are."""
    found, title = report.health, "Are the data sound?"
    account = _account(report)
    if found is None:
        reason = report.missing.get("health", "this run did not look")
        return Section("data", title, f"Not known: {reason}.", account)
    return Section(
        "data",
        title,
        _summary(report, found),
        joined(_balance(found), _copied(found), _doubts(found, gallery), account),
    )


def _summary(report: Report, found: Health) -> str:
    counts = [
        sum(by_set.get(name, 0) for by_set in found.balance.values()) for name in next(iter(found.balance.values()))
    ]
    ratio = max(counts) / max(min(counts), 1)
    held = plural(found.copies, "held-out sample is", "held-out samples are")
    parts = ["No sample of a held-out set is in training."]
    if found.copies:
        parts = [f"{held} in training too, to the last bit, so figures on them flatter the model."]
    if ratio >= UNEVEN:
        parts.append(f"The most frequent kind has {ratio:.1f} times as many samples as the rarest.")
    if found.contradictory:
        parts.append(f"{plural(found.contradictory, 'sample has', 'samples have')} an equal one under another label.")
    if found.doubted is None:
        parts.append(f"Labels were not doubted: {found.why_not}.")
    elif found.doubted:
        parts.append(f"{plural(found.doubted, 'label looks', 'labels look')} wrong.")
    if report.broken:
        parts.append(f"{plural(len(report.broken), 'picture is', 'pictures are')} broken and left out.")
    return " ".join(parts)


def _balance(found: Health) -> Markup:
    names = list(next(iter(found.balance.values())))
    most = {name: max(max(counts.values()), 1) for name, counts in found.balance.items()}
    head = [element("th", name, scope="col", class_="n") for name in found.balance]
    rows = [
        element(
            "tr",
            element("th", name, scope="row"),
            *(
                element(
                    "td", bar(counts[name] / most[of], "other"), element("span", whole(counts[name])), class_="n barred"
                )
                for of, counts in found.balance.items()
            ),
        )
        for name in names
    ]
    total = [element("td", whole(sum(counts.values())), class_="n") for counts in found.balance.values()]
    title = "Samples of each kind"
    return scrolling(
        element(
            "table", element("caption", title), element("thead", element("tr", element("td"), *head)),
            element("tbody", *rows), element("tfoot", element("tr", element("th", "all", scope="row"), *total)),
        ),
        title,
    )  # fmt: skip


def _copied(found: Health) -> Markup | None:
    if not found.copied:
        return None
    rows = [[str(len(group)), "; ".join(f"{name}: {file}" for name, file in group)] for group in found.copied]
    columns = Columns(
        "Samples that are equal, to the last bit of what the network sees", ["how many", "which"], rows, texts=2
    )
    first = f"{plural(found.repeated, 'sample repeats', 'samples repeat')} an earlier one"
    return element("details", element("summary", first), table(columns))


def _doubts(found: Health, gallery: Gallery) -> Content:
    if not found.doubts:
        return None
    tiles = [
        tile(
            gallery.image(doubt.set, doubt.row, f"{doubt.file}: labelled {doubt.truth}"),
            doubt.truth, doubt.said, doubt.sure, f"{doubt.set}: {doubt.file}",
        )
        for doubt in found.doubts
    ]  # fmt: skip
    few = "" if found.doubted == len(tiles) else f", the first {len(tiles)} of {found.doubted}"
    note = element(
        "p",
        f"Labels that look wrong{few}: a linear model on the features, fitted on other samples than these, is sure of "
        "something else. Some are wrong labels, some are hard pictures.",
    )  # fmt: skip
    return joined(element("h3", "Labels to look at"), note, element("div", *tiles, class_="tiles"))


def _account(report: Report) -> Markup:
    reading = report.reading
    rows = [["files in the folder", whole(reading.get("files", 0))]]
    rows += [[f"broken, {reason}", name] for name, reason in report.broken[:NAMED]]
    if len(report.broken) > NAMED:
        rows.append(["broken", f"{whole(len(report.broken) - NAMED)} more, in report.json"])
    rows += [[f"not read: {kind}", whole(count)] for kind, count in reading.get("not_read_by_kind", {}).items()]
    if reading.get("unlisted"):
        rows.append(["without a label", whole(reading["unlisted"])])
    rows += [["remark", remark] for remark in reading.get("remarks", ())]
    if len(rows) == 1:
        return Markup()
    return table(Columns("What was read", ["what", "how many, or which"], rows, texts=2))

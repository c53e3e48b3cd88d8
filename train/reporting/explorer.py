"""`explorer.zip`: where the network sees each sample, and small pictures of them. A page is made of it again."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ei_compat.core.errors import FormatError
from train.batches import as_float
from train.inspection.projection import Components, project
from train.inspection.thumbnails import thumbnails
from train.page.images import Sprites

if TYPE_CHECKING:
    from collections.abc import Iterator

    from train.samples import Samples
    from train.scaling import Scaling
    from train.tasks import Task

INDEX = "index.json"
SHOWN = 2500  # samples at most
DIGITS = 4  # of a place
VERSION = 1
CHANNELS = (1, 3)  # of what can be shown as a picture


@dataclass(frozen=True, slots=True)
class Point:
    """One sample of the explorer.

    Attributes:
        set, row, file: which it is.
        truth: its target as text.
        group: the number of its class, or of the part of the targets' range.
        x, y: its place, from 0 to 1.
    """

    set: str
    row: int
    file: str
    truth: str
    group: int
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Explorer:
    """Points, and the picture of each in the same order; no pictures where samples are none.

    Attributes:
        points: in the order of the sets.
        groups: what `Point.group` counts; see `Task.groups`.
        sheets: of the pictures.
    """

    points: tuple[Point, ...]
    groups: tuple[str, ...]
    sheets: Sprites | None


def chosen(sets: Mapping[str, int], first: Sequence[tuple[str, int]], count: int = SHOWN) -> list[tuple[str, int]]:
    """Which samples a page shows: those that it speaks of first, then of held-out sets and of training, evenly spread.

    Args:
        sets: how many samples each has.
        first: sets and rows of those to begin with.
        count: how many at most.

    Returns:
        Sets and rows, in the order of the sets.
    """
    wanted = list(dict.fromkeys(first))[:count]
    held = [(name, row) for name, size in sets.items() if name != "training" for row in range(size)]
    for rest in (held, [("training", row) for row in range(sets.get("training", 0))]):
        taken = set(wanted)
        left, room = [place for place in rest if place not in taken], count - len(wanted)
        wanted += [left[row] for row in np.unique(np.linspace(0, len(left) - 1, min(room, len(left))).astype(int))]
    order = {name: number for number, name in enumerate(sets)}
    return sorted(wanted, key=lambda place: (order[place[0]], place[1]))


def explorer_of(
    task: Task,
    sets: Mapping[str, Samples],
    components: Mapping[str, np.ndarray],
    places: Sequence[tuple[str, int]],
    scaling: Scaling | None,
    seed: int,
) -> Explorer:
    """The explorer of some samples.

    Args:
        task: of their targets.
        sets: as training was given them.
        components: principal components [N, C] of their features.
        places: sets and rows of the samples.
        scaling: of their pixels; None where they are no pictures.
        seed: of the arrangement.
    """
    where = project(np.stack([components[name][row] for name, row in places]), seed)
    return _placed(task, sets, places, where, scaling)


def unplaced(
    task: Task, sets: Mapping[str, Samples], places: Sequence[tuple[str, int]], scaling: Scaling | None
) -> Explorer:
    """The same without a map: samples and their pictures alone; see `explorer_of`."""
    return _placed(task, sets, places, np.zeros((len(places), 2)), scaling)


def _placed(
    task: Task,
    sets: Mapping[str, Samples],
    places: Sequence[tuple[str, int]],
    where: np.ndarray,
    scaling: Scaling | None,
) -> Explorer:
    """The explorer of samples whose places [N, 2] are known."""
    y = np.stack([sets[name].y[row] for name, row in places])
    groups, numbers = task.groups(y, np.concatenate([samples.y for samples in sets.values()]))
    of_each = zip(places, task.truths(y), numbers, where, strict=True)
    points = tuple(
        Point(name, row, sets[name].names[row], truth, int(number), round(float(x), DIGITS), round(float(y), DIGITS))
        for (name, row), truth, number, (x, y) in of_each
    )
    if scaling is None:
        return Explorer(points, tuple(groups), None)
    shape = sets[places[0][0]].x.shape[1:]
    return Explorer(points, tuple(groups), thumbnails(_images(sets, places, scaling), shape))


def _images(sets: Mapping[str, Samples], places: Sequence[tuple[str, int]], scaling: Scaling) -> Iterator[np.ndarray]:
    for name, row in places:
        x = sets[name].x[np.array([row])]
        if x.dtype == np.uint8:
            yield x[0]
        else:
            zero = scaling.zero.astype(np.float32)
            yield np.clip(np.rint((as_float(x)[0] + zero) * 255), 0, 255).astype(np.uint8)


def packed(explorer: Explorer) -> bytes:
    """The content of `explorer.zip`; the same for the same explorer."""
    sheets = explorer.sheets
    index = {
        "version": VERSION,
        "pictures": sheets and {"width": sheets.width, "height": sheets.height, "columns": sheets.columns},
        "groups": list(explorer.groups),
        "points": [[p.set, p.row, p.file, p.truth, p.group, p.x, p.y] for p in explorer.points],
    }
    files = {INDEX: json.dumps(index).encode()}
    files |= {f"sheet-{number}.webp": content for number, content in enumerate(sheets.files if sheets else ())}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)  # with the zip's own beginning of time
    return buffer.getvalue()


def unpacked(content: bytes, where: Path | str) -> Explorer:
    """The explorer in the content of an `explorer.zip`.

    Raises:
        FormatError: it is none.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            index = json.loads(archive.read(INDEX))
            if index["version"] != VERSION:
                raise ValueError(f"version {index['version']}")
            count = sum(name.endswith(".webp") for name in archive.namelist())
            files = tuple(archive.read(f"sheet-{number}.webp") for number in range(count))
        points = tuple(Point(*point) for point in index["points"])
        images = index["pictures"]
        return Explorer(points, tuple(index["groups"]), Sprites(files=files, **images) if images else None)
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        raise FormatError(f"is no explorer of a run: {error}", where=where) from None


def components_of(features: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The principal components of features by set, found on those of training."""
    flat = {name: found.reshape(len(found), -1) for name, found in features.items()}
    components = Components.of(flat["training"])
    return {name: components(found) for name, found in flat.items()}

"""`split`, `convert` and `formats`: datasets from one shape into another, and which shapes there are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import typer

from ei_compat.core.errors import UsageError
from train.cli import console, names
from train.cli.examples import examples
from train.result import Columns

if TYPE_CHECKING:
    from ei_compat.dataset.dataset import Dataset
    from ei_compat.dataset.reading import Reading
    from ei_compat.dataset.split import SplitCounts
    from ei_compat.formats import Format
    from ei_compat.formats.conversion import Converted
    from ei_compat.media.signals import SignalForm

SOURCE = typer.Argument(help="The dataset to read: a folder, or a label file such as info.labels.", show_default=False)
TARGET = typer.Argument(help="A new or empty folder outside of it.", show_default=False)
FORM = typer.Option(
    None,
    "--from",
    autocompletion=names.FORMATS,
    help="The format of SOURCE, where it is not to be found out; `ei-train formats` lists all.",
)
AS_JSON = typer.Option(False, "--json", help="Print the result as JSON.")
SHOWN = 5  # lines of one kind of warning


@dataclass(frozen=True, slots=True)
class SplitView:
    """A split as the terminal shows it."""

    schema: ClassVar[str] = "split/1"
    counts: SplitCounts
    target: Path
    reading: Reading

    def as_json(self) -> dict[str, Any]:
        """See `SplitCounts.as_json` and `Reading.as_json`."""
        return self.counts.as_json() | {"target": str(self.target), "reading": self.reading.as_json()}

    def as_tables(self) -> list[Columns]:
        """One row per class and the total."""
        totals = self.counts.totals
        rows = [[label, *map(str, row), str(sum(row))] for label, row in self.counts.classes.items()]
        rows.append(["total", *map(str, totals), str(sum(totals))])
        facts = [f"{self.counts.duplicates} exact copies kept together"] if self.counts.duplicates else []
        facts += [f"{self.counts.groups} groups kept together"] if self.counts.groups else []
        caption = "\n".join([*([", ".join(facts)] if facts else []), *self.reading.lines()]) or None
        return [Columns(str(self.target), ["class", "training", "validation", "testing", "all"], rows, caption)]


@dataclass(frozen=True, slots=True)
class ConvertView:
    """A conversion as the terminal shows it."""

    schema: ClassVar[str] = "convert/1"
    converted: Converted
    target: Path

    def as_json(self) -> dict[str, Any]:
        """See `Converted.as_json`."""
        return self.converted.as_json() | {"target": str(self.target)}

    def as_tables(self) -> list[Columns]:
        """One row per category."""
        done = self.converted
        rows = [[category, str(count)] for category, count in done.samples.items()]
        rows += [["left out", str(len(done.left_out))]] if done.left_out else []
        title = f"{self.target}: {done.source} to {done.target}"
        facts = ["not carried: " + ", ".join(done.lost)] if done.lost else []
        caption = "\n".join([*facts, *done.reading.lines()]) or None
        return [Columns(title, ["category", "samples"], rows, caption)]


@dataclass(frozen=True, slots=True)
class FormatsView:
    """The dataset formats as the terminal shows them.

    Attributes:
        formats: in the order in which they are tried.
    """

    schema: ClassVar[str] = "formats/1"
    formats: tuple[Format, ...]

    def as_json(self) -> dict[str, Any]:
        """Every format with what it is known by and what it carries; each is read and written."""
        return {
            "formats": [
                {
                    "name": kind.name,
                    "aliases": [alias for alias, name in names.ALIASES.items() if name == kind.name],
                    "looks_for": kind.looks_for,
                    "reads": True,
                    "writes": True,
                    "carries": sorted(kind.carries),
                }
                for kind in self.formats
            ]
        }

    def as_tables(self) -> list[Columns]:
        """A row per format: labels, what else it carries, and what it is known by."""
        from ei_compat.formats import LABELS, Carries

        labels = LABELS | {Carries.EMPTY}
        kinds = [each for each in Carries if each in labels], [each for each in Carries if each not in labels]
        rows = [
            [kind.name, *(", ".join(each for each in some if each in kind.carries) for some in kinds), kind.looks_for]
            for kind in self.formats
        ]
        short = "; ".join(f"{alias} is short for {name}" for alias, name in names.ALIASES.items())
        caption = f"Each is read and written; they are tried in this order. {short}."
        return [Columns("Dataset formats", ["", "labels", "besides", "known by"], rows, caption, texts=4)]


def split(
    source: Path = SOURCE,
    target: Path = TARGET,
    train: float = typer.Option(0.64, help="Share of the training set."),
    validation: float = typer.Option(0.16, help="Share of the validation set."),
    test: float = typer.Option(0.20, help="Share of the testing set."),
    seed: int = typer.Option(1, help="Of the shuffle; the same seed gives the same split on every machine."),
    group_by: str | None = typer.Option(
        None,
        help="Regular expression searched in each path; equal first groups (or matches) stay together.",
    ),
    task: str | None = typer.Option(
        None,
        autocompletion=names.TASKS,
        help="regression where labels are numbers: each range of them gets its share, as classes do without.",
    ),
    form: str | None = FORM,
    copy: bool = typer.Option(False, "--copy", help="Copy the files; without it they are hard-linked where possible."),
    as_json: bool = AS_JSON,
) -> None:
    """Split a dataset into training, validation and testing, per class, as an Edge Impulse export."""
    from ei_compat.core.files import refuse_occupied
    from ei_compat.dataset.split import Shares, count_split, find_copies, labelled, split_dataset
    from ei_compat.formats import WriteOptions, write_dataset
    from ei_compat.media.image_files import foreign
    from train.cli.progress import bars
    from train.data import in_strata, task_of, with_sides_of
    from train.tasks import TASKS

    shares, pattern = Shares(train, validation, test), _pattern(group_by)
    refuse_occupied(target)
    progress = bars()
    dataset, bare = labelled(open_source(source, form))
    if bare is not None:
        console.warn(bare)
    copies = find_copies(dataset.samples, progress)
    counted = dataset if task is None else in_strata(dataset, task_of(TASKS.named(task), dataset))
    divided = split_dataset(counted, shares, seed=seed, group_by=pattern, copies=copies)
    parted = with_sides_of(divided, dataset)
    write_dataset(parted, target, "ei-export", options=WriteOptions(copy=copy), progress=progress)
    counts = count_split(parted, pattern, copies=copies)
    if task is not None:
        counts = replace(counts, classes=count_split(divided, copies=copies).classes)
    pairs = [f"{one} and {other} are the same file with different labels" for one, other in counts.conflicts]
    _warn_of(pairs, "such pairs")
    _warn_of([f"{name} {reason}" for name, reason in foreign(dataset.samples)], "files that are no pictures")
    console.show(SplitView(counts, target, parted.reading), as_json=as_json)


def open_source(source: Path, form: str | None) -> Dataset:
    """The dataset; what was decided or left out while it was read is warned of at once."""
    from ei_compat.formats import open_dataset

    dataset = open_dataset(source, format=names.ALIASES.get(form, form) if form else None)
    for line in dataset.reading.lines():
        console.warn(line)
    return dataset


def _warn_of(lines: Sequence[str], called: str) -> None:
    """Warns of the first few, and says how many more there are."""
    for line in lines[:SHOWN]:
        console.warn(line)
    if len(lines) > SHOWN:
        console.warn(f"and {len(lines) - SHOWN} more {called}")


def _pattern(text: str | None) -> re.Pattern[str] | None:
    try:
        return None if text is None else re.compile(text)
    except re.error as error:
        raise UsageError(f"--group-by {text!r} is not a regular expression: {error}") from None


def convert(
    source: Path = SOURCE,
    target: Path = TARGET,
    to: str = typer.Option(
        ...,
        autocompletion=names.FORMATS,
        help="arrays, ei, folders, file-names, openmv, … ; `ei-train formats` lists all.",
    ),
    image_size: int | None = typer.Option(None, help="Width and height of the pictures in arrays."),
    channels: int = typer.Option(3, help="3 for RGB, 1 for grayscale; in arrays."),
    resize_mode: str = typer.Option(
        "fit-short",
        autocompletion=names.RESIZE_MODES,
        help="fit-short crops, fit-long pads, squash distorts; in arrays.",
    ),
    max_broken: float = typer.Option(0.01, help="Share of pictures that arrays may leave out as broken."),
    signal_format: str | None = typer.Option(
        None, autocompletion=names.SIGNAL_FORMS, help="Store every signal as json, cbor, csv or wav."
    ),
    form: str | None = FORM,
    copy: bool = typer.Option(False, "--copy", help="Copy the files; without it they are hard-linked where possible."),
    as_json: bool = AS_JSON,
) -> None:
    """Convert any readable dataset into another format."""
    from ei_compat.core.files import refuse_occupied
    from ei_compat.formats import WriteOptions, conversion, format_named
    from ei_compat.media.images import ImageSpec
    from train.cli.progress import bars

    chosen = format_named(names.ALIASES.get(to, to))
    if image_size is not None and chosen.name != "arrays":
        raise UsageError("--image-size is for --to arrays; other formats keep the files as they are")
    spec = None if image_size is None else ImageSpec(image_size, image_size, channels, resize_mode)
    refuse_occupied(target)
    options = WriteOptions(copy=copy, spec=spec, max_broken=max_broken, signal_form=_signal_form(signal_format))
    dataset = open_source(source, form)
    done = conversion.convert(dataset, target, chosen.name, options=options, progress=bars())
    for name, reason in done.left_out:
        console.warn(f"left out {name}: {reason}")
    for line in done.reading.remarks[len(dataset.reading.remarks) :]:
        console.warn(line)
    console.show(ConvertView(done, target), as_json=as_json)


def formats(as_json: bool = AS_JSON) -> None:
    """List the dataset formats: what each carries, and what it is known by."""
    from ei_compat.formats import FORMATS

    console.show(FormatsView(FORMATS), as_json=as_json)


def _signal_form(name: str | None) -> SignalForm | None:
    from ei_compat.media.signals import SignalForm

    if name is not None and name not in set(SignalForm):
        raise UsageError(f"no signal format {name!r}", where="--signal-format", fix="use " + ", ".join(SignalForm))
    return None if name is None else SignalForm(name)


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command(epilog=examples("split"))(split)
    app.command(epilog=examples("convert"))(convert)
    app.command(epilog=examples("formats"))(formats)

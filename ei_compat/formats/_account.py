"""Account of a folder: which of its files became samples, were used as labels, are harmless, or were not read.

A label file that lies there unread, while the labels came from anywhere else, is an error: one of the two is wrong, or
it belongs elsewhere, and only the user knows which.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from ei_compat.core.errors import FormatError
from ei_compat.dataset.dataset import IMAGE_SUFFIXES, Dataset, FilePayload
from ei_compat.dataset.reading import Kind, NotRead, Reading
from ei_compat.formats._harmless import is_document
from ei_compat.formats._side_files import Described, is_named_like_labels, lists_only
from ei_compat.formats._tree import SAMPLE_SUFFIXES, TEXT_SIGNALS, Tree, join, suffix_of

GUESSED = frozenset({"folders", "file-names"})  # formats whose labels are in no file
COLUMNS = "file_name,class_name (or file_name,classes,xmin,ymin,xmax,ymax for boxes)"


def accounted(dataset: Dataset, tree: Tree, place: Tree) -> Dataset:
    """The dataset with every file of the folder in its account.

    Args:
        dataset: as a reader gave it; its `reading` names the label files that were used.
        tree: the folder that the user named.
        place: the folder that was read, which is it or lies in it.

    Raises:
        FormatError: when a label file was not read, unless the user named it or the format.
    """
    samples = {sample.payload.relative for sample in dataset.samples if isinstance(sample.payload, FilePayload)}
    label_files = [join(place.prefix, path) for path in dataset.reading.label_files]
    used = {join(place.prefix, path) for path in samples}.union(label_files)
    described = Described([*samples, *place.samples])
    harmless, not_read = tree.system, list[NotRead]()
    for path in tree.files:
        if path in used:
            continue
        name = path.rpartition("/")[2]
        if is_document(name):
            harmless += 1
        elif dataset.format in GUESSED and is_named_like_labels(name) and lists_only(tree.root / path, dataset.labels):
            label_files.append(path)  # it agrees
        else:
            not_read.append(NotRead(_printable(path), _kind(tree, path, described, dataset.format)))
    not_read += [NotRead(_printable(path), Kind.OTHER) for path in tree.barred()]
    remarks = (*dataset.reading.remarks, *_alike(dataset.labels))
    if place.prefix:
        remarks = (f"the folder {place.prefix!r} was entered, since no other one holds samples", *remarks)
    if not (tree.sure or tree.only):
        _refuse_labels(tree, not_read, label_files, dataset)
    account = replace(
        dataset.reading,
        files=len(tree.files) + tree.system + len(tree.barred()),
        label_files=tuple(label_files),
        harmless=harmless,
        not_read=tuple(not_read),
        remarks=remarks,
    )
    return replace(dataset, reading=account)


def _alike(labels: Iterable[str]) -> Iterator[str]:
    """What to say of classes whose names look the same; single letters are told apart by their capitals."""
    looks: dict[str, list[str]] = {}
    for label in labels:
        looks.setdefault(" ".join(label.casefold().split()), []).append(label)
    groups = [names for look, names in looks.items() if len(names) > 1 and len(look) > 1]
    if groups:
        named = " and ".join(map(repr, groups[0][:2]))
        yield f"classes that differ in capitals or spaces only are kept apart, such as {named}"


def account_of(tree: Tree, used: Collection[str]) -> Reading:
    """The account of a folder of which these files were used."""
    described = Described(())
    left = [path for path in tree.files if path not in used]
    not_read = [NotRead(_printable(path), _kind(tree, path, described, "")) for path in left if not _is_harmless(path)]
    files = len(tree.files) + tree.system
    return Reading(tuple(sorted(used)), files, files - len(used) - len(not_read), tuple(not_read))


def _is_harmless(path: str) -> bool:
    return is_document(path.rpartition("/")[2])


def refuse_unread_labels(tree: Tree, place: Tree) -> None:
    """Refuses a folder whose labels would be guessed although a file in it holds labels of its samples.

    Raises:
        FormatError: naming the file and what it would need.
    """
    if tree.only is not None:
        return
    described = Described(place.samples)
    for path in tree.files:
        name, inner = path.rpartition("/")[2], path.removeprefix(f"{place.prefix}/") if place.prefix else path
        if inner in place.samples or is_document(name):
            continue
        if described.by(tree.root / path) or is_named_like_labels(name):
            what = "holds labels, but in no form that is read"
            raise FormatError(what, where=tree.root / path, fix=f"{_advice(path)}, or move it elsewhere")


def _refuse_labels(tree: Tree, not_read: list[NotRead], used: list[str], dataset: Dataset) -> None:
    first = next((each for each in not_read if each.kind is Kind.LABELS), None)
    if first is None:
        return
    source = "names" if dataset.format in GUESSED or not used else used[0]
    found = "; ".join(replace(dataset.reading, not_read=tuple(not_read), remarks=()).lines())
    what = f"holds labels too, but labels come from {source} (read as {dataset.format}); {found}"
    fix = f"move it elsewhere, or choose with `--from {dataset.format}`"
    if dataset.format in GUESSED:
        fix = f"{_advice(first.path)}, {fix}"
    raise FormatError(what, where=tree.root / first.path, fix=fix)


def _advice(path: str) -> str:
    """What would have a label file read."""
    name, suffix = path.rpartition("/")[2].lower(), suffix_of(path)
    if name == "_classes.csv":
        return f"make it a table with the columns {COLUMNS}, or export the set as folders of classes"
    if suffix == ".csv":
        return f"give it the columns {COLUMNS}, separated by commas"
    if suffix == ".tsv":
        return f"store it as .csv with the columns {COLUMNS}"
    if suffix == ".txt":
        return "put the class names beside it, a line each in classes.txt, if it is YOLO's"
    return "convert it to COCO, Pascal VOC, YOLO or CSV"


def _kind(tree: Tree, path: str, described: Described, form: str) -> Kind:
    suffix = suffix_of(path)
    if suffix in IMAGE_SUFFIXES:
        return Kind.IMAGE
    if path in tree.samples or suffix in SAMPLE_SUFFIXES - TEXT_SIGNALS:
        return Kind.SIGNAL
    if described.by(tree.root / path) or (form in GUESSED and is_named_like_labels(path.rpartition("/")[2])):
        return Kind.LABELS
    return Kind.OTHER


def _printable(path: str) -> str:
    """A path with what is not UTF-8 in it replaced."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")

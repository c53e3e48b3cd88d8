"""Class folders and set folders, told apart; what looks like something else is refused, naming the sign.

The layout of folders is a guess, the last one: a folder is taken for a class only where nothing speaks against it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from ei_compat.core.errors import FormatError
from ei_compat.dataset.dataset import IMAGE_SUFFIXES, Category
from ei_compat.formats._folder_names import (
    CATEGORY_FOLDERS,
    is_container,
    may_be_container,
    set_named,
    sets_apart,
    words_of,
)
from ei_compat.formats._tree import Tree, join, suffix_of

FOLDERS = "folders"  # the format's name, for `--from`
_SURE = f"or say that its folders are the classes with `--from {FOLDERS}`"
_THINGS = {"train", "split"}  # names of sets that things have too, where no other set stands beside them
_UNSORTED = {"pred", "predict", "prediction", "predictions", "unlabelled", "unlabeled", "unknown", "unsorted"}
_PARTS = frozenset(
    {
        *("part", "fold", "batch", "folder", "chunk", "shard", "subset", "images", "pictures", "archive", "export"),
        *("session", "recording", "rec", "trial", "take", "day", "video", "clip", "scene", "sequence", "seq", "frames"),
        *("subject", "sub", "subj", "patient", "camera", "cam", "site", "location"),
    }
)
_GIVEN = re.compile(r"(new folder|untitled folder|neuer ordner|nouveau dossier|nueva carpeta)( ?\(?\d+\)?)?", re.I)
_COPY = re.compile(r"(.+?)(( - copy| copy|_copy| - kopie)?( ?\(\d+\))?)", re.I)  # how a file manager calls a copy
_DATE = re.compile(r"(19|20)\d\d([-_. ]?)\d\d\2\d\d\D?.*")
_MANY = 6  # classes, from which on one file in each is no accident


@dataclass(frozen=True, slots=True)
class ClassFolder:
    """A folder that holds the samples of one class, in one set.

    Attributes:
        label: the class's name.
        folder: its path below the tree's.
        category: the set; None where folders tell none.
    """

    label: str
    folder: str
    category: Category | None


@dataclass(frozen=True, slots=True)
class ClassLayout:
    """Class folders of a tree.

    Attributes:
        classes: each with its set.
        remarks: what was decided to find them.
    """

    classes: tuple[ClassFolder, ...] = ()
    remarks: tuple[str, ...] = ()


def layout_of(tree: Tree) -> ClassLayout:
    """The class folders of a tree; none where it holds no folders of samples, or only sets without classes.

    Raises:
        FormatError: when the folders look like something else than classes; not where the user named the format.
    """
    top = tree.filled("")
    sets = {name: category for name in top if (category := set_named(name)) is not None}
    apart = {} if sets else sets_apart(top)
    sets = sets or apart
    inner = {name: _descend(tree, name) for name in sets}
    deep = {name: place for name, place in inner.items() if tree.filled(place)}
    if deep:
        return _sets_of_classes(tree, top, sets, deep)
    if len(sets) == len(top) and not apart:
        return ClassLayout()
    if not tree.sure:
        for name in apart:
            raise _refused(tree, f"the folder {name!r} holds a set's word, and what may be another set lies beside it")
        _refuse_parts(tree, top)
        _refuse_sets(tree, top, sets)
        _refuse_containers(tree, top)
        _refuse_inner_classes(tree, top)
        _refuse_counts(tree, {name: [name] for name in top})
    things = tuple(
        f"the folder {name!r} was taken for a class, not for a set" for name in sets if name.lower() in _THINGS
    )
    return ClassLayout(tuple(ClassFolder(name, name, None) for name in top), (*things, *_deeper(tree, top)))


def _descend(tree: Tree, folder: str) -> str:
    """The folder, or the single one in it that holds everything, as in `seg_train/seg_train/`."""
    while True:
        below = tree.filled(folder)
        if len(below) != 1 or tree.has_samples(folder):
            return folder
        deeper = join(folder, below[0])
        own = folder.rpartition("/")[2].lower()
        if not tree.filled(deeper) and not (set_named(below[0]) or below[0].lower() == own):
            return folder  # a class by itself
        folder = deeper


def _sets_of_classes(
    tree: Tree, top: Sequence[str], sets: Mapping[str, Category], deep: Mapping[str, str]
) -> ClassLayout:
    flat = [name for name in top if not tree.filled(name) and set(words_of(name)) & CATEGORY_FOLDERS.keys()]
    other = [name for name in top if name not in {*sets, *flat} and not _UNSORTED & set(words_of(name))]
    if other:
        what = f"holds both a set, {next(iter(deep))!r}, and a class, {other[0]!r}"
        raise FormatError(what, where=tree.root, fix="move one of them elsewhere")
    classes = [
        ClassFolder(label, join(place, label), sets[name])
        for name, place in deep.items()
        for label in tree.filled(place)
    ]
    if not tree.sure:
        labels = list(dict.fromkeys(each.label for each in classes))
        _refuse_containers(tree, labels)
        for label in labels:
            if set_named(label) is not None and label.lower() not in _THINGS:
                raise _refused(tree, f"the folder {label!r}, which is named after a set, lies in another set")
        _refuse_strangers(tree, classes)
        by_label: dict[str, list[str]] = {}
        for each in classes:
            by_label.setdefault(each.label, []).append(each.folder)
        _refuse_counts(tree, by_label)
    odd = [f"{name!r} for {sets[name]}" for name in deep if name.lower() not in CATEGORY_FOLDERS]
    return ClassLayout(
        tuple(classes), (f"folders were taken for sets by their names, {', '.join(odd)}",) if odd else ()
    )


def _refuse_sets(tree: Tree, top: Sequence[str], sets: Mapping[str, Category]) -> None:
    for name in sets:
        alone = len(sets) == 1 and name.lower() in _THINGS
        opposite = name.lower() == "valid" and any(other.lower() == "invalid" for other in top)
        if not (alone or opposite):
            other = next(each for each in top if each not in sets)
            what = f"the folder {name!r} is named after a set, but holds no folders of classes, and {other!r} is no set"
            raise _refused(tree, what)


def _refuse_parts(tree: Tree, top: Sequence[str]) -> None:
    """Names that differ in a number only and speak of parts, or that a file manager gave."""
    words = {tuple(words_of(name)) for name in top}
    if len(top) > 1 and len(words) == 1 and _PARTS.intersection(*words):
        raise _refused(tree, f"{top[0]!r} and {top[1]!r} are parts of one thing by their names")
    for name in top:
        copied = _COPY.fullmatch(name)
        if _GIVEN.fullmatch(name) or (copied is not None and copied[2] and copied[1] in top):
            raise _refused(tree, f"{name!r} is what a file manager calls a folder")
    if all(map(_DATE.fullmatch, top)):
        raise _refused(tree, f"{top[0]!r} is a date")


def _refuse_containers(tree: Tree, names: Sequence[str]) -> None:
    """A container beside classes, or nothing but what could be containers."""
    certain = [name for name in names if is_container(name)]
    likely = [name for name in names if may_be_container(name)]
    if certain or (likely and len(likely) == len(names)):
        raise _refused(tree, f"the folder {(certain or likely)[0]!r} is no class by its name")


def _refuse_inner_classes(tree: Tree, top: Sequence[str]) -> None:
    """The same names in several folders that hold no sample themselves: these may be the classes, or the sets."""
    without = [name for name in top if not tree.has_samples(name)]
    below = Counter(inner for name in without for inner in tree.filled(name))
    for inner, count in below.items():
        if set_named(inner) is not None:
            outer = next(name for name in without if inner in tree.filled(name))
            raise _refused(tree, f"the folder {outer!r} holds a folder {inner!r}, which is named after a set")
        if count > 1 and 2 * count >= len(without):
            first, second = [name for name in without if inner in tree.filled(name)][:2]
            raise _refused(tree, f"both {first!r} and {second!r} hold a folder {inner!r}: which are the classes?")


def _refuse_strangers(tree: Tree, classes: Iterable[ClassFolder]) -> None:
    """Sets that have no class in common are not sets of the same classes."""
    by_set: dict[Category | None, set[str]] = {}
    for each in classes:
        by_set.setdefault(each.category, set()).add(each.label)
    names = list(by_set.values())
    for later in names[1:]:
        if min(len(later), len(names[0])) > 1 and not later & names[0]:
            what = f"the sets have no class in common: {min(names[0])!r} is in one, {min(later)!r} in another"
            raise _refused(tree, what)


def _refuse_counts(tree: Tree, folders: Mapping[str, Sequence[str]]) -> None:
    """One class of pictures is a folder of pictures; one file in each of many classes is not what classes are."""
    if len(folders) == 1:
        label, (first, *_) = next(iter(folders.items()))
        if any(suffix_of(sample) in IMAGE_SUFFIXES for sample in tree.samples_below(first)):
            raise _refused(tree, f"there is a single class, {label!r}")
    elif len(folders) >= _MANY:
        each = (sample for places in folders.values() for place in places for sample in tree.samples_below(place))
        counts = sum(1 for _ in islice(each, 2 * len(folders)))
        if counts * 5 < len(folders) * 6:
            raise _refused(tree, f"there are nearly as many folders, {len(folders)}, as samples, {counts}")


def _deeper(tree: Tree, top: Sequence[str]) -> tuple[str, ...]:
    """What to say where the samples of a class all lie in folders of its own."""
    below = {name: tree.filled(name) for name in top if not tree.has_samples(name)}
    for name, inner in below.items():
        if len(inner) > 1:
            return (f"{name}/: all samples below it are of class {name!r}, those in {', '.join(inner[:3])} too",)
    return ()


def _refused(tree: Tree, sign: str) -> FormatError:
    fix = f"name the folder that holds the class folders, or train/, validation/ and test/ with them; {_SURE}"
    return FormatError(f"these are no class folders: {sign}", where=tree.root, fix=fix)

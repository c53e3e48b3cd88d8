"""Meaning of folders' names: a set, a mere container, or something that may be a class."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ei_compat.dataset.dataset import Category

_WORD = re.compile(r"[a-z]+")

CATEGORY_FOLDERS = {
    "train": Category.TRAINING,
    "training": Category.TRAINING,
    "val": Category.VALIDATION,
    "valid": Category.VALIDATION,
    "validation": Category.VALIDATION,
    "dev": Category.VALIDATION,
    "test": Category.TESTING,
    "testing": Category.TESTING,
    "post-processing": Category.POST_PROCESSING,
    "split": Category.SPLIT,
}
_LATER = {"post-processing", "split"}  # Edge Impulse's own, whole names only
# Words that say nothing beside a set's: `training_set`, `Train_Data`, `seg_test`, `test images`.
_FILLERS = frozenset(
    [
        "set",
        "sets",
        "data",
        "dataset",
        "datasets",
        "folder",
        "dir",
        "split",
        "images",
        "image",
        "imgs",
        "img",
        "pictures",
        "pics",
        "photos",
        "samples",
        "files",
        "jpg",
        "jpeg",
        "png",
        "seg",
        "cls",
        "raw",
        "new",
        "final",
    ]
)
# Names of folders that hold the parts of a dataset and are no classes.
_CONTAINERS = frozenset(
    [
        "images",
        "image",
        "imgs",
        "img",
        "pictures",
        "annotations",
        "annotation",
        "annots",
        "labels",
        "masks",
        "audio",
        "audios",
        "data",
        "dataset",
        "datasets",
        "jpegimages",
        "segmentations",
        "groundtruth",
        "gt",
        "bboxes",
        "train_images",
        "test_images",
        "thumbs",
    ]
)
# The same, but people do name classes so: containers where nothing else stands beside them, or another container does.
_WEAK_CONTAINERS = frozenset(
    [
        "mask",
        "photos",
        "photo",
        "pics",
        "raw",
        "frames",
        "frame",
        "samples",
        "sample",
        "label",
        "wav",
        "wavs",
        "sounds",
        "sound",
        "recordings",
        "files",
        "jpg",
        "jpeg",
        "jpegs",
        "png",
        "pngs",
        "input",
        "output",
        "inputs",
        "outputs",
        "classes",
        "csv",
        "json",
        "xml",
        "txt",
        "misc",
        "others",
        "upload",
        "uploads",
        "downloads",
        "original",
        "originals",
        "augmented",
        "processed",
        "preprocessed",
        "resized",
        "cropped",
        "backup",
        "archive",
    ]
)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WORD = re.compile(r"[^\W\d_]+")
_FUSED = re.compile(r"(train|training|test|testing|val|valid|validation|dev)(sets?|data|images?|imgs?|pics|ing)")


def words_of(name: str) -> list[str]:
    """The words of a name in lower case; digits, signs and a change of case part them, `trainset` is two."""
    words: list[str] = []
    for word in _WORD.findall(_CAMEL.sub(" ", name)):
        fused = _FUSED.fullmatch(word.lower())
        words += [fused[1], fused[2]] if fused and word.lower() not in CATEGORY_FOLDERS else [word.lower()]
    return words


def set_named(folder: str) -> Category | None:
    """The set that a folder's whole name means, such as `train`, `Training_Set` or `test1`; else None."""
    if folder.lower() in CATEGORY_FOLDERS:
        return CATEGORY_FOLDERS[folder.lower()]
    words = words_of(folder)
    found = {CATEGORY_FOLDERS[word] for word in words if word in CATEGORY_FOLDERS and word not in _LATER}
    rest = [word for word in words if word not in CATEGORY_FOLDERS]
    return found.pop() if len(found) == 1 and all(word in _FILLERS for word in rest) else None


def without_set(name: str) -> tuple[tuple[str, ...], Category | None]:
    """The words of a name that speak of no set, and the set that the others mean: `cats_train` is cats, training."""
    words = words_of(name)
    found = {CATEGORY_FOLDERS[word] for word in words if word in CATEGORY_FOLDERS}
    rest = tuple(word for word in words if word not in CATEGORY_FOLDERS and word not in _FILLERS)
    return rest, found.pop() if len(found) == 1 else None


def sets_apart(names: Iterable[str]) -> dict[str, Category]:
    """Folders that are one thing in several sets, with these: `alphabet_train` beside `alphabet_test`, or `alphabet`.

    So are folders of which every one holds a set's word, but those that only speak of tests, as outcomes do.
    """
    families: dict[tuple[str, ...], dict[str, Category | None]] = {}
    for name in names:
        rest, category = without_set(name)
        families.setdefault(rest, {})[name] = category
    found = [list(family.values()) for family in families.values()]
    each = {category for family in found for category in family}
    everywhere = len(found) > 1 and None not in each and each != {Category.TESTING}
    return {
        name: category
        for family in families.values()
        if everywhere or len(set(family.values())) > 1
        for name, category in family.items()
        if category is not None
    }


def is_container(name: str) -> bool:
    """Whether a folder's whole name is that of a container, such as `images`, which no class is called."""
    return name.lower().replace(" ", "_") in _CONTAINERS or _squeezed(name) in _CONTAINERS


def may_be_container(name: str) -> bool:
    """Whether a folder's whole name is that of a container or of a class, such as `photos`."""
    return is_container(name) or _squeezed(name) in _WEAK_CONTAINERS


def _squeezed(name: str) -> str:
    return re.sub(r"[\W\d_]+", "", name.lower())


def category_of_path(relative: str) -> Category | None:
    """The set that a path's folders or a label file's name speak of, such as `train2017/` or `val-annotations.csv`.

    Whole words only, unlike the official uploader, which finds `val` in `valve`; and `val` is the validation set here,
    which the official uploader has no name for and puts into testing.
    """
    for part in relative.lower().split("/"):
        for word in [part, *_WORD.findall(part)]:
            if word in CATEGORY_FOLDERS:
                return CATEGORY_FOLDERS[word]
    return None

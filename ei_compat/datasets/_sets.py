"""Names of the folders that hold a set: training, validation, testing."""

from __future__ import annotations

from ei_compat.dataset import Category

CATEGORY_FOLDERS = {
    "train": Category.TRAINING,
    "training": Category.TRAINING,
    "val": Category.VALIDATION,
    "valid": Category.VALIDATION,
    "validation": Category.VALIDATION,
    "test": Category.TESTING,
    "testing": Category.TESTING,
    "post-processing": Category.POST_PROCESSING,
    "split": Category.SPLIT,
}


def set_named(folder: str) -> Category | None:
    """The set that a folder's name means; None where it means none."""
    return CATEGORY_FOLDERS.get(folder.lower())

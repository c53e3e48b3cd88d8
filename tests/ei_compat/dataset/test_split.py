"""The splitter: exact shares, nothing that leaks, the same everywhere."""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ei_compat.core.errors import DataError, UsageError
from ei_compat.core.files import SMALL
from ei_compat.dataset.dataset import UNLABELLED, Category, ClassLabel, Dataset, FilePayload, Sample
from ei_compat.dataset.split import SETS, Shares, class_of, count_split, find_copies, split_dataset
from ei_compat.dataset.stratify import Group, apportion, assign
from ei_compat.formats import open_dataset
from tests.ei_compat.made import class_folders, draw

USUAL = Shares(0.64, 0.16, 0.20)


def listed(root, ids_by_class: dict[str, list[str]]) -> Dataset:
    """Samples whose files are all different: each holds its own id."""
    samples = []
    for label, ids in ids_by_class.items():
        for identity in ids:
            (root / identity).parent.mkdir(parents=True, exist_ok=True)
            (root / identity).write_text(identity)
            samples.append(Sample(identity, identity, None, ClassLabel(label), FilePayload(str(root), identity)))
    return Dataset.of(samples, format="made", root=root)


def counts(dataset: Dataset) -> dict[str, tuple[int, int, int]]:
    return dict(count_split(dataset).classes)


@pytest.mark.parametrize(
    ("count", "shares", "expected"),
    [
        (100, (0.64, 0.16, 0.20), (64, 16, 20)),
        (2527, (0.64, 0.16, 0.20), (1617, 404, 506)),
        (3, (0.64, 0.16, 0.20), (1, 1, 1)),
        (2, (0.64, 0.16, 0.20), (1, 0, 1)),
        (2, (0.2, 0.4, 0.4), (1, 1, 0)),
        (1, (0.64, 0.16, 0.20), (1, 0, 0)),
        (10, (0.8, 0.2, 0.0), (8, 2, 0)),
        (7, (1.0, 0.0, 0.0), (7, 0, 0)),
        (5, (0.98, 0.01, 0.01), (3, 1, 1)),
        (0, (0.64, 0.16, 0.20), (0, 0, 0)),
    ],
    ids=lambda value: str(value),
)
def test_apportion(count, shares, expected):
    assert apportion(count, shares) == expected


def test_each_class_gets_its_shares(tmp_path):
    made = listed(tmp_path, {"a": [f"a/{i}.jpg" for i in range(100)], "b": [f"b/{i}.jpg" for i in range(25)]})
    assert counts(split_dataset(made, USUAL, seed=1)) == {"a": (64, 16, 20), "b": (16, 4, 5)}


def test_the_same_whatever_the_order_and_another_with_another_seed(tmp_path):
    made = listed(tmp_path, {"a": [f"a/{i}.jpg" for i in range(50)], "b": [f"b/{i}.jpg" for i in range(30)]})
    first = {s.id: s.category for s in split_dataset(made, USUAL, seed=1).samples}
    mixed = list(made.samples)
    random.Random(7).shuffle(mixed)
    again = split_dataset(replace(made, samples=tuple(mixed)), USUAL, seed=1)
    assert {s.id: s.category for s in again.samples} == first
    assert [s.id for s in again.samples] == [s.id for s in mixed]
    assert {s.id: s.category for s in split_dataset(made, USUAL, seed=2).samples} != first


def test_groups_never_straddle(tmp_path):
    ids = {label: [f"{label}/person{p}_{i}.jpg" for p in range(10) for i in range(p + 1)] for label in "ab"}
    split = split_dataset(listed(tmp_path, ids), USUAL, seed=3, group_by=re.compile(r"(person\d+)_"))
    sides: dict[str, set[Category | None]] = {}
    for sample in split.samples:
        sides.setdefault(sample.id.split("/")[1].split("_")[0], set()).add(sample.category)
    assert all(len(side) == 1 for side in sides.values())  # across the two classes, too
    for train, validation, test in counts(split).values():
        assert abs(train - 35) <= 5
        assert abs(validation - 9) <= 5
        assert abs(test - 11) <= 5
    assert count_split(split, re.compile(r"(person\d+)_")).groups == 10


def test_copies_never_straddle_and_join_groups(tmp_path):
    ids = [f"a/g{group}_{i}.jpg" for group in range(20) for i in range(2)]
    made = listed(tmp_path, {"a": ids})
    (tmp_path / "a/g1_0.jpg").write_text("the same")
    (tmp_path / "a/g2_1.jpg").write_text("the same")
    split = split_dataset(made, USUAL, seed=1, group_by=re.compile(r"g\d+"))
    together = {s.category for s in split.samples if s.id.startswith(("a/g1_", "a/g2_"))}
    assert len(together) == 1
    assert count_split(split).duplicates == 1


@pytest.mark.parametrize("size", [0, 1, SMALL - 1, SMALL, SMALL + 1, 3 * SMALL])
def test_copies_of_any_size_are_found(size, tmp_path):
    contents = {"a.jpg": b"x" * size, "b.jpg": b"x" * size, "c.jpg": b"x" * size + b"y", "d.jpg": b"z" * size}
    samples = []
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        samples.append(Sample(name, name, None, ClassLabel("a"), FilePayload(str(tmp_path), name)))
    assert find_copies(samples) == ((("a.jpg", "b.jpg", "d.jpg") if size == 0 else ("a.jpg", "b.jpg")),)


def test_copies_with_different_labels_are_reported(tmp_path):
    class_folders(tmp_path, {"a": 4, "b": 4})
    draw(tmp_path / "a" / "copy.png", 1)
    draw(tmp_path / "b" / "copy.png", 1)
    split = split_dataset(open_dataset(tmp_path), USUAL, seed=1)
    found = count_split(split)
    assert found.duplicates == 2
    assert found.conflicts == (("a/000.png", "b/copy.png"),)
    assert len({s.category for s in split.samples if s.id in {"a/000.png", "a/copy.png", "b/copy.png"}}) == 1


@pytest.mark.parametrize(
    ("classes", "pattern", "error", "message"),
    [
        ({"a": 1, "b": 5}, None, DataError, "a: the class has a single sample"),
        ({"a": 4, "b": 5}, "^a", DataError, "a: the class has 4 samples in a single group"),
        ({"a": 4}, "person", UsageError, "--group-by 'person' matches no path"),
    ],
    ids=["single sample", "single group", "pattern without a match"],
)
def test_what_cannot_be_split(classes, pattern, error, message, tmp_path):
    made = listed(tmp_path, {label: [f"{label}/{i}.jpg" for i in range(count)] for label, count in classes.items()})
    with pytest.raises(error, match=re.escape(message)):
        split_dataset(made, USUAL, seed=1, group_by=pattern and re.compile(pattern))


def test_a_sample_without_a_class_is_refused(tmp_path):
    (tmp_path / "x").write_text("x")
    made = Dataset.of([Sample("x", "x", None, UNLABELLED, FilePayload(str(tmp_path), "x"))], format="made")
    with pytest.raises(DataError, match="x: has no class label to split by"):
        split_dataset(made, USUAL, seed=1)


@pytest.mark.parametrize("shares", [(0.5, 0.5, 0.5), (1.2, -0.2, 0.0), (0.0, 0.5, 0.5), (float("nan"), 0.5, 0.5)])
def test_shares_must_make_one(shares):
    with pytest.raises(UsageError):
        Shares(*shares)


def test_classes_that_share_groups_are_all_trained_on():
    """Found by hypothesis: the rarest classes had given both groups of a third one to other sets."""
    groups = ({"a": 1}, {"a": 1, "c": 1}, {"b": 1}, {"b": 1, "c": 1})
    groups = [Group((str(number),), classes) for number, classes in enumerate(groups)]
    for seed in range(20):
        sides = assign(groups, (0.5, 0.5), seed)
        for label in "abc":
            assert {side for group, side in zip(groups, sides, strict=True) if label in group.classes} == {0, 1}


def test_training_has_every_class_whatever_the_others_lack():
    groups = [Group(("1",), {"a": 1, "b": 1}), Group(("2",), {"b": 1, "c": 1}), Group(("3",), {"c": 1, "a": 1})]
    for seed in range(20):
        sides = assign(groups, (0.2, 0.4, 0.4), seed)
        assert {
            label for group, side in zip(groups, sides, strict=True) for label in group.classes if side == 0
        } == set("abc")


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 12)), min_size=6, max_size=60),
    st.integers(0, 5),
    st.sampled_from([USUAL, Shares(0.8, 0.2, 0.0), Shares(0.34, 0.33, 0.33)]),
)
def test_always(tmp_path_factory, rows, seed, shares):
    """Groups of any shape: they stay together, every class is in each set it has groups enough for."""
    root = tmp_path_factory.mktemp("split")
    ids: dict[str, list[str]] = {}
    for number, (label, group) in enumerate(rows):
        ids.setdefault(label, []).append(f"{label}/g{group}_{number}.jpg")
    made = listed(root, ids)
    try:
        split = split_dataset(made, shares, seed=seed, group_by=re.compile(r"g\d+"))
    except DataError:
        groups = [{identity.split("_")[0][2:] for identity in members} for members in ids.values()]
        assert min(map(len, groups)) == 1
        return
    sides: dict[str, set[Category | None]] = {}
    for sample in split.samples:
        sides.setdefault(re.search(r"g\d+", sample.id)[0], set()).add(sample.category)
    assert all(len(side) == 1 for side in sides.values())
    assert {sample.category for sample in split.samples} <= {
        c for c, share in zip(SETS, shares.values, strict=True) if share
    }
    trained = Counter(class_of(s) for s in split.samples if s.category is Category.TRAINING)
    assert set(trained) == set(ids)

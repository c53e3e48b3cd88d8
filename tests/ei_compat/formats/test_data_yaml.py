"""The description of a YOLO set: names as they are written, and one clear line for what is none."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ei_compat.core.errors import FormatError, LimitError
from ei_compat.formats._data_yaml import LONGEST, described_classes, description_of

EXPORTED = """\
train: ../train/images
val: ../valid/images
test: ../test/images

nc: 3
names: ['apple', 'pear', 'no fruit']

roboflow:
  workspace: fruit-1234
  version: 7
  license: CC BY 4.0
  url: https://universe.example/fruit-1234/dataset/7
"""
DOWNLOADED = """\
# Eight pictures
path: ../datasets/eight # dataset root dir
train: images/train # train images (relative to 'path') 4 images
val: images/train
test: # test images (optional)

# Classes
names:
  0: person
  1: traffic light   # with a comment
  2: "hair drier"

# Download script/URL (optional)
download: |
  from pathlib import Path
  names: [not, these]
"""


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param(EXPORTED, ["apple", "pear", "no fruit"], id="as an exporter writes it"),
        pytest.param(DOWNLOADED, ["person", "traffic light", "hair drier"], id="with a script"),
        pytest.param("names: [yes, no, 1e3, 007, 1.0, ~, null, 2024-01-01, 0x1F, 1_000, =, <<]", None, id="no types"),
        pytest.param("names:\n- yes\n- 12:30:45\n- off\n", ["yes", "12:30:45", "off"], id="a list without types"),
        pytest.param("names: {0: a, 1: b}", ["a", "b"], id="a mapping in one line"),
        pytest.param("names: {1: b, 0: a}", ["a", "b"], id="a mapping in another order"),
        pytest.param("names:\n  '0': a\n  1: b\n", ["a", "b"], id="quoted numbers"),
        pytest.param("names: [a,\n  b, # c\n  'd # e']\nnc: 3", ["a", "b", "d # e"], id="over several lines"),
        pytest.param("names: [\"\\u00e9\", 'it''s', \"a, b\"]", ["é", "it's", "a, b"], id="quotes"),
        pytest.param("names: [日本, C#, a&b, x*y]", ["日本", "C#", "a&b", "x*y"], id="signs inside a name"),
        pytest.param("---\nnames: [a]\nnc: '1'\n...\n", ["a"], id="with its ends"),
        pytest.param("names: [a]\nnc: many\n", ["a"], id="nc that is no number"),
        pytest.param("names: !!python/object:os.system [a]", ["a"], id="a tag is never followed"),
    ],
)
def test_names(text: str, names: list[str] | None) -> None:
    wanted = names or [name.strip() for name in text.partition("[")[2].rstrip("]").split(",")]
    assert described_classes(text, where="data.yaml") == wanted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nc: 2\n", "data.yaml: has no entry 'names'"),
        ("", "data.yaml: has no entry 'names'"),
        ("[names]", "data.yaml: has no entry 'names'"),
        ("names: classes.txt", "data.yaml: entry 'names' is not a list"),
        ("names: [a, b]\nnc: 3", "data.yaml: has nc 3, but 2 names"),
        ("names: {0: a, 2: b}", "data.yaml: classes are not numbered from 0 without a gap"),
        ("names: {a: 0}", "data.yaml: classes are not numbered from 0 without a gap"),
        ("names: {0: a, 0: b}", "data.yaml, line 1 column 15: has '0' twice"),
        ("names: [a]\nnames: [b]", "data.yaml, line 2 column 1: has 'names' twice"),
        ("names:\n- a: b\n", "data.yaml, line 2 column 3: a list or a mapping stands where a name belongs"),
        ("names: [[a]]", "data.yaml, line 1 column 9: a list or a mapping stands where a name belongs"),
        ("names: [a", "data.yaml, line 1 column 10: is not YAML: "),
        ("names: [@home]", "data.yaml, line 1 column 9: is not YAML: found character '@'"),
        ("path: &p data\nnames: [*p]", "data.yaml, line 2 column 9: is not YAML: aliases are not read"),
        ("base: &b {names: [a]}\n<<: *b", "data.yaml, line 2 column 5: is not YAML: aliases are not read"),
        ("names: [a]\n---\nnames: [b]", "data.yaml, line 2 column 1: is not YAML: "),
        ("names: [\x00]", "data.yaml: is not YAML: unacceptable character"),
        ('names: ["\\UFFFFFFFF"]', "data.yaml: is not YAML: "),
        ("names: " + "[" * 100_000, "data.yaml: is nested too deeply"),
    ],
    ids=lambda value: value[:30],
)
def test_what_is_none_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(FormatError) as caught:
        described_classes(text, where="data.yaml")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_laughs_are_few() -> None:
    """Nine lists of nine aliases each would be a billion names."""
    lines = ["a0: &a0 [lol]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)), "names: *a9"]
    start = time.process_time()
    with pytest.raises(FormatError, match="aliases are not read"):
        described_classes("\n".join(lines), where="data.yaml")
    assert time.process_time() - start < 1


def test_a_limit_holds_the_time() -> None:
    with pytest.raises(LimitError, match=r"larger than 1,048,576 characters; is it a description"):
        described_classes("#" * (LONGEST + 1), where="data.yaml")


@settings(deadline=None, database=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), max_size=5))
def test_what_is_written_is_read(names: list[str]) -> None:
    assert described_classes(description_of(names, {"train": "images/training"}), where="data.yaml") == names


def test_plain_names_are_written_plainly() -> None:
    text = description_of(["cat", "yes", "it's", "日本"], {"train": "images/training", "val": "images/validation"})
    sets = "train: images/training\nval: images/validation\n"
    assert text == f'{sets}nc: 4\nnames: ["cat", "yes", "it\'s", "日本"]\n'

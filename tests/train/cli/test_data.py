"""`split` and `convert` as a user types them."""

from __future__ import annotations

import json
import re
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ei_compat.dataset.dataset import Category
from ei_compat.formats import FORMATS, open_dataset
from train.cli.main import main


def images(root: Path, classes: dict[str, int]) -> Path:
    for label, count in classes.items():
        (root / label).mkdir(parents=True)
        for index in range(count):
            pixels = np.random.RandomState(zlib.crc32(f"{label}{index}".encode())).randint(
                0, 256, (12, 16, 3), np.uint8
            )
            Image.fromarray(pixels).save(root / label / f"p{index // 4}_{index}.png")
    return root


def run(capsys, *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    output = capsys.readouterr()
    return int(ended.value.code or 0), output.out, output.err


def test_split_then_arrays_then_folders(tmp_path, capsys):
    images(tmp_path / "in", {"cat": 25, "dog": 10})
    code, out, err = run(capsys, "split", tmp_path / "in", tmp_path / "set")
    assert (code, err) == (0, "")
    assert re.search(r"cat\s+│\s+16 │\s+4 │\s+5 │\s+25", out)
    assert re.search(r"total\s+│\s+22 │\s+6 │\s+7 │\s+35", out)
    code, out, _ = run(
        capsys, "convert", tmp_path / "set", tmp_path / "a", "--to", "arrays", "--image-size", 8, "--json"
    )
    assert code == 0
    result = json.loads(out)
    assert result["samples"] == {"testing": 7, "training": 22, "validation": 6}
    assert result["lost"] == ["sample names (35 samples)"]
    x = np.load(tmp_path / "a" / "X_split_train.npy")
    assert (x.shape, x.dtype, x.min() >= 0, x.max() <= 1) == ((22, 8, 8, 3), np.float32, True, True)
    assert np.load(tmp_path / "a" / "Y_holdout.npy").sum(axis=0).tolist() == [5, 2]
    assert run(capsys, "convert", tmp_path / "a", tmp_path / "back", "--to", "ei")[0] == 0
    back = open_dataset(tmp_path / "back")
    assert (len(back), len(back.only(Category.TESTING)), back.labels) == (35, 7, ("cat", "dog"))


def test_split_of_numbers_gives_each_range_its_share(tmp_path, capsys):
    images(tmp_path / "in", {f"{number / 4:g}": 1 for number in range(60)})
    arguments = ["split", tmp_path / "in", tmp_path / "set", "--from", "folders"]
    code, _, err = run(capsys, *arguments)
    assert (code, "--task regression splits ranges" in err) == (3, True)

    code, out, _ = run(capsys, *arguments, "--task", "regression", "--json")

    assert code == 0
    counts = json.loads(out)
    assert counts["total"] == {"training": 36, "validation": 12, "testing": 12}
    assert list(counts["classes"]) == [f"values {part} of 6" for part in range(1, 7)]
    assert all(each == {"training": 6, "validation": 2, "testing": 2} for each in counts["classes"].values())
    parted = open_dataset(tmp_path / "set")
    assert len({sample.label for sample in parted.samples}) == 60, "labels stay the numbers"
    arguments[2] = tmp_path / "other"
    code, _, err = run(capsys, *arguments, "--task", "angles")
    assert (code, "--task angles: there is none of that name" in err) == (2, True)


def test_formats_lists_each_with_what_it_carries(capsys):
    code, out, err = run(capsys, "formats")
    assert (code, err) == (0, "")
    rows = {cells[1].strip(): cells for line in out.splitlines() if len(cells := line.split("│")) > 4}
    assert [name for name in rows if name] == [kind.name for kind in FORMATS]
    assert rows["csv"][2].strip() == "class labels, unlabelled samples"
    assert "ei is short for ei-export" in out
    listed = {each["name"]: each for each in json.loads(run(capsys, "formats", "--json")[1])["formats"]}
    assert {name: set(each["carries"]) for name, each in listed.items()} == {k.name: set(k.carries) for k in FORMATS}
    assert listed["ei-export"]["aliases"] == ["ei"]


def test_split_as_json_with_groups(tmp_path, capsys):
    images(tmp_path / "in", {"cat": 40})
    options = ["--group-by", r"p(\d+)_", "--json", "--seed", 4, "--copy", "--from", "folders"]  # of a single class
    code, out, _ = run(capsys, "split", tmp_path / "in", tmp_path / "set", *options)
    assert code == 0
    result = json.loads(out)
    assert (result["groups"], sum(result["total"].values()), result["duplicates"]) == (10, 40, 0)
    sides: dict[str, set[object]] = {}
    for sample in open_dataset(tmp_path / "set").samples:
        sides.setdefault(sample.name.split("_")[0], set()).add(sample.category)
    assert all(len(side) == 1 for side in sides.values())


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ["split", "{in}", "{out}", "--train", "0.9"],
            2,
            "shares 0.9 + 0.16 + 0.2 are not positive numbers that make 1",
        ),
        (["split", "{in}", "{out}", "--group-by", "("], 2, "--group-by '(' is not a regular expression"),
        (["split", "{in}", "{out}", "--group-by", "person"], 2, "--group-by 'person' matches no path"),
        (["split", "{missing}", "{out}"], 3, "no such file or folder; check the path"),
        (["split", "{empty}", "{out}"], 3, "the folder is empty; put the data there"),
        (["split", "{in}", "{in}"], 3, "is not empty; name a new or an empty folder"),
        (["split", "{single}", "{out}"], 3, "rare: the class has a single sample, which cannot be split"),
        (["split", "{in}"], 2, "Missing argument 'target'; see --help"),
        (["convert", "{in}", "{out}", "--to", "csvs"], 2, "no dataset format 'csvs'; use one of ei-export, arrays, "),
        (["convert", "{in}", "{out}", "--to", "arrays"], 2, "arrays of pictures need a size; give --image-size"),
        (["convert", "{in}", "{out}", "--to", "ei", "--image-size", "8"], 2, "--image-size is for --to arrays"),
        (
            ["convert", "{in}", "{out}", "--to", "yolo"],
            3,
            "format 'yolo' cannot hold class labels",
        ),
        (["convert", "{broken}", "{out}", "--to", "arrays", "--image-size", "8"], 3, "1 of 4 pictures is broken"),
    ],
)
def test_what_cannot_be_done_is_one_line(arguments, code, message, tmp_path, capsys):
    images(tmp_path / "in", {"cat": 4, "dog": 4})
    images(tmp_path / "single", {"cat": 4, "rare": 1})
    images(tmp_path / "broken", {"cat": 2, "dog": 1})
    (tmp_path / "broken" / "cat" / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "empty").mkdir()
    places = {name: tmp_path / name for name in ("in", "out", "missing", "empty", "single", "broken")}
    got, out, err = run(
        capsys, *(argument.format_map(places) if "{" in argument else argument for argument in arguments)
    )
    assert (got, out) == (code, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err
    assert not places["out"].exists()
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".part")]


def test_broken_images_are_named_and_left_out(tmp_path, capsys):
    images(tmp_path / "in", {"cat": 4, "dog": 1})
    (tmp_path / "in" / "cat" / "x.png").write_bytes(b"no picture")
    options = ["--to", "arrays", "--image-size", 8, "--max-broken", "0.5"]
    code, out, err = run(capsys, "convert", tmp_path / "in", tmp_path / "out", *options)
    assert code == 0
    assert "x.png: cannot be decoded" in err
    assert re.search(r"left out\s+│\s+1 ", out)
    assert len(np.load(tmp_path / "out" / "X_train_features.npy")) == 5


def test_copies_with_other_labels_are_named(tmp_path, capsys):
    images(tmp_path / "in", {"cat": 4, "dog": 4})
    (tmp_path / "in" / "dog" / "copy.png").write_bytes((tmp_path / "in" / "cat" / "p0_0.png").read_bytes())
    code, out, err = run(capsys, "split", tmp_path / "in", tmp_path / "set")
    assert code == 0
    assert "warning: cat/p0_0.png and dog/copy.png are the same file with different labels" in err
    assert "1 exact copies kept together" in out


def test_files_that_are_no_pictures_are_named_and_kept(tmp_path, capsys):
    folder = images(tmp_path / "in", {"cat": 4, "dog": 4}) / "dog"
    for number in range(6):
        (folder / f"page{number}.jpg").write_bytes(b"%PDF-1.7")
    (folder / "late.gif").write_bytes(b"")
    Image.new("L", (4, 4)).save(folder / "plain.bmp")

    code, out, err = run(capsys, "split", tmp_path / "in", tmp_path / "set")

    assert code == 0
    assert "warning: dog/page0.jpg cannot be decoded: not a picture of a known kind" in err
    assert err.count("not a picture") == 5
    assert "warning: and 2 more files that are no pictures" in err
    assert "bmp" not in err
    assert re.search(r"total.*│\s+16 │", out)


def test_signals_in_another_form(tmp_path, capsys):
    folder = tmp_path / "in" / "idle"
    folder.mkdir(parents=True)
    (folder / "one.csv").write_text("timestamp,x\n0,1\n10,2\n")
    code, out, _ = run(capsys, "convert", tmp_path / "in", tmp_path / "out", "--to", "ei", "--signal-format", "cbor")
    assert code == 0
    assert (tmp_path / "out" / "split" / "idle.one.cbor").is_file()
    assert "none" in out


def test_what_was_not_read_is_in_the_table_and_in_json(tmp_path, capsys):
    images(tmp_path / "in", {"cat": 4, "dog": 4})
    (tmp_path / "in" / "cat" / "a.heic").write_bytes(b"\0")
    code, out, err = run(capsys, "split", tmp_path / "in", tmp_path / "one")
    line = "1 file was not read: 1 .heic (cat/a.heic)"
    assert (code, err) == (0, f"warning: {line}\n")
    assert line in out
    code, out, _ = run(capsys, "convert", tmp_path / "in", tmp_path / "two", "--to", "ei", "--json")
    reading = json.loads(out)["reading"]
    assert (code, reading["files"], reading["not_read"], reading["not_read_first"]) == (0, 9, 1, ["cat/a.heic"])
    assert reading["not_read_by_kind"] == {".heic": 1}


def test_split_leaves_out_what_train_leaves_out(tmp_path, capsys):
    images(tmp_path / "in", {"cat": 4, "dog": 4})
    rows = [f"{path.relative_to(tmp_path / 'in')},{path.parent.name}" for path in (tmp_path / "in").rglob("*.png")]
    (tmp_path / "in" / "labels.csv").write_text(
        "\n".join(["file_name,class_name", *rows[:6], rows[6].split(",")[0] + ","])
    )
    code, out, err = run(capsys, "split", tmp_path / "in", tmp_path / "set")
    assert code == 0
    assert "warning: 2 of 8 samples have no label and are left out" in err
    assert re.search(r"total.*│\s+6$", out, re.MULTILINE) or " 6 │" in out


def test_a_label_file_beside_guessed_labels_is_an_error_of_every_command(tmp_path, capsys):
    images(tmp_path / "in", {"cat": 4, "dog": 4})
    (tmp_path / "in" / "labels.csv").write_text("image,label\np0_0.png,dog\n")
    commands = (
        ["split", tmp_path / "in", tmp_path / "out"],
        ["convert", tmp_path / "in", tmp_path / "out", "--to", "ei"],
        ["upload", "data", tmp_path / "in", "--dry-run"],
    )
    for command in commands:
        code, out, err = run(capsys, *command)
        assert (code, out) == (3, "")
        assert "labels.csv: holds labels too" in err
    assert run(capsys, "split", tmp_path / "in", tmp_path / "out", "--from", "folders")[0] == 0

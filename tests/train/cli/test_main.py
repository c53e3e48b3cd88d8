"""The command line: what it accepts, what it says, and with which code it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ei_compat.formats import open_dataset, write_dataset
from tests.program import ROOT, ei_train
from tests.train.conftest import draw_classes
from train.cli.main import main
from train.recipe import Recipe


@pytest.fixture
def fails(capsys: pytest.CaptureFixture[str]):
    """Runs a command line in this process that must fail; returns its exit code and its one line."""

    def run(*arguments: str | Path) -> tuple[int, str]:
        with pytest.raises(SystemExit) as caught:
            main([str(argument) for argument in arguments])
        lines = capsys.readouterr().err.splitlines()
        errors = [line for line in lines if line.startswith("error: ")]
        assert len(errors) == 1, lines
        assert "Traceback" not in "".join(lines)
        return caught.value.code, errors[0]

    return run


def test_help_answers_without_tensorflow() -> None:
    code = (
        "import sys, time; start = time.process_time()\n"
        "from train.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "seconds = time.process_time() - start\n"
        "assert not {'tensorflow', 'tf_keras', 'numpy', 'requests'} & set(sys.modules), 'a heavy import'\n"
        "assert seconds < 0.5, seconds"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "train" in done.stdout
    assert "Exit codes: 0 ok" in " ".join(done.stdout.split())


def test_every_recipe_field_is_an_option_with_its_default() -> None:
    text = "".join(ei_train("train", "--help").stdout.split())  # lines are folded anywhere

    for name, field in Recipe.model_fields.items():
        assert f"--{name.replace('_', '-')}" in text, name
        assert field.description.replace(" ", "") in text, name
    assert "--batch-size,--batch_size" in text
    assert "--info-file,--input-file" in text


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        pytest.param(["train"], 2, "Missing option '--data-directory'", id="nothing given"),
        pytest.param(["compress", "a.keras", "b"], 2, "Missing argument 'out'", id="too few"),
        pytest.param(["compress", "a.keras", "b", "c", "--alpha", "1"], 2, "No such option: --alpha", id="its own"),
        pytest.param(["compress", "a.keras", "b", "no-such-folder"], 3, "a.keras: no such model", id="no model"),
        pytest.param(["nonsense"], 2, "No such command 'nonsense'", id="unknown command"),
        pytest.param(["split", "a", "b", "--what"], 2, "No such option: --what", id="unknown option elsewhere"),
        pytest.param(["{train}", "--epochs", "many"], 2, "'--epochs': Input should be a valid integer", id="no number"),
        pytest.param(
            ["{train}", "--epochs", "-1"], 2, "--epochs -1: must be greater than or equal to 0", id="negative"
        ),
        pytest.param(
            ["{train}", "--alpha", "0.4"], 2, "--alpha 0.4: must be 0.25, 0.35, 0.5, 0.75 or 1", id="no such alpha"
        ),
        pytest.param(["{train}", "--learning-rate", "nan"], 2, "--learning-rate nan: must be", id="not a number"),
        pytest.param(["{train}", "--head-units", "1,x"], 2, "--head-units", id="a list with a word"),
        pytest.param(
            ["{train}", "--head-units", "64"], 2, "--head-dropout needs one value for each of --head-units", id="lists"
        ),
        pytest.param(
            ["{train}", "--fine-tune-epochs", "0"],
            2,
            "--fine-tune-epochs 0 leaves no epoch to prune in",
            id="nothing to prune in",
        ),
        pytest.param(
            ["{train}", "--initial-sparsity", "0.9"],
            2,
            "--initial-sparsity 0.9 must not be above --final-sparsity 0.8",
            id="falling sparsity",
        ),
        pytest.param(
            ["{train}", "--weights", "missing.h5"], 2, "--weights missing.h5: no such weights file", id="weights"
        ),
    ],
)
def test_wrong_options(fails, images: Path, tmp_path: Path, arguments: list[str], code: int, says: str) -> None:
    whole = ["train", "--data-directory", str(images), "--out-directory", str(tmp_path / "out")]
    spelled = [part for a in arguments for part in (whole if a == "{train}" else [a])]

    actual, line = fails(*spelled)

    assert (actual, says in line) == (code, True), line
    assert not (tmp_path / "out" / "report.json").exists()


def test_a_line_that_starts_with_an_option_trains(fails, tmp_path: Path) -> None:
    code, line = fails("--data-directory", tmp_path / "nowhere", "--out-directory", tmp_path / "out")

    assert code == 3
    assert line.startswith(f"error: {tmp_path / 'nowhere'}: no such")


def test_errors_are_json_where_the_log_is(tmp_path: Path) -> None:
    done = ei_train(
        "--data-directory", tmp_path / "nowhere", "--out-directory", tmp_path / "out", "--log-format", "json", "--odd"
    )

    assert done.returncode == 3
    assert json.loads(done.stderr)["code"].startswith("data")
    assert json.loads(done.stdout.splitlines()[0])["text"] == "ignored, not an option of train: --odd"


def test_a_bug_is_one_line_unless_debugging(fails, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from train import demo

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("two\nlines")

    monkeypatch.setattr(demo, "draw_demo", broken)

    assert fails("demo", tmp_path) == (
        1,
        "error: internal error, RuntimeError: two lines; run again with --debug and report it",
    )


def write_arrays(folder: Path, x: np.ndarray, y: np.ndarray, **info: object) -> Path:
    """Edge Impulse's split arrays, the same for training and validation, with their train_input.json."""
    folder.mkdir()
    for name in ("train", "test"):
        np.save(folder / f"X_split_{name}.npy", x, allow_pickle=True)
        np.save(folder / f"Y_split_{name}.npy", y)
    defaults = {"classes": ["a", "b"], "mode": "classification", "inputShapeString": "(32, 32, 3)", "yType": "npy"}
    (folder / "train_input.json").write_text(json.dumps(defaults | info))
    return folder


GOOD_X, GOOD_Y = np.full((4, 32, 32, 3), 0.5, np.float32), np.eye(2, dtype=np.float32)[[0, 1, 0, 1]]


@pytest.mark.parametrize(
    ("x", "y", "info", "says"),
    [
        pytest.param(GOOD_X[:3], GOOD_Y, {}, "3 rows, but Y_split_train.npy has 4", id="lengths differ"),
        pytest.param(np.where(GOOD_X > 0, np.nan, 0), GOOD_Y, {}, "nan", id="nan"),
        pytest.param(GOOD_X * 255, GOOD_Y, {}, "127.5", id="values out of range"),
        pytest.param(GOOD_X.astype(object), GOOD_Y, {}, "object", id="python objects"),
        pytest.param(GOOD_X, GOOD_Y, {"inputShapeString": "(48, 48, 3)"}, "(48, 48, 3)", id="another shape"),
        pytest.param(GOOD_X, GOOD_Y, {"inputShapeString": "32 by 32"}, "inputShapeString", id="no shape at all"),
        pytest.param(
            GOOD_X.reshape(4, -1),
            GOOD_Y,
            {"inputShapeString": "(3072,)"},
            "no feature differs from row to row",
            id="features that are constant",
        ),
        pytest.param(
            GOOD_X,
            GOOD_Y,
            {"mode": "regression"},
            "mode regression, but the class 'a' is not a number",
            id="regression",
        ),
        pytest.param(GOOD_X, GOOD_Y, {"classes": ["a"]}, "train", id="one class"),
        pytest.param(
            np.moveaxis(GOOD_X, -1, 1),
            GOOD_Y,
            {},
            "rows of shape (3, 32, 32) do not fit inputShapeString (32, 32, 3) in the order height, width, channels",
            id="channels first",
        ),
        pytest.param(np.zeros((4, 32, 40, 3)), GOOD_Y, {"inputShapeString": "(40, 32, 3)"}, "swapped", id="swapped"),
        pytest.param(GOOD_X, [[1, 0], [1, 1], [0, 1], [0, 1]], {}, "row 1 is not one-hot: 1, 1", id="two ones"),
        pytest.param(GOOD_X, [[1, 0], [0, 1], [0.5, 0.5], [0, 1]], {}, "row 2 is not one-hot: 0.5, 0.5", id="halves"),
        pytest.param(GOOD_X, GOOD_Y, {"classes": ["a", "b\nc"]}, "name of a class holds '\\n'", id="a line break"),
        pytest.param(GOOD_X, GOOD_Y, {"imageInputScaling": "0-255"}, "'0-255' is none of 0..1, -1..1", id="scaling"),
    ],
)
def test_bad_arrays(fails, tmp_path: Path, x: np.ndarray, y: np.ndarray, info: dict[str, object], says: str) -> None:
    folder = write_arrays(tmp_path / "data", x, y, **info)

    code, line = fails("--data-directory", folder, "--out-directory", tmp_path / "out")

    assert (code, says.lower() in line.lower()) == (3, True), line


@pytest.mark.parametrize(
    ("make", "says"),
    [
        pytest.param(lambda d: d.mkdir(), "empty", id="empty directory"),
        pytest.param(lambda d: draw_classes(d, {"cat": 9}), "there is a single class, 'cat'", id="one class"),
        pytest.param(lambda d: draw_classes(d, {"cat": 9, "dog": 1}), "dog", id="a class with a single sample"),
        pytest.param(
            lambda d: (d.mkdir(), (d / "notes.txt").write_text("hello")), "no known dataset format", id="no data"
        ),
    ],
)
def test_bad_folders(fails, tmp_path: Path, make, says: str) -> None:
    make(tmp_path / "data")

    code, line = fails("--data-directory", tmp_path / "data", "--out-directory", tmp_path / "out")

    assert (code, says in line) == (3, True), line


def test_too_many_broken_images_are_named(fails, images: Path, tmp_path: Path) -> None:
    victim = next(images.glob("cat/*"))
    victim.write_bytes(victim.read_bytes()[:90])

    code, line = fails("--data-directory", images, "--out-directory", tmp_path / "out")

    assert code == 3
    assert victim.name in line
    assert "--max-broken" in line


def test_output_directory_that_is_a_file(fails, images: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")

    code, line = fails("--data-directory", images, "--out-directory", tmp_path / "out")

    assert code == 3
    assert "out: cannot be written to" in line


@pytest.mark.skipif(os.getuid() != 0, reason="mounting needs root")
def test_full_disk_is_one_line(images: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", disk], check=True)
    try:
        done = ei_train(
            "--data-directory", images, "--out-directory", disk, "--image-size", "32", "--weights", "none",
            "--epochs", "1", "--fine-tune-epochs", "1",
        )  # fmt: skip
        left = [path.name for path in disk.iterdir()]
    finally:
        subprocess.run(["umount", disk], check=True)

    assert done.returncode == 3, done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert "no space left" in done.stderr
    assert left == []


@pytest.mark.parametrize("arguments", [[], ["--debug"], ["--help"]])
def test_without_a_command_there_is_help(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)

    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("Usage: ei-train")


def test_debug_may_stand_anywhere(fails, tmp_path: Path) -> None:
    code, line = fails("demo", tmp_path, "--per-class", "0")

    assert (code, "--per-class" in line) == (2, True)
    done = ei_train("--debug", "split", tmp_path / "nowhere", tmp_path / "to")
    assert done.returncode == 3
    assert "Traceback" in done.stderr


def test_results_among_the_images_are_refused(fails, images: Path) -> None:
    code, line = fails("--data-directory", images, "--out-directory", images / "out")

    assert (code, "lies inside the data directory" in line) == (2, True)
    assert not (images / "out").exists()


@pytest.mark.parametrize("kind", ["class folders", "export", "arrays"])
def test_results_in_the_data_directory_itself_are_refused(fails, images: Path, tmp_path: Path, kind: str) -> None:
    data = images
    if kind == "export":
        data = tmp_path / "export"
        write_dataset(open_dataset(images), data, "ei-export")
    if kind == "arrays":
        data = write_arrays(tmp_path / "arrays", GOOD_X, GOOD_Y)
    before = sorted(data.rglob("*"))

    code, line = fails("--data-directory", data, "--out-directory", data / ".." / data.name)

    assert (code, "is the data directory; name a folder beside it" in line) == (2, True)
    assert sorted(data.rglob("*")) == before


def test_failure_leaves_no_new_folder_behind(fails, tmp_path: Path) -> None:
    fails("--data-directory", tmp_path / "nowhere", "--out-directory", tmp_path / "out")

    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("option", [["--image-size", "96"], ["--channels", "1"]])
def test_arrays_cannot_be_given_another_shape(fails, tmp_path: Path, option: list[str]) -> None:
    folder = write_arrays(tmp_path / "data", GOOD_X, GOOD_Y)

    code, line = fails("--data-directory", folder, "--out-directory", tmp_path / "out", *option)

    assert (code, f"{' '.join(option)}: the arrays hold pictures of" in line) == (2, True)


@pytest.mark.parametrize("program", [("ei-train",), ("python", "-P", "-m", "train")], ids=" ".join)
def test_a_train_py_in_the_working_directory_is_not_run(program: tuple[str, ...], tmp_path: Path) -> None:
    """An export of Edge Impulse has one; `python -m train` without `-P` takes it, before anything of ours runs."""
    (tmp_path / "train.py").write_text("raise SystemExit('the wrong file')")
    first, *others = program

    done = subprocess.run(
        [Path(sys.executable).parent / first, *others, "formats"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("arguments", "fix"), [(["--json"], "COMMAND"), (["--json", "formats"], "formats")])
def test_json_of_no_command_is_refused(arguments: list[str], fix: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    error = json.loads(capsys.readouterr().err)
    assert (ended.value.code, error["fix"]) == (2, f"write it behind one: ei-train {fix} --json")


@pytest.mark.parametrize(
    ("given", "taken"), [({}, "1"), ({"OPENBLAS_NUM_THREADS": "3"}, "3")], ids=["by itself", "as asked"]
)
def test_small_products_have_one_thread(given: dict[str, str], taken: str) -> None:
    program = (
        "import os, sys\n"
        "from train import start, supervisor\n"
        "supervisor.main = lambda: print(os.environ['OPENBLAS_NUM_THREADS'], 'numpy' in sys.modules)\n"
        "start.main()"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment | given, capture_output=True, text=True, check=False
    )
    assert done.stdout == f"{taken} False\n", done.stderr

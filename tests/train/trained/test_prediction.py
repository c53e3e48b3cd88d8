"""`predict`: the same scores through a run, its file and a runner; where pictures come from; marked copies."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ei_compat.block.run_folder import INT8_FILE
from ei_compat.media.images import ImageSpec, load_image
from firmware.package import package
from tests.firmware import host
from tests.needs import needs
from tests.train.conftest import draw_classes
from train.cli.main import main
from train.job import Job
from train.runs.report import Report


@pytest.fixture
def predict(capsys: pytest.CaptureFixture[str]):
    """Runs `ei-train predict` in this process; returns exit code, stdout and stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["predict", *map(str, arguments)])
        output = capsys.readouterr()
        return int(ended.value.code or 0), output.out, output.err

    return run


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_classes(tmp_path_factory.mktemp("photos"), {"cat": 3, "dog": 3}, side=50)


@pytest.fixture(scope="module")
def runner(finished: tuple[Job, Report], tmp_path_factory: pytest.TempPathFactory) -> Path:
    needs("cc")
    output = tmp_path_factory.mktemp("runner") / "pets.eim"
    return package(finished[0].out, name="pets", version="1", target="linux", output=output).path


def lines(out: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.splitlines()]


def test_run_file_runner_and_c_library_give_the_same_scores(
    predict, finished: tuple[Job, Report], photos: Path, runner: Path, tmp_path: Path
) -> None:
    job, _ = finished

    by_run, by_file, by_runner = (predict(model, photos, "--json") for model in (job.out, job.out / INT8_FILE, runner))

    assert by_run[0] == 0
    assert by_run == by_file == by_runner
    spec, data = ImageSpec(32, 32), (job.out / INT8_FILE).read_bytes()
    files = sorted(photos.rglob("*.png"))
    pixels = np.stack([load_image(file, spec) for file in files])
    made = host.Host(data, tmp_path)((pixels.astype(int) - 128).astype(np.int8)).view(np.int8)
    scores = [list(answer["scores"].values()) for answer in lines(by_run[1])]  # type: ignore[attr-defined]
    assert scores == ((made.astype(int) + 128) / 256).tolist()
    assert [answer["file"] for answer in lines(by_run[1])] == list(map(str, files))


def test_figures_are_those_of_the_report(predict, finished: tuple[Job, Report]) -> None:
    job, report = finished
    right = total = 0
    for path in sorted((job.data / "testing").glob("*.png")):
        [answer] = lines(predict(job.out, path, "--json")[1])
        right += path.name.startswith(str(answer["label"]))
        total += 1
    assert right / total == report.metrics["int8"]["testing"].accuracy


def test_images_come_from_files_folders_patterns_and_stdin(
    predict, finished: tuple[Job, Report], photos: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    job, _ = finished
    one = photos / "cat" / "cat0.png"
    (photos / "dog" / "notes.txt").write_text("")
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{one}\n\n  \n{photos / 'dog' / 'dog1.png'}\n"))

    code, out, err = predict(job.out, one, photos / "dog", str(photos / "**" / "*2.png"), "-", "--json")

    names = [Path(str(answer["file"])).name for answer in lines(out)]
    assert code == 0
    assert names == ["cat0.png", "dog0.png", "dog1.png", "dog2.png", "cat2.png", "dog2.png", "cat0.png", "dog1.png"]
    assert "1 file is no picture by name and left out" in err


def test_a_table_has_a_row_for_each(predict, finished: tuple[Job, Report], photos: Path) -> None:
    code, out, err = predict(finished[0].out, photos / "cat")

    assert (code, err) == (0, "")
    assert all(f"cat{number}.png" in out for number in range(3))
    assert "3 pictures: " in out


def test_below_the_threshold_the_model_is_unsure(predict, finished: tuple[Job, Report], photos: Path) -> None:
    code, out, _ = predict(finished[0].out, photos / "cat" / "cat0.png", "--threshold", "1", "--json")

    assert (code, lines(out)[0]["label"]) == (0, None)
    assert "unsure: " in predict(finished[0].out, photos / "cat" / "cat0.png", "--threshold", "1")[1]


def test_what_cannot_be_read_is_named_and_the_rest_is_answered(
    predict, finished: tuple[Job, Report], photos: Path, tmp_path: Path
) -> None:
    shutil.copytree(photos / "cat", tmp_path / "in")
    (tmp_path / "in" / "a.png").write_bytes(b"no picture")

    code, out, err = predict(finished[0].out, tmp_path / "in", "--json")

    assert code == 3
    assert (json.loads(err)["what"], json.loads(err)["fix"]) == ("1 picture was not read", "see above")
    assert [set(answer) for answer in lines(out)] == [
        {"schema", "file", "error"}, *[{"schema", "file", "label", "scores"}] * 3
    ]  # fmt: skip


def test_copies_carry_the_answer(predict, finished: tuple[Job, Report], photos: Path, tmp_path: Path) -> None:
    code, _, _ = predict(
        finished[0].out, photos, photos / "cat" / "cat0.png", photos / "cat" / "cat0.png", "--save", tmp_path / "marked"
    )

    names = sorted(path.relative_to(tmp_path / "marked").as_posix() for path in (tmp_path / "marked").rglob("*.jpg"))
    assert (code, len(names)) == (0, 8)
    assert {"cat/cat0.jpg", "dog/dog2.jpg", "cat0.jpg", "cat0-2.jpg"} <= set(names)
    with Image.open(tmp_path / "marked" / "cat" / "cat0.jpg") as marked, Image.open(photos / "cat/cat0.png") as given:
        assert marked.width == given.width
        strip = np.asarray(marked)[given.height + 2 :]
        assert strip.max() > 200  # something is written on black
    code, _, err = predict(finished[0].out, photos, "--save", tmp_path / "marked")
    assert (code, "is not empty" in err) == (3, True)


class FakeCamera:
    """Two frames of OpenCV's, then none."""

    def __init__(self, device: object) -> None:
        self.device, self.left, self.released = device, 2, False

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return self.device == 0

    def read(self) -> tuple[bool, np.ndarray | None]:
        self.left -= 1
        frame = np.full((40, 60, 3), (200, 40, 40), np.uint8)  # blue: OpenCV's order is blue, green, red
        return (True, frame) if self.left >= 0 else (False, None)

    def release(self) -> None:
        self.released = True


def fake_cv2(cameras: list[FakeCamera]) -> types.ModuleType:
    module = types.ModuleType("cv2")

    def opened(device: object) -> FakeCamera:
        cameras.append(FakeCamera(device))
        return cameras[-1]

    def encoded(suffix: str, frame: np.ndarray) -> tuple[bool, np.ndarray]:
        buffer = io.BytesIO()
        Image.fromarray(frame[..., ::-1]).save(buffer, "BMP")
        return True, np.frombuffer(buffer.getvalue(), np.uint8)

    module.VideoCapture, module.imencode = opened, encoded  # type: ignore[attr-defined]
    return module


def test_a_camera_is_asked_for_frames(predict, finished: tuple[Job, Report], monkeypatch: pytest.MonkeyPatch) -> None:
    cameras: list[FakeCamera] = []
    monkeypatch.setitem(sys.modules, "cv2", fake_cv2(cameras))

    code, out, err = predict(finished[0].out, "--camera", "0", "--frames", "2")
    assert (code, err) == (0, "")
    assert [line.split(": ")[0] for line in out.splitlines()] == ["frame 1", "frame 2"]
    assert cameras[0].released

    code, out, err = predict(finished[0].out, "--camera", "0", "--json")
    assert (code, len(lines(out))) == (3, 2)
    assert json.loads(err)["what"] == "the camera gives no picture after 2"
    assert cameras[1].released

    code, _, err = predict(finished[0].out, "--camera", "/dev/video7")
    assert (code, "/dev/video7: no camera answers" in err) == (3, True)


def test_without_opencv_one_line_says_how_to_get_it(
    predict, finished: tuple[Job, Report], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)

    code, out, err = predict(finished[0].out, "--camera", "0")

    assert (code, out) == (2, "")
    assert err == "error: --camera: needs OpenCV, which is not installed; pip install 'ei-train[camera]'\n"


def test_what_is_no_model_or_image_is_one_line(
    predict, finished: tuple[Job, Report], photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))
    out = finished[0].out
    programs = {"plain.eim": "no program", "ends.eim": "#!/bin/sh\necho out of order >&2\nexit 1\n"}
    for name, text in programs.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "locked.eim").write_text("")
    for name in programs:
        (tmp_path / name).chmod(0o755)
    (tmp_path / "empty").mkdir()
    cases = {
        (out,): (2, "there is nothing to look at; name pictures"),
        (out, tmp_path / "nothing.jpg"): (3, "there is no such file or folder"),
        (out, str(tmp_path / "*.jpg")): (3, "no file fits this pattern"),
        (out, tmp_path / "empty"): (3, "the folder is empty"),
        (out, "-", "--threshold", "7"): (2, "--threshold"),
        (out, "-"): (3, "stdin: names no picture; write a path on each line"),
        (tmp_path / "no.eim", photos): (3, "there is no such file"),
        (tmp_path / "locked.eim", photos): (3, "is not executable; chmod +x"),
        (tmp_path / "plain.eim", photos): (3, "cannot be run here (exec format error)"),
        (tmp_path / "ends.eim", photos): (3, "does not answer as a runner (out of order)"),
    }
    for arguments, (code, says) in cases.items():
        got, printed, err = predict(*arguments)
        assert (got, printed, says in err, err.count("error: ")) == (code, "", True, 1), (arguments, err)


def test_a_runner_is_stopped_at_the_end(predict, photos: Path, runner: Path) -> None:
    code, _, _ = predict(runner, photos / "cat")

    assert code == 0
    running = subprocess.run(["ps", "-o", "args=", "--ppid", str(os.getpid())], capture_output=True, text=True)
    assert str(runner) not in running.stdout

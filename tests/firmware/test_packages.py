"""Packages: what is in them, that they are reproducible, and what is refused."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ei_compat.block.run_folder import read_labels
from ei_compat.core.errors import DataError, EiTrainError, ExportError, FormatError, LimitError, UsageError
from firmware.package import package
from firmware.packages.headers import c_string
from tests.firmware.packages_made import classifier, identity, label_file, packed, run, sources, unpacked
from tests.needs import needs

ROOT = Path(__file__).resolve().parents[2]

TARGETS = ("esp-idf", "arduino", "linux")
TEXT = {".md", ".txt", ".yml", ".properties", ".h", ".hpp", ".c", ".cpp", ".ino", ".csv", ""}


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Each target's zip of the same small classifier."""
    made = {}
    for target in TARGETS:
        folder = tmp_path_factory.mktemp(target)
        made[target] = packed(classifier(), folder, name="my-model", target=target)
    return made


@pytest.mark.parametrize("target", TARGETS)
def test_the_same_input_gives_the_same_bytes(packages: dict[str, Path], tmp_path: Path, target: str) -> None:
    again = packed(classifier(), tmp_path, name="my-model", target=target)
    assert again.read_bytes() == packages[target].read_bytes()


@pytest.mark.parametrize("target", TARGETS)
def test_no_template_is_left_unfilled(packages: dict[str, Path], target: str) -> None:
    with zipfile.ZipFile(packages[target]) as archive:
        for entry in archive.infolist():
            assert entry.date_time == (1980, 1, 1, 0, 0, 0)
            assert not entry.filename.startswith("/")
            assert ".." not in entry.filename
            if Path(entry.filename).suffix in TEXT:
                text = archive.read(entry).decode()
                assert not re.search(r"@[A-Z_]+@", text), entry.filename
                assert "/work" not in text
                assert "TODO" not in text


def test_the_esp_idf_package_lists_what_it_compiles(packages: dict[str, Path], tmp_path: Path) -> None:
    folder = unpacked(packages["esp-idf"], tmp_path / "c")
    library = {
        p.relative_to(folder).as_posix() for p in folder.rglob("*.c") if "examples" not in p.relative_to(folder).parts
    }
    assert set(sources(folder)) == library
    assert "GLOB" not in (folder / "CMakeLists.txt").read_text()
    for path in (
        "idf_component.yml", "Kconfig", "README.md", "LICENSE", "model-parameters/model_metadata.h",
        "tflite-model/my_model.tflite", "examples/classify/main/main.c", "examples/classify/sdkconfig.defaults",
        "examples/classify/partitions.csv", "examples/esp32_camera/main/main.c", "self-test/ei_self_test.c",
    ):  # fmt: skip
        assert (folder / path).is_file(), path
    assert (folder / "tflite-model/my_model.tflite").read_bytes() == classifier()
    assert 'version: "3.0.0"' in (folder / "idf_component.yml").read_text()


def test_plain_cmake_builds_the_example_which_passes_its_self_test(packages: dict[str, Path], tmp_path: Path) -> None:
    needs("cmake")
    folder = unpacked(packages["esp-idf"], tmp_path / "c")
    flags = "-DCMAKE_C_FLAGS=-Wall -Wextra -Werror -DCONFIG_EI_SELF_TEST_AT_BOOT"
    run(["cmake", "-S", ".", "-B", "build", flags], folder)
    run(["cmake", "--build", "build"], folder)
    lines = run(["build/classify"], folder).decode().splitlines()
    assert lines[0] == "self-test: passed"
    assert [line.split(":")[0] for line in lines[1:4]] == ["class 0", "class 1", "class 2"]
    scores = [float(line.split()[2]) for line in lines[1:4]]
    assert sum(scores) == pytest.approx(1, abs=0.02)
    assert re.fullmatch(r"reading the picture \d+ us, inference \d+ us", lines[4])


def test_two_workers_pass_the_self_test(packages: dict[str, Path], tmp_path: Path) -> None:
    folder = unpacked(packages["esp-idf"], tmp_path / "c")
    assert "config EI_CLASSIFIER_TWO_CORES" in (folder / "Kconfig").read_text()
    assert "PUBLIC EIT_WORKERS=2u" in (folder / "CMakeLists.txt").read_text()
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-DCONFIG_EI_SELF_TEST_AT_BOOT", "-DEIT_WORKERS=2u", "-I."]
    run(["gcc", *flags, *sources(folder), "examples/classify/main/main.c", "-pthread", "-o", "classify"], folder)
    assert b"self-test: passed" in run(["./classify"], folder)


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_self_test_passes_for_every_kind_of_input(tmp_path: Path, dtype: str, channels: int) -> None:
    folder = unpacked(packed(classifier(channels=channels, dtype=dtype), tmp_path), tmp_path / "c")
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-DCONFIG_EI_SELF_TEST_AT_BOOT", "-I."]
    run(["gcc", *flags, *sources(folder), "examples/classify/main/main.c", "-o", "classify"], folder)
    assert b"self-test: passed" in run(["./classify"], folder)


def test_a_wrong_byte_fails_the_self_test(packages: dict[str, Path], tmp_path: Path) -> None:
    folder = unpacked(packages["esp-idf"], tmp_path / "c")
    golden = folder / "self-test/ei_golden.h"
    head, separator, tail = golden.read_text().rpartition("ei_golden_output[] = {\n    ")
    value, rest = tail.split(",", 1)
    golden.write_text(f"{head}{separator}{int(value) ^ 1},{rest}")
    flags = ["-std=c99", "-DCONFIG_EI_SELF_TEST_AT_BOOT", "-I."]
    run(["gcc", *flags, *sources(folder), "examples/classify/main/main.c", "-o", "classify"], folder)
    done = subprocess.run(["./classify"], cwd=folder, capture_output=True, check=False)
    assert done.returncode == 1
    assert b"self-test: failed (-22)" in done.stdout


def test_features_are_packaged_without_a_camera(tmp_path: Path) -> None:
    folder = unpacked(packed(identity((1, 12), 0.1, 7), tmp_path, 12), tmp_path / "c")
    assert not (folder / "examples/esp32_camera").exists()
    assert "esp32_camera" not in (folder / "idf_component.yml").read_text() + (folder / "README.md").read_text()
    assert "EI_CLASSIFIER_SENSOR_UNKNOWN" in (folder / "model-parameters/model_metadata.h").read_text()
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-DCONFIG_EI_SELF_TEST_AT_BOOT", "-I."]
    run(["gcc", *flags, *sources(folder), "examples/classify/main/main.c", "-o", "classify"], folder)
    assert b"self-test: passed" in run(["./classify"], folder)


def test_the_image_given_is_built_in(tmp_path: Path) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (9, 12, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "given.png")
    folder = unpacked(packed(classifier(), tmp_path, image=tmp_path / "given.png"), tmp_path / "c")
    text = (folder / "self-test/ei_golden.h").read_text()
    numbers = text.split("ei_golden_input[] = {")[1].split("}")[0]
    assert [int(n) for n in re.findall(r"\d+", numbers)] == pixels.reshape(-1).tolist()


def test_the_arduino_zip_has_the_specified_layout(packages: dict[str, Path], tmp_path: Path) -> None:
    """The rules of the Arduino library specification, revision 2.2, that a library of this kind must keep."""
    folder = unpacked(packages["arduino"], tmp_path / "a")
    [root] = folder.iterdir()  # one folder, named like the library
    properties = dict(line.split("=", 1) for line in (root / "library.properties").read_text().splitlines())
    required = {"name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url", "architectures"}
    assert required <= properties.keys()
    assert all(properties.values())
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,62}", properties["name"])
    assert properties["name"] == root.name
    assert re.fullmatch(r"\d+\.\d+\.\d+", properties["version"])
    assert properties["category"] == "Data Processing"
    assert (root / "src" / properties["includes"]).is_file()
    assert not (root / "utility").exists()
    compiled = {".c", ".cpp", ".h", ".hpp"}
    for path in root.rglob("*"):
        parts = path.relative_to(root).parts
        assert path.is_dir() or path.suffix not in compiled or parts[0] == "src", path  # only src/ is compiled
        assert not any(part.startswith(".") for part in parts)
    sketches = sorted((root / "examples").rglob("*.ino"))
    assert [s.stem for s in sketches] == ["esp32_camera", "static_buffer"]
    for sketch in sketches:
        assert sketch.parent.name == sketch.stem
        assert sketch.parent.parent.name == "examples"
        assert f"#include <{properties['includes']}>" in sketch.read_text()


def test_a_sketch_of_the_arduino_package_compiles_and_runs(packages: dict[str, Path], tmp_path: Path) -> None:
    folder = unpacked(packages["arduino"], tmp_path / "a")
    [root] = folder.iterdir()
    stubs, idf = Path(__file__).with_name("arduino"), Path(__file__).with_name("esp") / "idf"
    flags = ["-DARDUINO=10819", "-Wall", "-Wextra", "-Werror", f"-I{stubs}", f"-I{idf}", "-Isrc"]
    c_files = [p.relative_to(root).as_posix() for p in sorted((root / "src").rglob("*.c"))]
    run(["gcc", "-std=gnu99", *flags, "-c", *c_files], root)
    relaxed = [*flags, "-Wno-missing-field-initializers"]
    for sketch in ("static_buffer", "esp32_camera"):
        path = f"examples/{sketch}/{sketch}.ino"
        run(["g++", "-std=gnu++11", *relaxed, "-include", "Arduino.h", "-xc++", "-c", path, "-o", f"{sketch}.oo"], root)
    main = str(stubs / "main.cpp")
    made = [p.name for p in sorted(root.glob("*.o"))]
    run(["g++", "-std=gnu++11", *flags, main, "src/ei_arduino.cpp", "static_buffer.oo", *made, "-o", "sketch"], root)
    printed = run(["./sketch"], root).decode()
    assert re.search(r"class 0: 0\.\d{6}\nclass 1: .*\nclass 2: .*\nreading 0 ms, inference 0 ms", printed)


def test_all_that_packages_are_made_of_is_installed_with_the_program() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = settings["tool"]["setuptools"]["package-data"]["firmware"]
    folder = ROOT / "firmware"
    installed = {path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}
    needed = {p for part in ("api", "engine", "targets") for p in (folder / part).rglob("*") if p.is_file()}
    assert needed | {folder / "LICENSE"} == installed


HARMLESS = {
    "quotes": ('say "hi"', '"say \\042hi\\042"'),
    "backslash": ("a\\b", '"a\\134b"'),
    "trigraph": ("??/", '"\\077\\077/"'),
    "umlaut and digit": ("ü1", '"\\303\\2741"'),
    "comment": ("*/ //", '"*/ //"'),
}


@pytest.mark.parametrize(("label", "literal"), HARMLESS.values(), ids=HARMLESS.keys())
def test_a_label_cannot_leave_its_string(label: str, literal: str) -> None:
    assert c_string(label) == literal


LABEL_FILES: dict[str, tuple[bytes, type[EiTrainError], str]] = {
    "empty": (b"\n\n", FormatError, "holds no label"),
    "empty line": (b"a\n\nb\n", FormatError, "labels.txt:2: empty label"),
    "twice": (b"a\nb\na\n", FormatError, "labels.txt:3: label 'a' for the second time"),
    "control": (b"a\x07\n", FormatError, "labels.txt:1"),
    "not text": (b"a\xff\n", FormatError, "UTF-8"),
    "long": (b"a" * 300, FormatError, "too long"),
    "many": (b"".join(b"%d\n" % i for i in range(4096)), LimitError, "4096 labels"),
}


@pytest.mark.parametrize(("content", "error", "words"), LABEL_FILES.values(), ids=LABEL_FILES.keys())
def test_label_files_that_are_refused(tmp_path: Path, content: bytes, error: type[EiTrainError], words: str) -> None:
    (tmp_path / "labels.txt").write_bytes(content)
    with pytest.raises(error, match=re.escape(words)):
        read_labels(tmp_path / "labels.txt")


def test_labels_from_windows_are_read(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_bytes(b"\xef\xbb\xbfcan\r\nold bottle \r\n")
    assert read_labels(tmp_path / "labels.txt") == ("can", "old bottle")


REFUSED: dict[str, tuple[dict[str, object], type[EiTrainError], str]] = {
    "name with a slash": ({"name": "../x"}, UsageError, "cannot name a package"),
    "empty name": ({"name": ""}, UsageError, "cannot name a package"),
    "only hyphens": ({"name": "-"}, UsageError, "cannot name a package"),
    "long name": ({"name": "n" * 51}, UsageError, "cannot name a package"),
    "name of the engine": ({"name": "eit"}, UsageError, "part of the engine"),
    "version that semver refuses": ({"version": "1.02"}, UsageError, "is no version"),
    "version": ({"version": "1.2.3.4"}, UsageError, "is no version"),
    "target": ({"target": "zephyr"}, UsageError, "use esp-idf, arduino, linux"),
    "picture": ({"image": Path(__file__)}, DataError, "cannot be decoded"),
    "picture of features": ({"image": Path(__file__), "sensor": "unknown"}, UsageError, "is not taken for a picture"),
    "folder as output": ({"output": ROOT}, UsageError, "is a folder"),
    "output in no folder": ({"output": ROOT / "nowhere" / "x.zip"}, DataError, "no such folder"),
}


@pytest.mark.parametrize(("options", "error", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_options_that_are_refused(
    tmp_path: Path, options: dict[str, object], error: type[EiTrainError], words: str
) -> None:
    with pytest.raises(error, match=re.escape(words)):
        packed(classifier(), tmp_path, **options)
    assert not list(tmp_path.glob("*.zip*"))


@pytest.mark.parametrize("count", [2, 4])
def test_labels_must_be_as_many_as_outputs(tmp_path: Path, count: int) -> None:
    with pytest.raises(DataError, match=rf"3 outputs \[1, 3\], but there are {count} labels"):
        packed(classifier(), tmp_path, count)


def test_a_run_that_has_not_ended_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model_quantized_int8_io.tflite").write_bytes(classifier())
    label_file(tmp_path, ["a", "b", "c"])
    with pytest.raises(DataError, match=r"holds no report\.json"):
        package(tmp_path, name="x", version="1", output=tmp_path / "x.zip")
    (tmp_path / "report.json").write_text("{}")
    assert package(tmp_path, name="x", version="1", output=tmp_path / "x.zip").spec.labels == ("a", "b", "c")


def test_targets_do_not_overwrite_each_other_and_a_file_finds_its_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.tflite").write_bytes(classifier())
    label_file(tmp_path, ["a", "b", "c"])
    made = [package(Path("m.tflite"), name="x", version="3", target=target) for target in ("esp-idf", "arduino")]
    assert [each.path.name for each in made] == ["x-v3.zip", "x-v3-arduino.zip"]
    assert {each.spec.labels for each in made} == {("a", "b", "c")}


def test_no_compiler_is_an_error_that_helps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(ExportError, match=r"-o NAME\.zip"):
        packed(classifier(), tmp_path, target="linux", output=tmp_path / "x.eim")
    monkeypatch.setenv("CC", "false")
    with pytest.raises(ExportError, match="false: failed"):
        packed(classifier(), tmp_path, target="linux", output=tmp_path / "x.eim")
    assert not list(tmp_path.glob("*.eim*"))


def test_without_a_compiler_a_runner_comes_as_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CC", "no-such-compiler")
    assert packed(classifier(), tmp_path, target="linux", output=None) == Path("tiny-v3-linux.zip")
    assert "Makefile" in zipfile.ZipFile("tiny-v3-linux.zip").namelist()


def test_the_runner_is_an_executable_and_reproducible(tmp_path: Path) -> None:
    one = packed(classifier(), tmp_path, target="linux", output=tmp_path / "one.eim")
    two = packed(classifier(), tmp_path, target="linux", output=tmp_path / "two.eim")
    assert one.read_bytes() == two.read_bytes()
    assert stat.S_IMODE(one.stat().st_mode) == 0o755


def test_the_command_line_prints_json(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(classifier())
    (tmp_path / "names").mkdir()
    labels = label_file(tmp_path / "names", ["a", "b", "c"])
    command = [
        sys.executable,
        "-P",
        "-m",
        "train",
        "package",
        "m.tflite",
        "--name",
        "n",
        "--version",
        "2",
        "--estimate",
    ]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, "--labels", str(labels), "--json"], cwd=tmp_path, env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["path"] == "n-v2.zip"
    assert answer["size"] == (tmp_path / "n-v2.zip").stat().st_size
    assert answer["profile"]["instructions"]["method"] == "estimate"
    again = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert again.returncode == 2
    assert again.stderr.startswith("error: --labels: m.tflite has no labels with it")
    assert again.stderr.count("\n") == 1

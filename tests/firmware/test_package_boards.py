"""Packages as firmware: compiled for Xtensa and RISC-V, run in QEMU, and accepted by the component manager."""

from __future__ import annotations

import re
import tarfile
from pathlib import Path

import numpy as np
import pytest

from firmware import qemu
from firmware.compiler import ENGINE
from tests.firmware import host
from tests.firmware.official import program
from tests.firmware.packages_made import WARNINGS, classifier, objects, packed, run, sources, unpacked
from tests.needs import needs

STUBS = Path(__file__).with_name("esp")
XTENSA = "xtensa-lx106-elf-gcc"
ESP32 = ("-ffreestanding", "-DESP_PLATFORM", f"-I{STUBS / 'libc'}", f"-I{STUBS / 'idf'}")
MACHINE = ("-M", "virt", "-cpu", "rv32", "-bios", "none", "-m", "128M", "-nographic", "-no-reboot", "-semihosting",
           "-kernel", "firmware.elf")  # fmt: skip
LABELS = ["bottle", "can", "cup"]


def test_every_file_compiles_for_xtensa_without_a_warning(tmp_path: Path) -> None:
    needs(XTENSA)
    folder = unpacked(packed(classifier(), tmp_path), tmp_path / "c")
    examples = [p.relative_to(folder).as_posix() for p in sorted((folder / "examples").rglob("*.c"))]
    assert len(examples) == 2
    listed, whole = [*sources(folder), *examples], map(str, sorted(ENGINE.glob("*.c")))
    heap = ("-Os", "-DEI_CLASSIFIER_ALLOCATION_HEAP")  # which the engine does not know
    for source, flags in [(each, ("-O2",)) for each in (*listed, *whole)] + [(each, heap) for each in listed]:
        command = [XTENSA, "-std=c99", *WARNINGS, *flags, *ESP32, "-I.", "-Itflite-model", "-c", source, "-o", "x.o"]
        run(command, folder)


def test_the_second_core_compiles_for_xtensa_without_a_warning(tmp_path: Path) -> None:
    needs(XTENSA)
    made = unpacked(packed(classifier(), tmp_path), tmp_path / "c") / "tflite-model"
    listed = sorted(path.name for path in made.glob("*.c"))
    for cores in (1, 2):
        flags = (*WARNINGS, "-O2", *ESP32, "-DEIT_WORKERS=2", f"-DportNUM_PROCESSORS={cores}")
        run([XTENSA, "-std=c99", *flags, "-c", *listed], made)
        names = run(["nm", "eit_port.o"], made).decode()
        assert ("xTaskCreateStaticPinnedToCore" in names) == (cores == 2)


@pytest.mark.slow
@pytest.mark.qemu
@pytest.mark.shared
@pytest.mark.parametrize("name", ["A", "B"])
def test_the_example_prints_the_references_bytes_in_qemu(shared: Path, tmp_path: Path, name: str) -> None:
    model = (shared / "models" / f"{name}.tflite").read_bytes()
    images = sorted((shared / "data" / "rubbish4").rglob("*.jpg"))[:451:450]
    assert len(images) == 2
    folder = tmp_path / "c"
    library: list[str] = []
    seen = set()
    for image in images:
        unpacked(packed(model, tmp_path, names=LABELS, image=image), folder)
        if not library:
            made = objects(folder, "-O2", *qemu.ARCHITECTURE, compiler=qemu.COMPILER)
            library = [path for path in made if "ei_self_test" not in path]
        changing = ["self-test/ei_self_test.c", "examples/classify/main/main.c"]  # these hold the picture
        flags = ["-std=c99", *WARNINGS, "-O2", *qemu.ARCHITECTURE, *qemu.BOARD, "-DCONFIG_EI_SELF_TEST_AT_BOOT", "-I."]
        run([qemu.COMPILER, *flags, *changing, *library, "-o", "firmware.elf"], folder)
        lines = run(["sh", "-c", 'exec "$@" 2>&1', "-", qemu.MACHINE, *MACHINE], folder).decode().splitlines()
        assert lines[0] == "self-test: passed"
        numbers = (folder / "self-test/ei_golden.h").read_text().split("ei_golden_input[] = {")[1].split("}")[0]
        values = (np.array([int(n) for n in re.findall(r"\d+", numbers)]) - 128).astype(np.int8)
        expected = host.answers(model, values).tolist()
        assert [int(re.findall(r"\((-?\d+)\)$", line)[0]) for line in lines[1:4]] == expected
        assert [line.split(":")[0] for line in lines[1:4]] == LABELS
        seen.add(tuple(expected))
    assert len(seen) > 1


@pytest.mark.slow
def test_the_component_manager_accepts_the_component(tmp_path: Path) -> None:
    compote = program("idf-component-manager==3.1.2", "compote")
    folder = unpacked(packed(classifier(), tmp_path), tmp_path / "my-model")
    run([str(compote), "component", "pack", "--name", "my-model"], folder)
    with tarfile.open(folder / "dist" / "my-model_3.0.0.tgz") as archive:
        names = {name.removeprefix("./") for name in archive.getnames()}
    assert {"CMakeLists.txt", "idf_component.yml", *sources(folder)} <= names

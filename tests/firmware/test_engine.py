"""The engine's sources: no warning from any compiler, no state, no heap."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from firmware.compiler import ENGINE, compile_model
from tests.firmware import graphs
from tests.firmware.packages_made import needs

SOURCES = sorted(p.name for p in ENGINE.glob("*.c"))
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-Wcast-align", "-Wshadow", "-Wconversion", "-O2", "-c"]


@pytest.mark.parametrize("source", SOURCES)
def test_xtensa_compiler_has_no_complaint(source: str, tmp_path: Path) -> None:
    needs("xtensa-lx106-elf-gcc")
    command = ["xtensa-lx106-elf-gcc", "-ffreestanding", *STRICT[:4], "-O2", "-c", str(ENGINE / source)]
    subprocess.run([*command, "-o", str(tmp_path / "o")], check=True)


@pytest.mark.parametrize("source", SOURCES)
def test_host_compiler_has_no_complaint(source: str, tmp_path: Path) -> None:
    subprocess.run(["gcc", *STRICT[:6], "-O2", "-c", str(ENGINE / source), "-o", str(tmp_path / "o")], check=True)


def test_no_state_and_no_heap(tmp_path: Path) -> None:
    for source in SOURCES:
        target = tmp_path / f"{source}.o"
        subprocess.run(["gcc", "-std=c99", "-O2", "-c", str(ENGINE / source), "-o", str(target)], check=True)
        symbols = subprocess.run(["nm", str(target)], check=True, capture_output=True, text=True).stdout
        assert not re.search(r" [bBdDC] ", symbols), source
        assert not re.search(r" U (?!eit_|memset|memcpy|_GLOBAL_|__stack_chk_fail)", symbols), symbols


def test_compiler_never_imports_tensorflow() -> None:
    code = "import sys, firmware.profile; assert not {'tensorflow', 'ai_edge_litert'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("seed", range(0, graphs.KINDS, 3))
def test_listed_files_are_all_that_is_needed(seed: int, tmp_path: Path) -> None:
    model = compile_model(graphs.graph(seed), name="alone")
    for name, text in model.files.items():
        (tmp_path / name).write_text(text)
    for name in (*model.engine_sources, *model.engine_headers):
        shutil.copy(ENGINE / name, tmp_path)
    sources = sorted(map(str, tmp_path.glob("*.c")))
    subprocess.run(
        ["gcc", "-std=c99", "-Werror", "-O0", "-shared", "-fPIC", *sources, "-o", str(tmp_path / "a.so")], check=True
    )

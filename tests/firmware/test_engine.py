"""The engine's sources: no warning from any compiler, no state, no heap."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from firmware.compiler import ENGINE, compile_model
from tests.firmware import graphs, host
from tests.firmware.packages_made import STRICT
from tests.needs import needs

SOURCES = sorted(p.name for p in ENGINE.glob("*.c"))
COMPILED = (*STRICT, "-O2", "-c", f"-I{host.everything()}")


@pytest.mark.parametrize("source", SOURCES)
def test_xtensa_compiler_has_no_complaint(source: str, tmp_path: Path) -> None:
    needs("xtensa-lx106-elf-gcc")
    command = ["xtensa-lx106-elf-gcc", "-ffreestanding", *COMPILED, str(ENGINE / source), "-o", str(tmp_path / "o")]
    subprocess.run(command, check=True)


@pytest.mark.parametrize("source", SOURCES)
def test_host_compiler_has_no_complaint(source: str, tmp_path: Path) -> None:
    subprocess.run(["gcc", *COMPILED, str(ENGINE / source), "-o", str(tmp_path / "o")], check=True)


def test_no_state_and_no_heap(tmp_path: Path) -> None:
    for source in SOURCES:
        target = tmp_path / f"{source}.o"
        subprocess.run(["gcc", *COMPILED, str(ENGINE / source), "-o", str(target)], check=True)
        symbols = subprocess.run(["nm", str(target)], check=True, capture_output=True, text=True).stdout
        assert not re.search(r" [bBdDC] ", symbols), source
        assert not re.search(r" U (?!eit_|memset|memcpy|_GLOBAL_|__stack_chk_fail)", symbols), symbols


def test_an_engine_of_other_limits_does_not_compile(tmp_path: Path) -> None:
    model = compile_model(graphs.graph(16), name="m")
    for name in model.engine_headers:
        shutil.copy(ENGINE / name, tmp_path)
    for name, text in model.files.items():
        (tmp_path / name).write_text(text)

    def said() -> str:
        command = ["gcc", "-std=c99", "-fsyntax-only", str(tmp_path / "m.c")]
        return subprocess.run(command, check=False, capture_output=True, text=True).stderr

    assert not said()
    for header, limits in {"tiles": ("TILE", "QUAD", "MAX_STEP", "MAX_RUN"), "engine": ("MAX_STAGES",)}.items():
        path = tmp_path / f"eit_{header}.h"
        text = path.read_text()
        for limit in limits:
            path.write_text(re.sub(rf"(#define EIT_{limit}) \d+", r"\1 3", text))
            assert "engine_is_this_compilers" in said(), limit
        path.write_text(text)


LAID_OUT = ("firmware/engine", "firmware/api", "firmware/targets/linux", "tests/firmware")
ROOT = ENGINE.parents[1]


def test_c_is_laid_out_as_clang_format_says() -> None:
    needs("clang-format")
    files = [
        str(p) for folder in LAID_OUT for p in (ROOT / folder).rglob("*") if p.suffix in (".c", ".h", ".hpp", ".cpp")
    ]
    subprocess.run(["clang-format", "--dry-run", "-Werror", *files], cwd=ROOT, check=True)


def test_no_line_of_c_is_longer_than_clang_format_allows() -> None:
    most = int(re.findall(r"ColumnLimit: (\d+)", (ROOT / ".clang-format").read_text())[0])
    for folder in ("firmware", "tests/firmware"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".c", ".h", ".hpp", ".cpp", ".ino"):
                assert max(map(len, path.read_text().splitlines())) <= most, path


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

"""The model runner for Edge Impulse's Linux SDKs: its sources, and the executable where there is a C compiler."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ei_compat.core.errors import ExportError
from firmware.packages import describe, native
from firmware.packages.library import Files, library, sources, templates
from firmware.packages.spec import PackageSpec

RUNNER = ("eim_json.c", "eim_json.h", "eim_main.c", "eim_reply.c", "eim_reply.h", "eim_request.c", "eim_request.h")
FLAGS = ("-std=c99", "-O2", "-s", "-I.", "-Ieim")


def files(spec: PackageSpec) -> Files:
    """The sources with a Makefile."""
    contents = library(spec) | templates("linux", {f"eim/{name}": name for name in RUNNER}, {})
    listed = " \\\n".join(f"    {path}" for path in sources(contents))
    values = describe.values(spec) | {"SOURCES": listed, "EIM": f"{spec.name}-v{spec.version}.eim"}
    return contents | templates("linux", {name: name for name in ("Makefile", "README.md")}, values)


def build(contents: Files) -> bytes:
    """The executable that `$CC` (or cc) makes of the sources; the same bytes for the same sources and compiler.

    Raises:
        ExportError: there is no compiler, or it fails.
    """
    if not native.has_compiler():
        raise ExportError(
            f"{native.compiler()[0]} is not on PATH", where="--target linux",
            fix="install a C compiler, or take the sources with -o NAME.zip and run make on the device",
        )  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        return native.build(Path(name), contents, sources(contents), FLAGS, native.compiler()).read_bytes()

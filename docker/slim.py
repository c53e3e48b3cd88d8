"""Takes out of the image's environment what a training run never opens, and prints how much each piece weighed.

Run inside the image while it is built, by the environment's own Python. What goes was found by listing what a whole job
maps and imports; tests/docker runs the job in the finished image. A piece that is no longer there stops the build, so
that this list cannot outlive what it describes.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import py_compile
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

SITE = Path(sysconfig.get_path("purelib"))

DISTRIBUTIONS = {
    "libclang": "TensorFlow asks for it and never loads it",
    "scipy": "tfmot asks for it; Keras uses it for sparse input and ImageDataGenerator only",
    "keras": "Keras 3; TF_USE_LEGACY_KERAS=1 selects tf_keras",
    "optree": "of Keras 3",
    "namex": "of Keras 3",
    "grpcio": "TensorBoard's and the distributed runtime's Python side",
    "google-pasta": "the TensorFlow 1 upgrade script",
    "mock": "tests of tfmot",
    "wheel": "builds packages",
    "pip": "installs packages; goes last",
}
FILES = {
    "tensorflow/include": "headers for compiling custom operations",
    "tensorflow/xla_aot_runtime_src": "sources for ahead-of-time compilation",
    "tensorflow/compiler/mlir/stablehlo/stablehlo_extension.so": "Python bindings of a compiler dialect",
    "tensorflow/compiler/tf2xla/ops/_xla_ops.so": "operations for writing XLA programs by hand",
    "ai_edge_litert/libLiteRtWebGpuAccelerator.so": "runs models on a browser's GPU",
    "ai_edge_litert/aot": "compiles for phone NPUs",
    "ai_edge_litert/vendors": "the same",
    "ai_edge_litert/tools": "the same",
    "numpy/**/tests": "tests",
    "h5py/tests": "tests",
    "**/*.pyi": "type stubs",
    "*.dist-info/RECORD": "lists of files, no longer true",
}
GPU_FILES = {"nvidia/*/include": "headers of CUDA"}
# Bytecode without a look at its source, which is in the same layer and whose time stamp need not survive copying.
UNCHECKED = py_compile.PycInvalidationMode.UNCHECKED_HASH
STRIPPED = ("tensorflow", "ai_edge_litert")  # not those that auditwheel has rewritten: strip breaks some of them
IMPORTED = (
    "import tensorflow as tf, tf_keras, tensorflow_model_optimization, ai_edge_litert.interpreter, h5py, PIL.Image; "
    "tf.lite.TFLiteConverter, tf_keras.Model; "
    "import cbor2, docker, flatbuffers, pydantic, requests, rich.markdown, rich.progress, rich.table, "
    "typer.rich_utils, yaml"
)


def main() -> None:
    """Takes out, strips, then compiles what is left and imported; the import also proves that nothing is missing."""
    before = weight([SITE])
    gpu = (SITE / "nvidia").is_dir()
    for name, why in DISTRIBUTIONS.items():
        remove(name, distribution_files(name), why)
    for pattern, why in (FILES | GPU_FILES if gpu else FILES).items():
        remove(pattern, list(SITE.glob(pattern)), why)
    strip()
    compile_imported()
    report("all of it", before - weight([SITE]), f"leaves {weight([SITE]) / 1e6:.0f} MB")


def distribution_files(name: str) -> list[Path]:
    """A distribution's top-level folders and modules, and its commands."""
    files = importlib.metadata.distribution(name).files or []
    tops = {SITE / file.parts[0] for file in files if file.parts[0] != ".."}
    commands = {(SITE / file).resolve() for file in files if file.parts[0] == ".."}
    return sorted(tops | commands)


def remove(name: str, paths: list[Path], why: str) -> None:
    """Deletes files and folders."""
    if not paths:
        optional = platform.machine() != "x86_64"  # other processors' wheels hold a little less
        if optional:
            return
        sys.exit(f"slim.py: {name} is not there; take it off the list")
    size = weight(paths)
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)  # may have gone with a folder of the same pattern
    report(name, size, why)


def strip() -> None:
    """Takes the symbol tables out of shared libraries; what the dynamic linker needs stays."""
    libraries = [path for top in STRIPPED for path in (SITE / top).rglob("*.so*") if path.is_file()]
    before = weight(libraries)
    subprocess.run(["strip", "--strip-unneeded", *libraries], check=True)
    report("symbol tables", before - weight(libraries), "for debuggers")


def compile_imported() -> None:
    """Bytecode of the modules that every run imports: a third of the time until TensorFlow is there."""
    listing = "import sys; print(*{getattr(m, '__file__', None) for m in sys.modules.values()}, sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", f"{IMPORTED}; {listing}"],
        env=os.environ | {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    sources = [Path(line) for line in done.stdout.splitlines() if line.endswith(".py")]
    before = weight([SITE])
    for source in sources:
        if source.is_relative_to(SITE):
            py_compile.compile(
                str(source), doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
            )
    report("bytecode", before - weight([SITE]), "added, so that a start need not compile")


def weight(paths: Iterable[Path]) -> int:
    """Bytes of files and of all that is below folders."""
    below = (file for path in paths for file in (path.rglob("*") if path.is_dir() else [path]))
    return sum(file.lstat().st_size for file in below if file.is_file())


def report(name: str, size: int, why: str) -> None:
    """One line of the build's log."""
    sys.stdout.write(f"{-size / 1e6:9.1f} MB  {name}: {why}\n")


if __name__ == "__main__":
    main()

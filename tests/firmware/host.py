"""Builds a compiled model for this machine and runs it beside TensorFlow Lite's reference kernels."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import numpy as np
import numpy.typing as npt

from firmware.compiler import ENGINE, CompiledModel, compile_model

WARNINGS = ["-std=c99", "-Wall", "-Wextra", "-Werror"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g"]


def write(model: CompiledModel, folder: Path) -> list[str]:
    """Writes the generated files; returns everything to compile."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in model.files.items():
        (folder / name).write_text(text)
    return [str(folder / f"{model.name}.c"), *(str(ENGINE / s) for s in model.engine_sources)]


class Host:
    """A compiled model as a shared library of this process."""

    def __init__(self, data: bytes, folder: Path, name: str = "model", flags: tuple[str, ...] = ("-O1",)) -> None:
        self.model = compile_model(data, name=name)
        sources = write(self.model, folder)
        library = folder / f"{self.model.name}.so"
        command = ["gcc", *WARNINGS, *flags, "-shared", "-fPIC", f"-I{ENGINE}", f"-I{folder}", *sources, "-o", str(library)]
        subprocess.run(command, check=True, capture_output=True, text=True)
        self.library = ctypes.CDLL(str(library))
        prefix = self.model.name
        self.invoke = getattr(self.library, f"{prefix}_invoke")
        self.place_in, self.place_out = (getattr(self.library, f"{prefix}_{k}") for k in ("input", "output"))
        for place in (self.place_in, self.place_out):
            place.restype = ctypes.c_void_p
            place.argtypes = [ctypes.c_void_p]
        self.invoke.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        self.memory = (ctypes.c_uint32 * (self.model.arena_bytes // 4 + 8))()

    def __call__(self, values: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
        """The output bytes for input bytes, both flat; the arena is full of rubbish before and guarded behind."""
        base = ctypes.addressof(self.memory)
        size = self.model.arena_bytes
        ctypes.memset(base, 0xA5, size + 32)
        ctypes.memmove(self.place_in(base), values.tobytes(), values.size)
        assert self.invoke(base, size) == 0
        assert bytes(self.memory)[size:] == b"\xa5" * 32, "wrote behind the arena"
        count = int(np.prod(self.model.output.shape))
        return np.frombuffer(ctypes.string_at(self.place_out(base), count), self.model.output.dtype).copy()


class Reference:
    """The reference interpreter."""

    def __init__(self, data: bytes) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        self.interpreter = Interpreter(
            model_content=data, experimental_op_resolver_type=OpResolverType.BUILTIN_REF, num_threads=1
        )
        self.interpreter.allocate_tensors()
        self.input = self.interpreter.get_input_details()[0]
        self.output = self.interpreter.get_output_details()[0]

    def __call__(self, values: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
        """The output bytes for input bytes, both flat."""
        self.interpreter.set_tensor(self.input["index"], values.reshape(self.input["shape"]))
        self.interpreter.invoke()
        return self.interpreter.get_tensor(self.output["index"]).reshape(-1)


def pictures(shape: tuple[int, ...], count: int, seed: int = 0, dtype: str = "int8") -> npt.NDArray[np.int8]:
    """Inputs of several kinds: noise, smooth shapes, extremes."""
    rng = np.random.default_rng(seed)
    size = int(np.prod(shape))
    kinds = []
    for i in range(count):
        noise = rng.integers(-128, 128, size)
        match i % 4:
            case 0:
                values = noise
            case 1:
                values = np.round(127 * np.sin(np.arange(size) * rng.uniform(0.001, 0.1) + rng.uniform(0, 6)))
            case 2:
                values = np.where(noise > rng.integers(-128, 128), 127, -128)
            case _:
                values = np.clip(noise // 4 + rng.integers(-128, 128), -128, 127)
        kinds.append(values)
    stacked = np.array(kinds)
    return (stacked + 128).astype(np.uint8) if dtype == "uint8" else stacked.astype(np.int8)


def mismatches(data: bytes, folder: Path, count: int, **options: object) -> tuple[int, int]:
    """Output bytes that differ from the reference, and how many were compared."""
    host, reference = Host(data, folder, **options), Reference(data)  # type: ignore[arg-type]
    wrong = total = 0
    for values in pictures(host.model.input.shape, count, dtype=host.model.input.dtype):
        mine, theirs = host(values), reference(values)
        wrong += int(np.count_nonzero(mine != theirs))
        total += theirs.size
    return wrong, total

"""Costs of networks before they are trained: asked of processes of their own, and kept in a cache on disk.

A cache entry belongs to a sketch, its zeros and the very compiler that made it, whose sources are part of the key.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from pathlib import Path
from types import TracebackType

from ei_compat.core.errors import EiTrainError, TrainingError
from ei_compat.core.files import cache_folder, write_file
from firmware import compiler
from train.tuning.sketch import Cost, Sketch, Zeros

SHAPES_A_PROCESS = 24  # before it makes room for a fresh one: TensorFlow's converter keeps memory
Asked = tuple[Sketch, Zeros]
Answer = Cost | str  # a cost, or why there is none


class Costs:
    """Answers what networks cost.

    Args:
        folder: of the cache; by default one that the user's other searches share.
        workers: processes at a time.
    """

    def __init__(self, folder: Path | None = None, workers: int = 1) -> None:
        self._folder = folder or cache_folder("costs")
        self._workers = workers
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Costs:
        return self

    def __exit__(self, *exc: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._pool is None:
            return
        if exc[0] is not None:  # nobody waits for what is under way
            for process in multiprocessing.active_children():
                process.terminate()
        self._pool.shutdown(cancel_futures=True)

    def of(self, sketch: Sketch, zeros: Zeros) -> Answer:
        """The cost of one network, or why there is no such network."""
        return next(answer for _, answer in self.each([(sketch, zeros)]))

    def each(self, asked: Iterable[Asked]) -> Iterable[tuple[Asked, Answer]]:
        """Answers in the order in which they become known, those of one shape together.

        Raises:
            TrainingError: TensorFlow is missing, or its process died.
        """
        unknown: dict[Sketch, list[Zeros]] = {}
        for sketch, zeros in asked:
            known = self._read(sketch, zeros)
            if known is None:
                unknown.setdefault(sketch, []).append(zeros)
            else:
                yield (sketch, zeros), known
        futures = {self._submit(sketch, wanted): (sketch, wanted) for sketch, wanted in unknown.items()}
        for future in as_completed(futures):
            sketch, wanted = futures[future]
            try:
                answers: Sequence[Answer] = future.result()
            except BrokenProcessPool:
                raise TrainingError(
                    "the process that estimates costs was killed", fix="use a machine with more memory"
                ) from None
            for zeros, answer in zip(wanted, answers, strict=True):
                self._write(sketch, zeros, answer)
                yield (sketch, zeros), answer

    def _submit(self, sketch: Sketch, wanted: Sequence[Zeros]) -> Future[Sequence[Answer]]:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._workers,
                multiprocessing.get_context("spawn"),
                max_tasks_per_child=SHAPES_A_PROCESS,
            )
        return self._pool.submit(_measured, sketch, wanted)

    def _path(self, sketch: Sketch, zeros: Zeros) -> Path:
        key = json.dumps([sketch.as_json(), zeros, compiler_digest()], sort_keys=True)
        return self._folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"

    def _read(self, sketch: Sketch, zeros: Zeros) -> Answer | None:
        with suppress(OSError, ValueError, TypeError, KeyError):
            document: Mapping[str, object] = json.loads(self._path(sketch, zeros).read_bytes())
            return str(document["refused"]) if "refused" in document else Cost(**document)  # type: ignore[arg-type]
        return None

    def _write(self, sketch: Sketch, zeros: Zeros, answer: Answer) -> None:
        """Keeps an answer, where there is a place for it."""
        document = asdict(answer) if isinstance(answer, Cost) else {"refused": answer}
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            write_file(self._path(sketch, zeros), json.dumps(document).encode())


def _measured(sketch: Sketch, wanted: Sequence[Zeros]) -> Sequence[Answer]:
    """In the process of its own."""
    from train.tuning.network_cost import costs_of

    try:
        return costs_of(sketch, wanted)
    except TrainingError:
        raise  # TensorFlow is missing
    except EiTrainError as error:
        return [error.what] * len(wanted)


@cache
def compiler_digest() -> str:
    """SHA-256 of all that decides a cost beside the network: the compiler's sources and this room's."""
    digest = hashlib.sha256()
    for folder in (Path(compiler.__file__).parent, Path(__file__).parent):
        for path in sorted(folder.glob("*.py")):
            if folder.name == "compiler" or path.name in {"network_cost.py", "sketch.py"}:
                digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()

"""What TensorBoard reads of a run: `tensorboard/` in its folder, with the recipe, the epochs and the final figures."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ei_compat.block.run_folder import EVENTS

if TYPE_CHECKING:
    from train.methods.state import Epoch
    from train.runs.report import Report

DATA_CLASS_SCALAR, DATA_CLASS_TENSOR = 1, 2  # of TensorFlow's summary.proto
PATTERN = "events.out.tfevents.*"  # TensorFlow's name for them


class Events:
    """Writes with TensorFlow's own summary writer, which needs no TensorBoard.

    Args:
        folder: of the run.
        metric: what the task's is called.
    """

    name = "TensorBoard"

    def __init__(self, folder: Path, metric: str) -> None:
        self._folder, self._metric = folder, metric
        self._writer: Any = None

    def begin(self, config: Mapping[str, Any]) -> None:
        """See `train.runs.tracking.Tracker`."""
        import tensorflow as tf

        clear_events(self._folder)  # a run that goes on writes its earlier epochs again
        self._writer = tf.summary.create_file_writer(str(self._folder / EVENTS))
        rows = ["| option | value |", "| --- | --- |", *(f"| {k} | {v} |" for k, v in config["recipe"].items())]
        with self._writer.as_default(0):
            _write("recipe", tf.constant(["\n".join(rows)]), "text", DATA_CLASS_TENSOR)
        self._writer.flush()

    def epoch(self, number: int, line: Epoch) -> None:
        """See `train.runs.tracking.Tracker`."""
        row = line.as_row(self._metric)
        self._scalars({name: value for name, value in row.items() if name not in {"phase", "epoch"}}, number)
        self._scalars({f"epoch of {line.phase}": line.epoch}, number)
        self._writer.flush()

    def end(self, report: Report, folder: Path) -> None:  # noqa: ARG002 - the files lie beside it
        """See `train.runs.tracking.Tracker`."""
        self._scalars(report.figures(), len(report.history))
        self._writer.close()

    def stop(self) -> None:
        """See `train.runs.tracking.Tracker`."""
        if self._writer is not None:
            self._writer.close()

    def _scalars(self, figures: Mapping[str, float], step: int) -> None:
        import tensorflow as tf

        with self._writer.as_default(step):
            for name, value in figures.items():
                _write(name, tf.constant(value, tf.float32), "scalars", DATA_CLASS_SCALAR)


def _write(name: str, value: Any, plugin: str, data_class: int) -> None:
    """One value as `tf.summary.scalar` and `tf.summary.text` write it, which need TensorBoard where they write."""
    import tensorflow as tf

    metadata = tf.compat.v1.SummaryMetadata(data_class=data_class)
    metadata.plugin_data.plugin_name = plugin
    tf.summary.write(name, value, metadata=metadata)


def clear_events(folder: Path) -> None:
    """Removes what an earlier run wrote for TensorBoard, and the folder where nothing else is in it."""
    for path in (folder / EVENTS).glob(PATTERN):
        path.unlink(missing_ok=True)
    with suppress(OSError):
        (folder / EVENTS).rmdir()

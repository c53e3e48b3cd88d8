"""What a learning block leaves in its output directory: the names of the files, and what later commands read from them.

The four models have the names that Edge Impulse gives them. What stands beside them is ours: `labels.txt` has a label a
line, `predictions.csv` what both `.tflite` files say of every held-out sample, `explorer.zip` small pictures and where
the network sees them, `config.json` what decided the result. `report.json` makes a run a finished one; `report.html`
and `MODEL_CARD.md`, which show that to people, come after it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ei_compat.core.errors import DataError, FormatError, LimitError
from ei_compat.core.files import read_at_most

FLOAT_FILE, INT8_FILE = "model.tflite", "model_quantized_int8_io.tflite"
MODEL_FILES = {"float32": FLOAT_FILE, "int8": INT8_FILE}  # by what `report.json` calls them
SAVED_MODEL, KERAS = "saved_model.zip", "model.h5.zip"
LABELS, LOG, CONFIG, REPORT = "labels.txt", "training_log.csv", "config.json", "report.json"
PREDICTIONS, PAGE, EXPLORER = "predictions.csv", "report.html", "explorer.zip"
CARD = "MODEL_CARD.md"
RESULTS = (FLOAT_FILE, INT8_FILE, SAVED_MODEL, KERAS, LABELS, LOG, PREDICTIONS, EXPLORER, CARD, PAGE, CONFIG, REPORT)
EVENTS = "tensorboard"  # the folder of what TensorBoard reads, where that was asked for
CHECKPOINT = "checkpoint.npz"  # while a run is under way
SCALING, MODE = "imageInputScaling", "mode"  # in `config.json`, as in `train_input.json`
SHAPE = "input_shape"  # in `config.json`
MOST_LABELS = 4095
LONGEST_LABEL = 200  # bytes
LARGEST_CONFIG = 1 << 20  # bytes


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The output directory of a run, to be read.

    Attributes:
        path: of the folder.
    """

    path: Path

    def check_finished(self) -> None:
        """Makes sure that the run has ended.

        Raises:
            DataError: it has not, or the folder is another one.
        """
        if not self.path.is_dir():
            what = "is no folder" if self.path.exists() else "there is no such folder"
            raise DataError(what, where=self.path, fix="give the --out-directory of a run that has ended")
        for name in (INT8_FILE, LABELS, REPORT):
            if not (self.path / name).is_file():
                raise DataError(
                    f"holds no {name}", where=self.path, fix="give the --out-directory of a run that has ended"
                )

    def int8_model(self) -> Path:
        """The INT8 model's file.

        Raises:
            DataError: there is none.
        """
        file = self.path / INT8_FILE
        if not file.is_file():
            raise DataError(
                f"no {INT8_FILE}", where=self.path, fix="give a model, or the --out-directory of a training run"
            )
        return file

    def labels(self) -> tuple[str, ...]:
        """The labels, in the order of the model's outputs; raises what `read_labels` does."""
        return read_labels(self.path / LABELS)

    def input_scaling(self) -> str | None:
        """What the deployed model is given for pixels, or None where the run does not say.

        Raises:
            FormatError: `config.json` is no JSON object.
        """
        return self._said(SCALING)

    def mode(self) -> str | None:
        """What was learned, such as `classification` or `regression`, or None where the run does not say.

        Raises:
            FormatError: `config.json` is no JSON object.
        """
        return self._said(MODE)

    def takes_features(self) -> bool:
        """Whether the run says that its inputs are features, and no pictures.

        Raises:
            FormatError: `config.json` is no JSON object.
        """
        shape = self._configured(SHAPE)
        return isinstance(shape, list) and len(shape) < 3

    def _said(self, name: str) -> str | None:
        value = self._configured(name)
        return None if value is None else str(value)

    def _configured(self, name: str) -> Any:
        path = self.path / CONFIG
        if not path.is_file():
            return None
        try:
            return json.loads(read_at_most(path, LARGEST_CONFIG)).get(name)
        except (ValueError, AttributeError):
            raise FormatError("is no JSON object", where=path) from None


def labels_text(labels: Iterable[str]) -> str:
    """The content of `labels.txt`."""
    return "".join(f"{label}\n" for label in labels)


def read_labels(path: Path) -> tuple[str, ...]:
    """The labels of a file, one per line; empty lines at the end do not count.

    Raises:
        DataError: it cannot be read.
        FormatError: a line is empty, too long or there twice; names the line.
    """
    try:
        text = read_at_most(path, MOST_LABELS * (LONGEST_LABEL + 2)).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(f"is no UTF-8 text at byte {error.start}", where=path) from None
    labels = [line.strip() for line in text.rstrip().splitlines()]
    _check_labels(labels, path)
    return tuple(labels)


def _check_labels(labels: Sequence[str], path: Path) -> None:
    if not labels:
        raise FormatError("holds no label", where=path)
    if len(labels) > MOST_LABELS:
        raise LimitError(f"holds {len(labels)} labels, more than {MOST_LABELS}", where=path)
    seen: set[str] = set()
    for number, label in enumerate(labels, 1):
        where = f"{path}:{number}"
        if not label:
            raise FormatError("empty label", where=where)
        if len(label.encode()) > LONGEST_LABEL or not label.isprintable():
            raise FormatError("a label is too long or holds control characters", where=where)
        if label in seen:
            raise FormatError(f"label {label!r} for the second time", where=where)
        seen.add(label)

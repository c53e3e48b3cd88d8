"""What a model says of single pictures, whatever form it has: a run, a `.tflite` file, or a Linux runner."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from ei_compat.core.errors import DataError
from ei_compat.media.images import ImageSpec, load_image
from train.evaluate import Session
from train.result import Columns

if TYPE_CHECKING:
    from train.trained.images import Named
    from train.trained.model import Model


class Predictor(Protocol):
    """A model that answers.

    Attributes:
        spec: what a picture is made into for it.
        chooses: whether the answer is the label with the highest score; else the outputs are numbers.
    """

    @property
    def spec(self) -> ImageSpec:
        """What a picture is made into for it."""
        ...

    @property
    def chooses(self) -> bool:
        """Whether the answer is the label with the highest score; else the outputs are numbers."""
        ...

    def ask(self, pixels: np.ndarray) -> dict[str, float]:
        """The outputs by label for pixels uint8 [H, W, C]."""
        ...


class FileModel:
    """The deployed file of a model.

    Args:
        model: that it is of.

    Raises:
        DataError: it takes no pictures.
    """

    def __init__(self, model: Model) -> None:
        if len(model.shape) != 3 or model.shape[2] not in (1, 3):
            raise DataError(f"the model's input {list(model.shape)} is no picture", where=model.source)
        height, width, channels = model.shape
        self.spec = ImageSpec(width, height, channels)
        self.chooses = model.task.confidence(np.zeros((1, len(model.task.labels)), np.float32)) is not None
        self._model, self._session = model, Session(model.files[model.deployed])

    def ask(self, pixels: np.ndarray) -> dict[str, float]:
        """See `Predictor`."""
        scaling = self._model.scaling
        outputs = self._session(scaling.for_deployment(scaling.for_training(pixels[None]))[:])
        return dict(zip(self._model.task.labels, map(float, outputs), strict=True))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model says of one picture.

    Attributes:
        name: of the picture.
        scores: outputs by label; empty where the picture could not be read.
        label: the answer; None where there is none: the outputs are numbers, or below the threshold, or `error` is set.
        error: why the picture could not be read.
    """

    schema: ClassVar[str] = "prediction/1"
    name: str
    scores: Mapping[str, float]
    label: str | None = None
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        """One line of `--json`."""
        if self.error is not None:
            return {"file": self.name, "error": self.error}
        return {"file": self.name, "label": self.label, "scores": dict(self.scores)}

    @property
    def words(self) -> str:
        """In a few words, such as `cat 0.93`."""
        if self.error is not None:
            return self.error
        if len(self.scores) == 1:
            return " ".join(f"{label} {value:.4g}" for label, value in self.scores.items())
        best, score = max(self.scores.items(), key=lambda each: each[1])
        return f"{best} {score:.2f}" if self.label is not None else f"unsure ({best} {score:.2f})"


@dataclass(frozen=True, slots=True)
class Answers:
    """All answers, for a table."""

    answers: tuple[Answer, ...]

    def as_tables(self) -> list[Columns]:
        """A row per picture: the answer and its score, and what comes next."""
        rows = [[answer.name, *self._cells(answer)] for answer in self.answers]
        counts: dict[str, int] = {}
        for _, answer, *_ in rows:
            counts[answer] = counts.get(answer, 0) + 1
        many = ", ".join(f"{count} {answer}" for answer, count in sorted(counts.items(), key=lambda each: -each[1])[:6])
        caption = f"{len(rows)} pictures: {many}" if len(rows) > 1 and len(counts) < len(rows) else None
        return [Columns("Answers", ["picture", "answer", "score", "next", "its score"], rows, caption, texts=2)]

    @staticmethod
    def _cells(answer: Answer) -> list[str]:
        if answer.error is not None:
            return ["not read", "", "", ""]
        ranked = sorted(answer.scores.items(), key=lambda each: -each[1])
        if len(ranked) == 1:
            return ["", f"{ranked[0][1]:.4g}", "", ""]
        (best, score), (second, behind) = ranked[:2]
        return [answer.label or f"unsure: {best}", f"{score:.3f}", second, f"{behind:.3f}"]


def answers_of(predictor: Predictor, images: Iterable[Named], threshold: float) -> Iterator[tuple[Named, Answer]]:
    """Asks about each picture, in order, as soon as it is there.

    Args:
        predictor: that is asked.
        images: what about.
        threshold: least score of an answer.
    """
    for image in images:
        try:
            pixels = load_image(image.source, predictor.spec)
        except DataError as error:
            yield image, Answer(image.name, {}, error=error.what)
            continue
        scores = predictor.ask(pixels)
        best = max(scores, key=lambda label: scores[label])
        label = best if predictor.chooses and scores[best] >= threshold else None
        yield image, Answer(image.name, scores, label)

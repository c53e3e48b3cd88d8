"""What a page is made of."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from train.page.markup import Content, Markup

SHOWN_AS = {"float32": "float", "int8": "INT8"}  # what people are told of the two model files
CALLED = {"float32": "the float model", "int8": "the model for the board"}  # in a sentence
OF_A_RUN = {  # what people are told of the sets of a run, after how many samples there are
    "validation": "of the validation set, on which training chose its epoch,",
    "testing": "that it had never seen",
}


def deployed(kinds: Collection[str]) -> str:
    """The model file that a page speaks of: the INT8 one, where there is one."""
    return "int8" if "int8" in kinds else next(iter(kinds))


@dataclass(frozen=True, slots=True)
class Section:
    """A chapter of a page.

    Attributes:
        id: of its anchor.
        title: a few words.
        lead: what was found, in a sentence or two; None where the body says it.
        body: the figures.
    """

    id: str
    title: str
    lead: Content
    body: Markup

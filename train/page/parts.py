"""What a page is made of."""

from __future__ import annotations

from dataclasses import dataclass

from train.page.markup import Content, Markup

SHOWN_AS = {"float32": "float", "int8": "INT8"}  # what people are told of the two model files


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

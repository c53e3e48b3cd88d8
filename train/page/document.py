"""A page as one file: it needs no other, asks no network, and its content-security policy holds it to that."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from train.page.markup import Content, Markup, element, joined
from train.page.parts import Section

HERE = Path(__file__).parent


def document(
    title: str,
    header: Content,
    sections: Sequence[Section],
    *,
    island: Mapping[str, Any] | None = None,
    images: Markup | None = None,
    footer: Content = None,
) -> str:
    """The whole page.

    Args:
        title: of the window.
        header: above everything.
        sections: in order; the first is what everybody reads.
        island: JSON values for the report's script, and for whoever reads the page by program; None for a page
            without a script.
        images: the style sheet of the small pictures.
        footer: below everything.
    """
    script = None if island is None else (HERE / "script.js").read_text(encoding="utf-8")
    allowed = "'none'"
    if script is not None:
        allowed = f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
    policy = (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {allowed}; "
        "base-uri 'none'; form-action 'none'"
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", Markup((HERE / "style.css").read_text(encoding="utf-8"))),
        images,
    )
    links = [element("li", element("a", section.title, href=f"#{section.id}")) for section in sections]
    body = element(
        "body",
        element("a", "Skip to the report", href=f"#{sections[0].id}", class_="skip"),
        element("header", header),
        element("nav", element("ol", *links), aria_label="Chapters"),
        element("main", *map(_section, sections)),
        element("footer", footer),
        None
        if island is None or script is None
        else [
            element("script", Markup(island_text(island)), type="application/json", id="numbers"),
            element("script", Markup(script)),
        ],
    )
    return "<!doctype html>\n" + element("html", head, body, lang="en") + "\n"


def island_text(values: Mapping[str, Any]) -> str:
    """JSON that can stand in a page: nothing in it ends the element around it."""
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _section(section: Section) -> Markup:
    return element(
        "section",
        element("h2", section.title, id=f"{section.id}-title"),
        None if section.lead is None else element("p", section.lead, class_="lead"),
        joined(section.body),
        id=section.id,
        aria_labelledby=f"{section.id}-title",
    )

"""HTML and SVG as values: text is escaped unless it is markup already."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from ei_compat.core.words import noun
from train.result import Columns

NARROW = "\u202f"  # space between thousands, and before a unit
MINUS = "\u2212"


class Markup(str):
    """Text that is HTML or SVG already."""

    __slots__ = ()


Content = str | float | Markup | None | Iterable["Content"]


def element(name: str, /, *content: Content, **attributes: object) -> Markup:
    """One element.

    Args:
        name: of the tag.
        content: text, which is escaped, markup, which is not, or sequences of both; None is nothing.
        attributes: `data_set` is `data-set` and `class_` is `class`; None and False leave one out, True gives it bare.
    """
    given = "".join(_attribute(key.strip("_").replace("_", "-"), value) for key, value in attributes.items())
    if name in {"meta", "input", "br"}:
        return Markup(f"<{name}{given}>")
    return Markup(f"<{name}{given}>{joined(*content)}</{name}>")


def joined(*content: Content) -> Markup:
    """Content one after the other."""
    return Markup("".join(map(_escaped, content)))


def _escaped(content: Content) -> str:
    match content:
        case None:
            return ""
        case Markup():
            return content
        case str():
            return html.escape(content, quote=False)
        case int() | float():
            return f"{content:g}"
        case _:
            return joined(*content)


def _attribute(name: str, value: object) -> str:
    if value is None or value is False:
        return ""
    text = f"{value:.5g}" if isinstance(value, float) else str(value)
    return f" {name}" if value is True else f' {name}="{html.escape(text)}"'


def whole(number: float) -> str:
    """Such as 1 234 567."""
    return f"{round(number):,}".replace(",", NARROW)


def percent(share: float, digits: int = 1) -> str:
    """Such as 81.2 %."""
    return f"{signed_text(100 * share, digits)}{NARROW}%"


def signed_text(number: float, digits: int) -> str:
    """With a true minus, and no minus before a zero."""
    text = f"{number:.{digits}f}"
    return text.lstrip("-") if not float(text) else text.replace("-", MINUS)


def difference(number: float, digits: int = 1) -> str:
    """With its sign."""
    text = signed_text(number, digits)
    return text if text.startswith(MINUS) or not float(text) else f"+{text}"


def kilobytes(count: float) -> str:
    """Such as 81.5 kB; of a thousand bytes each."""
    return (
        f"{count / 1000:,.1f}{NARROW}kB".replace(",", NARROW) if count < 99_950 else f"{whole(count / 1000)}{NARROW}kB"
    )


def megabytes(count: float) -> str:
    """Such as 1 970 MB; of a million bytes each."""
    return f"{whole(count / 1e6)}{NARROW}MB"


def millions(count: float) -> str:
    """Such as 60.2 million."""
    return f"{count / 1e6:.1f}{NARROW}million"


def seconds(value: float) -> str:
    """Such as 7 min 9 s."""
    minutes, rest = divmod(round(value), 60)
    return f"{minutes}{NARROW}min {rest}{NARROW}s" if minutes else f"{value:.1f}{NARROW}s"


def plural(count: int, one: str, many: str | None = None) -> str:
    """Such as 1 picture, 2 pictures; the count as `whole` writes it."""
    return f"{whole(count)} {noun(count, one, many)}"


def listed(names: Sequence[str]) -> str:
    """Such as a, b and c."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


def table(columns: Columns, *, caption: str | None = None, class_: str | None = None) -> Markup:
    """A table of text and figures; the first column names its rows."""
    names = [
        element("th", name, scope="col", class_=None if place < columns.texts else "n")
        for place, name in enumerate(columns.header)
    ]
    rows = [
        element(
            "tr",
            *(
                element("th", cell, scope="row")
                if not place
                else element("td", cell, class_=None if place < columns.texts else "n")
                for place, cell in enumerate(row)
            ),
        )
        for row in columns.rows
    ]
    return scrolling(
        element(
            "table",
            element("caption", caption or columns.title),
            element("thead", element("tr", *names)),
            element("tbody", *rows),
            class_=class_,
        ),
        caption or columns.title,
    )


def scrolling(content: Markup, label: str) -> Markup:
    """Something wide in a frame of its own, which the keyboard reaches, so that the page itself never scrolls aside."""
    return element("div", content, class_="wide", tabindex="0", role="region", aria_label=label)


def bar(share: float, class_: str = "") -> Markup:
    """A bar of this share of its cell, which says nothing to those who do not see it: the figure stands beside it."""
    width = f"{100 * min(max(share, 0.0), 1.0):.1f}%"
    return element("span", class_=f"bar {class_}".strip(), style=f"--share:{width}", aria_hidden="true")

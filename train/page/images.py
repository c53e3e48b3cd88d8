"""Small pictures on a page: parts of a few sheets, which the style sheet holds once each."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from train.page.markup import Content, Markup, element, joined

SHOWN = 96  # pixels of the longer side, on a desk


@dataclass(frozen=True, slots=True)
class Sprites:
    """Pictures in reading order on sheets of `columns` times `columns`.

    Attributes:
        width, height: of each in pixels.
        columns: of a sheet, and its rows.
        files: WebP, a sheet each.
    """

    width: int
    height: int
    columns: int
    files: tuple[bytes, ...]

    def style(self) -> Markup:
        """The style sheet that holds them."""
        longer = max(self.width, self.height)
        rules = [f":root{{--pw:{self.width}px;--ph:{self.height}px;--pn:{self.columns};--pk:{SHOWN / longer:.3g}}}"]
        for number, content in enumerate(self.files):
            data = base64.b64encode(content).decode()
            rules.append(f".s{number}{{background-image:url(data:image/webp;base64,{data})}}")
        return element("style", Markup("\n".join(rules)))

    def image(self, number: int, says: str) -> Markup:
        """One of them; the script makes the same."""
        sheet, place = divmod(number, self.columns**2)
        row, column = divmod(place, self.columns)
        return element("span", class_=f"pic s{sheet}", style=f"--c:{column};--r:{row}", role="img", aria_label=says)


def tile(image: Content, truth: str, said: str | None, sure: str | None, file: str, **attributes: object) -> Markup:
    """A picture with what it is, what was said of it and how surely; the script makes the same."""
    answer = (
        None if said is None else joined(" ", element("span", "→", aria_label="taken for"), " ", element("b", said))
    )
    certainty = None if sure is None else element("span", " ", sure, class_="sure")
    caption = element(
        "figcaption",
        element("span", truth, answer, certainty, class_="said"),
        element("span", file.rpartition("/")[2], class_="file", title=file),
    )
    return element("figure", image, caption, class_="tile", **attributes)

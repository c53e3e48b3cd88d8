"""A table as text for people: as wide as it needs where that fits, folded where it must, row by row where it cannot."""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from train.result import Columns

NARROWEST = 16  # columns that a text may be folded into; figures are never folded
BORDER = 3  # columns between two cells, and one more of them around the whole
INDENT = 2


def laid_out(columns: Columns, width: int) -> RenderableType:
    """A table within this width.

    Args:
        columns: what it shows.
        width: in columns of the terminal.
    """
    widths = _widths(columns, width - BORDER * len(columns.header) - 1)
    if widths is None:
        return Group(*_stacked(columns, width))
    table = Table(title=columns.title, title_justify="left", caption=columns.caption, caption_justify="left")
    for index, name in enumerate(columns.header):
        table.add_column(
            name, width=widths[index], overflow="fold", justify="left" if index < columns.texts else "right"
        )
    for row in columns.rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _widths(columns: Columns, room: int) -> list[int] | None:
    """The width of each column, or None where there is no room."""
    cells = [[name, *(row[index] for row in columns.rows)] for index, name in enumerate(columns.header)]
    wanted = [max(map(_longest_line, each)) for each in cells]
    widths = [
        min(wanted[index], NARROWEST)
        if index < columns.texts
        else max(*(cell_len(word) for word in each[0].split() or [""]), *map(cell_len, each[1:]), 0)
        for index, each in enumerate(cells)
    ]
    if sum(widths) > room:
        return None
    while (left := room - sum(widths)) and (short := [i for i, width in enumerate(widths) if width < wanted[i]]):
        for index in short[:left]:
            widths[index] += 1
    return widths


def _longest_line(cell: str) -> int:
    return max(map(cell_len, cell.split("\n")))


def _stacked(columns: Columns, width: int) -> Iterator[RenderableType]:
    """The title, each row as a block of its own, and the caption."""
    first, *others = columns.header
    names = max(map(_longest_line, others), default=0)
    yield _folded(columns.title, "italic")
    for head, *cells in columns.rows:
        yield _folded(f"{first}: {head}" if first and head else head, "bold")
        for header, cell in zip(others, cells, strict=True):
            line = f"{header:<{names}}  {cell}"
            if cell_len(line) + INDENT <= width:
                yield _indented(line, INDENT)
            elif cell:
                yield _indented(header, INDENT)
                yield _indented(cell, 2 * INDENT)
    if columns.caption:
        yield _folded(columns.caption, "dim italic")


def _indented(text: str, by: int) -> Padding:
    return Padding(_folded(text), (0, 0, 0, by), expand=False)


def _folded(text: str, style: str = "") -> Text:
    return Text(text, style=style, overflow="fold", no_wrap=False)

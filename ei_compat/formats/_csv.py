"""Label files in CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ei_compat.core.errors import FormatError
from ei_compat.core.files import write_file
from ei_compat.core.limits import DEFAULT_LIMITS, Limits
from ei_compat.core.parsing import read_text
from ei_compat.formats._tree import Tree


def csv_files(tree: Tree, header: Sequence[str]) -> list[str]:
    """Relative paths of the CSV files whose first line names these columns."""
    found = tree.holding(".csv", [name.encode() for name in header])
    return [relative for relative in found if set(header) <= set(_header(tree.root / relative))]


def _header(path: Path) -> list[str]:
    with path.open("rb") as stream:
        first = stream.readline(4096).decode("utf-8-sig", errors="replace")
    line = first.strip().partition("\r")[0]  # which ends a line, too, as in `table_of`
    return [cell.strip() for row in csv.reader([line]) for cell in row]


def rows_of(path: Path, header: Sequence[str], limits: Limits = DEFAULT_LIMITS) -> Iterator[tuple[str, list[str]]]:
    """(place, the cells of these columns) of every row.

    Raises:
        FormatError: when it is not CSV, a column is missing, or a row has too few.
    """
    table = table_of(path, limits)
    _, first = next(table, ("", []))
    names = [cell.strip() for cell in first]
    if not set(header) <= set(names):
        raise FormatError(f"first line does not name the columns {', '.join(header)}", where=path)
    for name in header:
        if names.count(name) > 1:
            raise FormatError(f"first line names the column {name!r} twice", where=path)
    columns = [names.index(name) for name in header]
    for place, row in table:
        if len(row) <= max(columns):
            raise FormatError(f"has {len(row)} columns, not {len(names)}", where=place)
        yield place, [row[column].strip() for column in columns]


def table_of(path: Path, limits: Limits = DEFAULT_LIMITS) -> Iterator[tuple[str, list[str]]]:
    """(place, cells) of every row that is not empty."""
    reader = csv.reader(io.StringIO(read_text(path, limits), newline=""), strict=True)
    try:
        for row in reader:
            if row:
                yield f"{path}, line {reader.line_num}", row
    except csv.Error as error:
        raise FormatError(f"is not CSV: {error}", where=f"{path}, line {reader.line_num}") from None


def write_table(path: Path, rows: Iterable[Sequence[object]]) -> None:
    """Writes rows, whole or not at all."""
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator="\n").writerows(rows)
    write_file(path, stream.getvalue().encode())

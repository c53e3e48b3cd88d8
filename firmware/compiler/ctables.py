"""Reads generated C back: the tables of tensors, stages and parameters, as the C compiler will see them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ENGINE = Path(__file__).resolve().parents[1] / "engine"
COMMENT = re.compile(r"/\*.*?\*/", re.S)
STRUCT = re.compile(r"(?:typedef struct|struct (\w+)) \{(.*?)\}\s*(\w*);", re.S)
TABLE = re.compile(r"static const (eit_\w+) (\w+)(\[\w*\])? = (\{.*?\});\n", re.S)
ROWS = re.compile(r"!= EIT_OK.*?eit_run\((\w+),", re.S)
TOKEN = re.compile(r"[{}]|[^{},]+")

Initializer = str | list["Initializer"]
Value = int | str | tuple["Value", ...]


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of one generated source.

    Attributes:
        structs: parameters by name, each with its fields by name.
        arrays: "tensors" and the groups of stages by name, each a list of such; those of the plan for an input row by
            row have names that start with "row_", where it is another one.
        runs: the groups in the order in which they are run, of the plan for an input row by row and for a whole one.
        image: where the whole input lies, for who does not give it row by row.
        outputs: where the caller reads the results.
    """

    structs: Mapping[str, Mapping[str, Value]]
    arrays: Mapping[str, tuple[Mapping[str, Value], ...]]
    runs: tuple[tuple[str, ...], tuple[str, ...]]
    image: int
    outputs: tuple[int, ...]


def read_tables(source: str) -> Tables:
    """Reads a generated `<name>.c`."""
    text = COMMENT.sub("", source)
    structs, arrays = {}, {}
    for kind, name, many, body in TABLE.findall(text):
        if kind == "eit_affine":
            continue
        values = _parse(body)
        if many:
            arrays[name] = tuple(_named(kind, row) for row in values)
        else:
            structs[name] = _named(kind, values)
    whole, by_row = (tuple(str(g["stages"]) for g in arrays[n]) for n in ("groups", re.findall(ROWS, text)[0]))
    image = re.findall(r"#define PICTURE (\d+)u", text)
    output = re.findall(r"\*\)arena \+ (\d+)u;", text)
    return Tables(structs, arrays, (by_row, whole), int(image[0]), tuple(map(int, output)))


def _parse(text: str) -> Initializer:
    stack: list[list[Initializer]] = [[]]
    for piece in TOKEN.findall(text):
        if piece == "{":
            stack.append([])
        elif piece == "}":
            done = stack.pop()
            stack[-1].append(done)
        elif piece.strip():
            stack[-1].append(piece.strip())
    return stack[0][0]


@cache
def _fields() -> dict[str, tuple[str, ...]]:
    """Names of the fields of every struct in the engine's headers, in order."""
    found = {}
    for header in sorted(ENGINE.glob("*.h")):
        for tag, body, name in STRUCT.findall(COMMENT.sub("", header.read_text())):
            found[name or tag] = tuple(
                re.split(r"\[", words.split()[-1].lstrip("*"))[0]
                for declaration in body.split(";")[:-1]
                for words in declaration.split(",")
            )
    return found


def _named(kind: str, values: Initializer) -> dict[str, Value]:
    return dict(zip(_fields()[kind], map(_value, values), strict=True))


def field_names(kind: str) -> tuple[str, ...]:
    """The fields of one of the engine's structs."""
    return _fields()[kind]


def _value(value: Initializer) -> Value:
    if isinstance(value, list):
        return tuple(map(_value, value))
    number = re.fullmatch(r"\(?(-?\d+)\)?u?", value)
    return int(number[1]) if number else value.removeprefix("&")

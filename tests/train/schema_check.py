"""The schemas of the documents that commands print, as a validator that lets nothing pass that they do not describe."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from tests.program import ROOT

SCHEMAS = ROOT / "train" / "schemas"
COMMON = "common"  # parts that several of them refer to; no document itself


def closed(schema: Any) -> Any:
    """The schema without room for what it does not describe; published ones leave it, for what a later version adds."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: closed(value) for key, value in schema.items()}
    is_object = "object" in schema.get("type", ()) and "properties" in schema
    return {"additionalProperties": False} | inner if is_object else inner


def names() -> list[str]:
    """Of all documents."""
    return sorted(path.stem for path in SCHEMAS.glob("*.json") if path.stem != COMMON)


def read(name: str) -> dict[str, Any]:
    """A schema as it is published."""
    document: dict[str, Any] = json.loads((SCHEMAS / f"{name}.json").read_text())
    return document


@functools.cache
def _validator(name: str) -> Draft202012Validator:
    every = [(f"{each}.json", Resource.from_contents(closed(read(each)))) for each in (COMMON, *names())]
    return Draft202012Validator(closed(read(name)), registry=Registry().with_resources(every))


def check(document: dict[str, Any], name: str | None = None) -> None:
    """Asserts that a document is what its schema says, which is of this name, where one is asked for."""
    program, kind, version = document["schema"].split("/")
    assert (program, kind) == ("ei-train", name or kind)
    assert (SCHEMAS / f"{kind}.json").is_file(), f"train/schemas has no {kind}.json"
    problems = sorted(_validator(kind).iter_errors(document), key=lambda error: list(map(str, error.path)))
    assert not problems, "\n".join(f"{kind}{error.json_path[1:]}: {error.message[:300]}" for error in problems)
    assert version.isdigit()


def lines(text: str | Path) -> list[dict[str, Any]]:
    """The documents of a text that has one a line."""
    content = text.read_text() if isinstance(text, Path) else text
    return [json.loads(line) for line in content.splitlines()]

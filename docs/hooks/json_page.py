"""What docs/reference/json.md says of each document, from train/schemas; MkDocs calls `on_page_markdown`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = ROOT / "train" / "schemas"
PAGE = "reference/json.md"


def on_page_markdown(markdown: str, *, page: Page, **_: object) -> str:
    """Adds a chapter for each document to the page, which has the words that no schema has."""
    if page.file.src_uri != PAGE:
        return markdown
    return markdown + "".join(_chapter(name) for name in sorted(_names()))


def _names() -> list[str]:
    return [path.stem for path in SCHEMAS.glob("*.json") if path.stem != "common"]


def _read(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((SCHEMAS / f"{name}.json").read_text())
    return document


def _chapter(name: str) -> str:
    schema = _read(name)
    rows = "".join(f"| `{field}` | {kind} | {meaning} |\n" for field, kind, meaning in _fields(schema, ""))
    title = schema["title"]
    return f"\n## {name}\n\n{title}.\n\n| field | type | meaning |\n|---|---|---|\n{rows}"


def _fields(schema: dict[str, Any], prefix: str) -> Iterator[tuple[str, str, str]]:
    """A row for each field below a schema: its path (`*` for any name, `[]` for each of a list), type and meaning."""
    for name, value in schema.get("properties", {}).items():
        optional = "" if name in schema["required"] else "sometimes; "
        yield from _field(value, f"{prefix}.{name}" if prefix else name, optional)


def _field(value: dict[str, Any], path: str, optional: str = "") -> Iterator[tuple[str, str, str]]:
    said = value.get("description")
    inner, nullable = _resolved(value)
    meaning = said or inner.get("description", "")
    if choices := inner.get("enum"):
        meaning = " ".join(filter(None, (meaning, "One of " + ", ".join(f"`{each}`" for each in choices) + ".")))
    if "const" in inner:
        meaning = f"`{inner['const']}`"
    yield path, optional + _kind(inner) + (" or null" if nullable else ""), meaning.replace("|", "\\|")
    if inner.get("$id"):
        return  # a whole document, which has its own chapter
    yield from _fields(inner, path)
    for key, sign in (("items", "[]"), ("additionalProperties", ".*")):
        below, _ = _resolved(inner.get(key) or {})
        if isinstance(inner.get(key), dict) and (_is_deep(below) or "description" in inner[key]):
            rows = _field(inner[key], path + sign)
            yield from rows if "description" in inner[key] else list(rows)[1:]


def _is_deep(schema: dict[str, Any]) -> bool:
    return any(isinstance(schema.get(key), dict) for key in ("properties", "items", "additionalProperties"))


def _resolved(value: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """What a schema refers to, and whether null is allowed instead."""
    if "anyOf" in value:
        return _resolved(value["anyOf"][0])[0], True
    if "oneOf" in value:
        return _resolved(value["oneOf"][0])[0], False
    if reference := value.get("$ref"):
        file, _, name = reference.partition("#/$defs/")
        document = _read(file.removesuffix(".json"))
        return (document["$defs"][name] if name else document), False
    return value, isinstance(value.get("type"), list) and "null" in value["type"]


def _kind(schema: dict[str, Any]) -> str:
    kind = schema.get("type", "string")
    kind = next(each for each in kind if each != "null") if isinstance(kind, list) else kind
    words = {"object": "object", "array": "list", "boolean": "true or false"}
    below = schema.get("items" if kind == "array" else "additionalProperties")
    if not isinstance(below, dict) or schema.get("$id"):
        return words.get(kind, kind)
    plural = {"string": "strings", "integer": "integers", "number": "numbers", "list": "lists", "object": "objects"}
    what = _kind(_resolved(below)[0])
    what = plural.get(what, what)
    return f"list of {what}" if kind == "array" else f"{what} by name"

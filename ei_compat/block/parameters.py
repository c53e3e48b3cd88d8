"""`parameters.json`: what a custom block is, and the options that Edge Impulse offers its users for it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, cast

from ei_compat.core.documents import from_document, to_document, write_json
from ei_compat.core.errors import FormatError, UsageError
from ei_compat.core.parsing import read_json

Value: TypeAlias = str | int | float | bool
T = TypeVar("T")
_PARAM = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_TRUE, _FALSE = {"true", "1"}, {"false", "0", ""}


class ParameterType(StrEnum):
    """Kind of a parameter; a flag is passed bare when it is true, all others with their value."""

    STRING = "string"
    INT = "int"
    FLOAT = "float"
    SELECT = "select"
    BOOLEAN = "boolean"
    BUCKET = "bucket"
    DATASET = "dataset"
    FLAG = "flag"
    SECRET = "secret"  # noqa: S105 - the type's name


NO_TEXT = {ParameterType.INT, ParameterType.FLOAT, ParameterType.SELECT, ParameterType.BUCKET, ParameterType.DATASET}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the values of a select.

    Attributes:
        value: what the block is given.
        label: what people read.
        unknown: its further members, such as `priority` and `romEstimate`.
    """

    value: Value
    label: str
    unknown: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ShowIf:
    """Condition under which a parameter is shown.

    Attributes:
        parameter: the other one, whose value is compared.
        operator: `eq` or `neq`.
        value: what it is compared with.
        unknown: as of `Choice`.
    """

    parameter: str
    operator: str
    value: Value
    unknown: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One item of `parameters`.

    Attributes:
        name: what people read.
        param: the command-line option's name, without dashes.
        type: see `ParameterType`.
        value: the default, as the file has it: numbers are often strings there, and "" is none; see `default`.
        help: a sentence for people.
        valid: what a select offers.
        optional: whether it may be left empty.
        readonly: whether it is shown only.
        show_for_implementation_version: of the block's algorithm that it is shown for.
        show_if: what another parameter has to be for it to be shown.
        create_macro: whether the C library gets a macro of it.
        config_type: of its field in the C library's configuration.
        section: of the form that it is shown in, such as `advanced`.
        multiline: whether text may have several lines.
        hint: shown beside the field.
        placeholder: shown in the empty field.
        allow_empty: whether the empty text is passed on.
        unknown: members that this version does not know, kept for writing.
    """

    name: str
    param: str
    type: ParameterType
    value: Value | None = None
    help: str | None = None
    valid: tuple[Value | Choice, ...] | None = None
    optional: bool | None = None
    readonly: bool | None = None
    show_for_implementation_version: tuple[int, ...] | None = None
    show_if: ShowIf | None = None
    create_macro: bool | None = None
    config_type: str | None = None
    section: str | None = None
    multiline: bool | None = None
    hint: str | None = None
    placeholder: str | None = None
    allow_empty: bool | None = None
    unknown: Mapping[str, Any] = field(default_factory=dict)

    @property
    def choices(self) -> tuple[str, ...]:
        """The values a select may have."""
        return tuple(_text(item.value if isinstance(item, Choice) else item) for item in self.valid or ())

    @property
    def default(self) -> Value | None:
        """The default in the parameter's own type; None where there is none."""
        return None if self.is_empty(self.value) else self.typed(cast(Value, self.value))

    def is_empty(self, value: Value | None) -> bool:
        """Whether a value stands for none, as the empty text does of everything that is no text itself."""
        return value is None or (value == "" and self.type in NO_TEXT)

    def typed(self, value: Value) -> Value:
        """A value in the parameter's own type.

        Raises:
            UsageError: when it is not one of that type.
        """
        try:
            match self.type:
                case ParameterType.INT:
                    return _whole(value)
                case ParameterType.FLOAT:
                    return float(value)
                case ParameterType.FLAG | ParameterType.BOOLEAN:
                    return _truth(value)
                case ParameterType.SELECT if _text(value) not in self.choices:
                    raise ValueError("not a choice")
                case _:
                    return value if isinstance(value, str) else _text(value)
        except (ValueError, OverflowError):
            wanted = ", ".join(self.choices) if self.type is ParameterType.SELECT else f"type {self.type}"
            shown = "the value" if self.type is ParameterType.SECRET else repr(value)[:60]
            raise UsageError(f"{shown} is not of {wanted}", where=f"--{self.param}") from None


def _whole(value: Value) -> int:
    if isinstance(value, str) and "." in value:
        value = float(value)
    if isinstance(value, float) and not value.is_integer():
        raise ValueError("not whole")
    return int(value)


def _truth(value: Value) -> bool:
    word = _text(value).strip().lower()
    if word not in _TRUE | _FALSE:
        raise ValueError("not a truth value")
    return word in _TRUE


def _text(value: Value) -> str:
    """A value as it stands on a command line."""
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True, slots=True)
class Block:
    """A `parameters.json`.

    Attributes:
        parameters: in the file's order.
        type: `machine-learning`, `deploy`, `dsp`, `transform`, `synthetic-data` or `ai-action`; None in the old form.
        info: name, description, operatesOn and so on; empty in the old form.
        version: 1, or None for the old form, which is a bare list of parameters.
        unknown: members that this version does not know, kept for writing.
    """

    parameters: tuple[Parameter, ...]
    type: str | None = None
    info: Mapping[str, Any] = field(default_factory=dict)
    version: int | None = None
    unknown: Mapping[str, Any] = field(default_factory=dict)


def read_parameters(path: Path) -> Block:
    """Reads `parameters.json` of either form.

    Raises:
        FormatError: naming the parameter or member that is wrong.
    """
    return parse_parameters(read_json(path), where=str(path))


def parse_parameters(document: Any, *, where: str = "parameters.json") -> Block:
    """Checks a parsed `parameters.json`.

    Raises:
        FormatError: naming the parameter or member that is wrong.
    """
    if isinstance(document, list):
        return Block(_parameters(document, where=where))
    if not isinstance(document, dict) or document.get("version") != 1:
        raise FormatError("is neither a list of parameters nor of version 1", where=where)
    items = document.get("parameters")
    items = [] if items is None else items
    if not isinstance(items, list):
        raise FormatError("is not a list", where=f"{where}, parameters")
    block = from_document(Block, document | {"parameters": []}, where=where)
    if block.type is None or not isinstance(block.info.get("name"), str):
        raise FormatError("has no type or no info.name", where=where)
    return replace(block, parameters=_parameters(items, where=f"{where}, parameters"))


def _parameters(items: list[Any], *, where: str) -> tuple[Parameter, ...]:
    found, seen = [], set[str]()
    for index, item in enumerate(items):
        place = f"{where}[{index}]"
        parameter = _whole_of(from_document(Parameter, item, where=place), item)
        if not _PARAM.fullmatch(parameter.param) or parameter.param in seen:
            raise FormatError(f"{parameter.param[:60]!r} is no option's name, or used twice", where=f"{place}.param")
        if parameter.type is ParameterType.SELECT and not parameter.valid:
            raise FormatError("a select without choices", where=f"{place}.valid")
        try:
            parameter.default  # noqa: B018 - checked here, so that nobody has to later
        except UsageError as error:
            raise FormatError(error.what, where=f"{place}.value") from None
        seen.add(parameter.param)
        found.append(parameter)
    return tuple(found)


_KNOWN: dict[type, set[str]] = {Choice: {"value", "label"}, ShowIf: {"parameter", "operator", "value"}}


def _whole_of(parameter: Parameter, item: Mapping[str, Any]) -> Parameter:
    """The parameter with the members of its choices and its condition that we do not know."""

    def kept(value: T, document: Any) -> T:
        known = _KNOWN.get(type(value), set())
        if not known:
            return value
        return cast(T, replace(cast(Any, value), unknown={k: v for k, v in document.items() if k not in known}))

    valid = parameter.valid and tuple(map(kept, parameter.valid, item["valid"]))
    return replace(parameter, valid=valid, show_if=kept(parameter.show_if, item.get("showIf")))


def parameters_as_json(block: Block) -> Any:
    """The document, in the form it was read in."""
    if block.version is None:
        return [to_document(parameter) for parameter in block.parameters]
    document = to_document(block)
    if not block.parameters:
        del document["parameters"]
    return {"version": block.version} | document


def write_parameters(path: Path, block: Block) -> None:
    """Writes `parameters.json`."""
    write_json(path, parameters_as_json(block))


def to_arguments(block: Block, values: Mapping[str, Value] | None = None) -> list[str]:
    """The command line that Edge Impulse starts a block with.

    Args:
        block: its parameters.
        values: by `param`, where they differ from the defaults.

    Raises:
        UsageError: for a value of another type, or of a parameter that the block does not have.
    """
    chosen = dict(values or {})
    arguments: list[str] = []
    for parameter in block.parameters:
        given = chosen.pop(parameter.param, parameter.value)
        if given is None or parameter.is_empty(given):
            continue
        value = parameter.typed(given)
        if parameter.type is ParameterType.FLAG:
            arguments += [f"--{parameter.param}"] if value else []
        elif value != "" or parameter.allow_empty:
            arguments += [f"--{parameter.param}", _text(value)]
    if chosen:
        raise UsageError(f"the block has no parameter {next(iter(chosen))!r}")
    return arguments


def from_arguments(block: Block, arguments: Sequence[str]) -> tuple[dict[str, Value], list[str]]:
    """Reads a command line back.

    Returns:
        Every parameter's value, a flag that is not there being false and others their default; and the arguments that
        belong to no parameter.

    Raises:
        UsageError: for a value of another type, or one that is missing.
    """
    by_option = {f"--{parameter.param}": parameter for parameter in block.parameters}
    values: dict[str, Value] = {}
    for parameter in block.parameters:
        default = False if parameter.type is ParameterType.FLAG else parameter.default
        if default is not None:
            values[parameter.param] = default
    rest, queue = [], list(arguments)
    while queue:
        option, equals, attached = queue.pop(0).partition("=")
        found = by_option.get(option)
        if found is None:
            rest.append(option + equals + attached)
        elif found.type is ParameterType.FLAG:
            values[found.param] = found.typed(attached) if equals else True
        elif equals or queue:
            values[found.param] = found.typed(attached if equals else queue.pop(0))
        else:
            raise UsageError("has no value", where=option)
    return values, rest

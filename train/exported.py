"""What an Edge Impulse export says beside its arrays: `train_input.json` and the project's own `parameters.json`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ei_compat.core.errors import DataError, FormatError, UsageError
from train.job import Parameters
from train.recipe import Recipe

if TYPE_CHECKING:
    from ei_compat.block.train_input import TrainInput
    from ei_compat.core.progress import Progress
    from train.job import Job

INFO, PARAMETERS = "train_input.json", "parameters.json"
FIELDS = {"validation_set_size": "validation_share"}  # other names for fields of the recipe


def find_parameters(data: Path, info_file: Path | None) -> Parameters | None:
    """The `parameters.json` of an export of arrays: beside its description, in the working directory, beside them.

    A file of another form describes a block and not a project; it is passed over.

    Raises:
        DataError: an item has no name, a value cannot be, or two files, or two values of one name, differ.
    """
    from ei_compat.block.arrays import holds_arrays
    from ei_compat.core.parsing import read_json

    if not data.is_dir() or not holds_arrays(data):
        return None
    places = ([] if info_file is None else [info_file.parent]) + [Path(), data]
    found: Parameters | None = None
    for path in dict.fromkeys(place / PARAMETERS for place in places):
        if path.is_file() and isinstance(document := read_json(path), list):
            read = _parameters(path, document)
            if found is not None and (read.values, read.unused) != (found.values, found.unused):
                raise DataError(
                    f"differs from {found.path}", where=path, fix="remove the one that is not this project's"
                )
            found = found or read
    return found


def _parameters(path: Path, items: list[Any]) -> Parameters:
    values: dict[str, Any] = {}
    unused: list[str] = []
    for number, item in enumerate(items):
        if not isinstance(item, dict) or not isinstance(item.get("param"), str):
            raise DataError("has no name in `param`", where=f"{path}, item {number}", fix="export the block again")
        name, value = item["param"].lstrip("-").replace("-", "_"), item.get("value")
        field = FIELDS.get(name, name)
        if field not in Recipe.model_fields:
            unused.append(f"{item['param']} {value}")
        elif value is not None and value != "":
            checked = _checked(field, value, where=f"{path}, {item['param']}")
            if values.setdefault(field, checked) != checked:
                raise DataError(
                    f"is {values[field]} and {checked}", where=f"{path}, {item['param']}", fix="leave one of them"
                )
    return Parameters(path, values, tuple(unused))


def _checked(field: str, value: Any, *, where: str) -> Any:
    """The value as the recipe has it; text and numbers are both taken."""
    text = ",".join(map(str, value)) if isinstance(value, list) else value
    try:
        Recipe.model_validate({field: text})
    except ValidationError as error:
        for wrong in error.errors():
            if wrong["loc"][:1] == (field,):  # what does not fit other values is judged when all are known
                reason = wrong["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
                raise DataError(
                    f"{value!r} must be {reason}", where=where, fix="correct it or give the option"
                ) from None
    return text


@dataclass(frozen=True, slots=True)
class Description:
    """The `train_input.json` of a run.

    Attributes:
        info: its content, or what the arrays themselves say.
        path: of the file, or None where there is none.
    """

    info: TrainInput
    path: Path | None


def describe(job: Job, progress: Progress) -> Description:
    """Finds the `train_input.json` of a folder of arrays: named, in the working directory, or beside the arrays.

    The first line of the log says what was read. Without any file, the arrays have to do, with a warning.

    Raises:
        DataError: two files differ, or arrays alone do not say enough.
        UsageError: an option contradicts the file.
    """
    from ei_compat.block.train_input import parse_shape, read_train_input

    shape = None
    if job.input_shape is not None:
        try:
            text = job.input_shape.strip()
            shape = parse_shape(text if text.startswith("(") else f"({text})", where="--input-shape")
        except FormatError as error:
            raise UsageError(error.what, where=error.where) from None
    places = [job.info_file] if job.info_file is not None else [Path(INFO), job.data / INFO]
    found = [place for place in places if place.is_file()]
    if job.info_file is not None and not found:
        raise DataError("no such file", where=job.info_file, fix=f"name a {INFO} with --info-file")
    _say(job, found[0] if found else None, progress)
    if not found:
        return Description(_from_arrays(job, shape, progress), None)
    info = read_train_input(found[0])
    for other in found[1:]:
        if not other.samefile(found[0]) and read_train_input(other) != info:
            raise DataError(
                f"differs from {found[0]}; only one can describe the arrays",
                where=other,
                fix="remove one, or name the right one with --info-file",
            )
    if shape is not None and shape != info.input_shape:
        raise UsageError(
            f"{found[0]} says {info.input_shape}", where=f"--input-shape {job.input_shape}", fix="leave the option out"
        )
    if job.classes is not None and job.classes != info.classes:
        raise UsageError(f"{found[0]} names {', '.join(info.classes)}", where="--classes", fix="leave the option out")
    return Description(info, found[0])


def _say(job: Job, info: Path | None, progress: Progress) -> None:
    """The first line of the log, and what of the project's settings is not used."""
    read = [] if info is None else [str(info)]
    if job.parameters is not None:
        from_file = [name for name in job.parameters.values if name not in job.overridden]
        used = ", ".join(f"{name} {getattr(job.recipe, name)}" for name in from_file)
        nothing = "all of it overridden by options" if job.parameters.values else "which sets nothing"
        read.append(f"{job.parameters.path} ({used or nothing})")
    if read:
        progress.note(f"Settings from {' and '.join(read)}")
    if job.parameters is not None and job.parameters.unused:
        progress.warn(f"{job.parameters.path}: not used: {', '.join(job.parameters.unused)}")


def _from_arrays(job: Job, shape: tuple[int, ...] | None, progress: Progress) -> TrainInput:
    from ei_compat.block.inferred_input import describe_arrays
    from ei_compat.block.train_input import Mode

    mode = Mode(job.recipe.task) if job.recipe.task in set(Mode) else Mode.CLASSIFICATION
    info = describe_arrays(
        job.data, shape=shape, classes=job.classes, validation_share=job.recipe.validation_share, mode=mode
    )
    named = (
        "" if job.classes is not None or not info.classes else f"; the classes are called {', '.join(info.classes[:3])}"
    )
    more = ", …" if job.classes is None and len(info.classes) > 3 else ""
    images = f"pictures of {info.input_shape_string}, scaled to {job.recipe.input_scaling}"
    taken = images if len(info.input_shape) > 2 else f"features of {info.input_shape_string}"
    progress.warn(f"no {INFO} in the working directory or in {job.data}: the arrays are taken as {taken}{named}{more}")
    return info

"""A project's model as Studio sees it: its tensors, its variants and what Studio estimates of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ei_compat.core.errors import FormatError, RemoteError
from ei_compat.core.parsing import typed


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output of the model, as Studio sees it.

    Attributes:
        name: in the model.
        data_type: such as `int8`.
        shape: with the batch axis.
    """

    name: str
    data_type: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class VariantProfile:
    """Studio's own estimate for one variant of the model.

    Attributes:
        variant: `int8` or `float32`.
        device: that it is estimated for.
        milliseconds: of one inference; None where unknown.
        memory: RAM and ROM in bytes by engine, such as `{"eon": (96000, 480000)}`.
    """

    variant: str
    device: str
    milliseconds: float | None
    memory: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class StudioModel:
    """A project's model.

    Attributes:
        inputs: of the model.
        outputs: of the model.
        variants: that Studio has of it, such as `int8`.
        profile: one entry per variant; empty where it was not profiled.
    """

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    variants: tuple[str, ...]
    profile: tuple[VariantProfile, ...]


@dataclass(frozen=True, slots=True)
class _Tensor:
    name: str
    dataType: str  # noqa: N815 - the API's name, as below
    shape: list[int]


@dataclass(frozen=True, slots=True)
class _Memory:
    ram: int
    rom: int


@dataclass(frozen=True, slots=True)
class _Variant:
    variant: str
    device: str
    timePerInferenceMs: float | None = None  # noqa: N815
    memory: dict[str, _Memory | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Profile:
    float32: _Variant | None = None
    int8: _Variant | None = None


@dataclass(frozen=True, slots=True)
class _Model:
    inputs: list[_Tensor]
    outputs: list[_Tensor]
    profileInfo: _Profile | None = None  # noqa: N815


@dataclass(frozen=True, slots=True)
class _Answer:
    model: _Model
    availableModelTypes: list[str]  # noqa: N815


def studio_model(answer: dict[str, Any], *, where: str) -> StudioModel:
    """The model in the answer to `GET …/pretrained-model`.

    Raises:
        RemoteError: there is no model, or it is described in another way than the API's.
    """
    if answer.get("model") is None:
        raise RemoteError("Studio has no model", where=where, fix="look at the project in Studio")
    try:
        found = typed(_Answer, answer, where=where)
    except FormatError as error:
        raise RemoteError(f"an answer that is not of this API: {error.what}", where=error.where) from None
    profile = found.model.profileInfo or _Profile()
    return StudioModel(
        inputs=tuple(_tensor(each) for each in found.model.inputs),
        outputs=tuple(_tensor(each) for each in found.model.outputs),
        variants=tuple(found.availableModelTypes),
        profile=tuple(_variant(each) for each in (profile.float32, profile.int8) if each is not None),
    )


def _tensor(found: _Tensor) -> Tensor:
    return Tensor(found.name, found.dataType, tuple(found.shape))


def _variant(found: _Variant) -> VariantProfile:
    memory = {engine: (each.ram, each.rom) for engine, each in found.memory.items() if each is not None}
    return VariantProfile(found.variant, found.device, found.timePerInferenceMs, memory)

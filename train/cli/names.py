"""What a shell completes after an option: names that are looked up when they are asked for, and never TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Iterable

ALIASES = {"ei": "ei-export"}  # of formats
Completer = Callable[[str], list[str]]  # from what is typed so far to what it may become


def completer(names: Callable[[], Iterable[str]]) -> Completer:
    """Completes from these names."""

    def complete(incomplete: str) -> list[str]:
        return [name for name in names() if name.startswith(incomplete)]

    return complete


def _backbones() -> Iterable[str]:
    from train.backbones import BACKBONES

    return ("auto", *BACKBONES.names())


def _tasks() -> Iterable[str]:
    from train.tasks import TASKS

    return ("auto", *TASKS.names())


def _formats() -> Iterable[str]:
    from ei_compat.formats import FORMATS

    return (*(kind.name for kind in FORMATS), *ALIASES)


def _targets() -> Iterable[str]:
    from firmware.package import TARGETS

    return TARGETS


def _boards() -> Iterable[str]:
    from train.tuning.boards import boards

    return boards()


def _executors() -> Iterable[str]:
    from train.tuning.executors import EXECUTORS

    return EXECUTORS.names()


def _input_scalings() -> Iterable[str]:
    from ei_compat.media.pixels import InputScaling

    return InputScaling


def _sensors() -> Iterable[str]:
    from firmware.packages.spec import SENSORS

    return SENSORS


def _resize_modes() -> Iterable[str]:
    from ei_compat.media.images import ResizeMode

    return ResizeMode


def _of_studio(kind: str) -> Callable[[], Iterable[str]]:
    """What Studio's API knows of a kind."""

    def names() -> Iterable[str]:
        from ei_compat.studio import model_info

        found: tuple[str, ...] = getattr(model_info, kind)
        return found

    return names


def _signal_forms() -> Iterable[str]:
    from ei_compat.media.signals import SignalForm

    return SignalForm


def _categories() -> Iterable[str]:
    from ei_compat.upload.batches import CATEGORIES

    return sorted(CATEGORIES)


BACKBONES, TASKS, FORMATS, TARGETS = map(completer, (_backbones, _tasks, _formats, _targets))
INPUT_SCALINGS, SENSORS, RESIZE_MODES = map(completer, (_input_scalings, _sensors, _resize_modes))
INPUT_TYPES, OUTPUT_TYPES = (completer(_of_studio(kind)) for kind in ("INPUT_TYPES", "OUTPUT_TYPES"))
UPLOAD_RESIZE_MODES = completer(_of_studio("RESIZE_MODES"))
SIGNAL_FORMS, CATEGORIES, BOARDS = map(completer, (_signal_forms, _categories, _boards))
EXECUTORS = completer(_executors)

"""Switches with values and stray words, as training blocks are called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer

from ei_compat.block.parameters import read_parameters
from ei_compat.core.errors import UsageError
from train.cli.block_command import OPTIONAL, unknown
from train.cli.main import command_line


def parsed(*words: str) -> tuple[dict[str, Any], list[str]]:
    """The values of `train`'s options, and what was not known."""
    command = typer.main.get_command(command_line()).commands["train"]
    context = command.make_context("train", ["--data-directory", "d", "--out-directory", "o", *words])
    return context.params, context.args


@pytest.mark.parametrize("value", ["0", "false", "False", "no", "off", "OFF"])
@pytest.mark.parametrize("flag", ["augment", "class-weights", "prune", "ensure-determinism", "enforce-time-limit"])
def test_off(flag: str, value: str) -> None:
    name = flag.replace("-", "_")
    for words in ([f"--{flag}", value], [f"--{flag}={value}"]):
        params, unknown = parsed(*words)
        assert (bool(params[name]), unknown) == (False, [])
    if flag in {"augment", "class-weights", "prune"}:
        assert params[name] is False, "given, and not left to the default"
        assert parsed(f"--no-{flag}", value)[0][name] is True


@pytest.mark.parametrize("value", ["1", "true", "TRUE", "yes", "on", None])
@pytest.mark.parametrize("flag", ["augment", "class-weights", "resume"])
def test_on(flag: str, value: str | None) -> None:
    name = flag.replace("-", "_")
    assert parsed(f"--{flag}", *([] if value is None else [value]))[0][name] is True
    if value is not None:
        assert parsed(f"--{flag}={value}")[0][name] is True


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--augment", "maybe"], "--augment maybe: must be 1, true, yes or on, or 0, false, no or off"),
        (["--augment=2"], "--augment 2: must be"),
        (["--augment="], "--augment : must be"),
        (["--augment", "-1"], "--augment -1: must be"),
        (["--augment", "0", "1"], "--augment: takes one value, and '1' follows"),
        (["--epochs", "3", "4"], "--epochs 3: takes one value, and '4' follows"),
        (["--epochs=3", "4"], "--epochs 3: takes one value, and '4' follows"),
        (["--epochs"], "--epochs: needs a value"),
        (["--epochs="], "--epochs: needs a value"),
        (["--epochs", "--augment"], "--epochs: needs a value"),
        (["--out-directory", ""], "--out-directory: needs a value"),
        (["--batch_size", "8", "x", "--augment"], "--batch_size 8: takes one value, and 'x' follows"),
    ],
)
def test_stray_values_are_errors_of_their_option(words: list[str], says: str) -> None:
    with pytest.raises(UsageError) as caught:
        parsed(*words)
    assert str(caught.value).startswith(says)


def test_what_the_form_has_as_optional_may_be_empty() -> None:
    parameters = read_parameters(Path(__file__).parents[3] / "parameters.json").parameters
    assert {f"--{parameter.param}" for parameter in parameters if parameter.optional} == OPTIONAL

    for empty in (["--fine_tune_learning_rate", ""], ["--fine-tune-learning-rate="]):
        params, odd = parsed(*empty, "--epochs", "7")
        assert (params["fine_tune_learning_rate"], params["epochs"], odd) == (None, 7, [])
    with pytest.raises(UsageError, match="--initial-sparsity: needs a value"):
        parsed("--initial-sparsity")


def test_unknown_options_keep_their_words() -> None:
    params, unknown = parsed("--some-param", "3", "--epochs", "7", "--other=1", "--augment", "--flag")

    assert (params["epochs"], params["augment"]) == (7, True)
    assert unknown == ["--some-param", "3", "--other=1", "--flag"]


def test_values_that_begin_with_a_dash() -> None:
    assert parsed("--input-scaling", "-1..1")[0]["input_scaling"] == "-1..1"
    assert parsed("--input-scaling=-128..127")[0]["input_scaling"] == "-128..127"


def test_the_runners_own_line() -> None:
    params, unknown = parsed("--epochs", "30", "--validation-set-size", "0.25", "--input-shape", "(32, 32, 3)")

    assert (params["validation_share"], params["input_shape"], unknown) == (0.25, "(32, 32, 3)", [])


def test_underscores_are_hyphens() -> None:
    params, odd = parsed("--learning_rate", "0.01", "--fine_tune_epochs=3", "--class_weights", "--no_mirror", "1")

    assert (params["learning_rate"], params["fine_tune_epochs"]) == (0.01, 3)
    assert (params["class_weights"], params["mirror"], odd) == (True, False, [])


def test_a_mistyped_option_gets_a_suggestion() -> None:
    known = ["--epochs", "--learning-rate", "--image-size"]

    said = unknown(["--epoch", "3", "--learning_rates=1", "--colour", "-x"], known)

    assert said == "--epoch (did you mean --epochs?) 3 --learning_rates=1 (did you mean --learning-rate?) --colour -x"

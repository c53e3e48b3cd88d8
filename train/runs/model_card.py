"""`MODEL_CARD.md`: what a model is and how good it is, as model hubs read it.

The front matter has the keys of the Hugging Face Hub's model cards (https://huggingface.co/docs/hub/model-cards and its
`modelcard.md`). Each number is `report.json`'s. What only the author knows is left for the author to say: the licence,
what the model is for, and how the data came about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import yaml

from ei_compat.block.run_folder import FLOAT_FILE, INT8_FILE, LABELS, MODEL_FILES, SCALING, SHAPE
from ei_compat.core.words import counted
from train.runs.report import Report
from train.tasks import TASKS

HUB_METRICS = {  # the Hub's names of what scores hold
    "accuracy": "accuracy",
    "f1": "f1",
    "precision": "precision",
    "recall": "recall",
    "mean_absolute_error": "mae",
    "root_mean_square_error": "rmse",
    "r2": "r_squared",
}
HUB_TASKS = {  # the Hub's names of what is learned, by task and whether inputs are pictures
    ("classification", True): "image-classification",
    ("classification", False): "tabular-classification",
    ("regression", False): "tabular-regression",
}
TAGS = ("tinyml", "microcontroller", "int8", "ei-train")
OWN_DATA = "the author's own data"
UNSEEN = "testing"  # the set that nothing was chosen on
LICENCE = "# license: yours to say, see https://huggingface.co/docs/hub/repositories-licenses"


def model_card(report: Report, config: Mapping[str, Any]) -> str:
    """The card of a run, as Markdown with YAML in front.

    Args:
        report: everything measured.
        config: everything that decided it.
    """
    front = yaml.safe_dump(_front_matter(report, config), sort_keys=False, allow_unicode=True, width=120)
    parts = [f"---\n{LICENCE}\n{front}---", *_what(report, config), *_how_good(report), *_how_made(report, config)]
    return "\n\n".join(parts) + "\n"


def _front_matter(report: Report, config: Mapping[str, Any]) -> dict[str, Any]:
    hub_task = HUB_TASKS.get((report.task, len(config[SHAPE]) == 3))
    results = [
        {
            "task": {"type": hub_task or report.task, "name": report.task},
            "dataset": {"type": "private", "name": OWN_DATA, "split": name},
            "metrics": [{"type": hub, "value": value, "name": f"INT8 {hub}"} for hub, value in measured.items()],
        }
        for name, measured in _measured(report).items()
    ]
    pruned = ["pruned"] if report.sparsity.int8_file else []
    return {
        "library_name": "tflite",
        **({} if hub_task is None else {"pipeline_tag": hub_task}),
        "tags": [*TAGS, *pruned, report.task],
        "metrics": list(dict.fromkeys(hub for measured in _measured(report).values() for hub in measured)),
        "model-index": [{"name": _name(report), "results": results}],
    }


def _measured(report: Report) -> dict[str, dict[str, float]]:
    """What the INT8 file reached on each set, by the Hub's names."""
    return {
        name: {
            hub: found
            for field, hub in HUB_METRICS.items()
            if (found := asdict(scores).get(field)) is not None  # type: ignore[call-overload]
        }
        for name, scores in report.metrics["int8"].items()
    }


def _name(report: Report) -> str:
    return f"{report.task} of {', '.join(report.classes)}"


def _what(report: Report, config: Mapping[str, Any]) -> list[str]:
    recipe, shape = config["recipe"], " x ".join(map(str, config[SHAPE]))
    network = "a network of its author's" if recipe["network"] != "none" else recipe["backbone"]
    scaled = f", pixels scaled to {config[SCALING]}" if SCALING in config else ""
    about = (
        f"A model for microcontrollers, trained by ei-train {config['versions']['ei-train']}: {network}, input "
        f"{shape}{scaled}. `{INT8_FILE}` is the one to deploy, `{FLOAT_FILE}` the same before INT8; `{LABELS}` names "
        "the outputs in their order."
    )
    return [
        f"# {_name(report)}",
        about,
        "Say here what it is for, what it is not for, and where the data come from: nobody but you knows.",
    ]


def _how_good(report: Report) -> list[str]:
    metric = TASKS.named(report.task).metric.replace("_", " ")
    sets = list(report.metrics["int8"])
    zeros = {"float32": report.sparsity.prunable, "int8": report.sparsity.int8_file}
    rows = [
        [
            f"`{MODEL_FILES[kind]}`",
            *(f"{scores.metric:.4f}" for scores in by_set.values()),
            f"{zeros[kind]:.4f}",
            str(report.files[MODEL_FILES[kind]]),
        ]
        for kind, by_set in report.metrics.items()
    ]
    counts = ", ".join(f"{counted(count, 'sample')} for {name}" for name, count in report.samples.items())
    missed = [check.name for check in report.checks if not check.met]
    checks = f"Checks not met: {'; '.join(missed)}." if missed else f"All {len(report.checks)} checks are met."
    seen = "the epoch was chosen on validation" if UNSEEN in sets else "there was no testing set: it flatters"
    return [
        "## How good it is",
        _table(["file", *(f"{metric}, {name}" for name in sets), "zero weights", "bytes"], rows),
        f"Measured on these very files ({counts}); {seen}. {checks}",
        *_board(report),
    ]


def _board(report: Report) -> list[str]:
    board = report.board
    if board is None:
        return []
    rows = [
        [
            name,
            str(needs.ram_bytes),
            str(needs.flash_bytes),
            str(needs.instructions),
            *(f"{value:.1f}" for value in needs.milliseconds.values()),
        ]
        for name, needs in (("ei-train's library", board.own), ("TensorFlow Lite Micro", board.tflm))
    ]
    header = ["one inference", "RAM in bytes", "flash in bytes", "instructions", *(f"ms, {c}" for c in board.chips)]
    return ["## On a board", _table(header, rows), "RAM is exact, times are estimates; `report.html` says of what."]


def _how_made(report: Report, config: Mapping[str, Any]) -> list[str]:
    recipe = ", ".join(f"{name} {value}" for name, value in config["recipe"].items())
    again = [f"```sh\n{report.command}\n```"] if report.command else []
    return ["## How it was made", *again, f"Recipe: {recipe}.", f"Data: SHA-256 {config['data']['sha256']}."]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)

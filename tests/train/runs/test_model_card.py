"""`MODEL_CARD.md`: front matter as the Hub reads it, and every number is the report's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.train.reporting.made import make_run
from train.runs.model_card import HUB_METRICS, model_card
from train.runs.report import Report

HUB_KEYS = {"library_name", "pipeline_tag", "tags", "metrics", "model-index"}  # license is its author's to say


def made(folder: Path, kind: str, **changes: Any) -> tuple[Report, dict[str, Any], str, str]:
    """A run's report, the card's front matter, its first part as text, and what follows."""
    report = make_run(folder / "out", kind, **changes)
    card = model_card(report, json.loads((folder / "out" / "config.json").read_text()))
    _, front, text = card.split("---\n", 2)
    return report, yaml.safe_load(front), front, text


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_its_front_matter_is_what_the_hub_reads(kind: str, tmp_path: Path) -> None:
    report, front, text, _ = made(tmp_path, kind)

    assert front.keys() <= HUB_KEYS
    assert HUB_KEYS - front.keys() <= {"pipeline_tag"}, "no name of the Hub's for numbers from pictures"
    assert text.startswith("# license: yours to say")
    written = json.loads(json.dumps(report.as_json()))["metrics"]["int8"]
    (model,) = front["model-index"]
    assert [result["dataset"]["split"] for result in model["results"]] == list(written)
    for result in model["results"]:
        scores = written[result["dataset"]["split"]]
        assert result["task"].keys() == {"type", "name"}
        assert result["dataset"].keys() == {"type", "name", "split"}
        found = {each["type"]: each["value"] for each in result["metrics"]}
        assert found == {hub: scores[name] for name, hub in HUB_METRICS.items() if name in scores}
        assert list(found) == front["metrics"]


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_its_tables_hold_the_reports_figures(kind: str, tmp_path: Path) -> None:
    report, _, _, text = made(tmp_path, kind)

    rows = [[cell.strip(" `") for cell in line.split(" | ")] for line in text.splitlines() if line.startswith("| ")]
    figures = {row[0].removeprefix("| ").strip("`"): [cell.removesuffix(" |") for cell in row[1:]] for row in rows}
    zeros = {"float32": report.sparsity.prunable, "int8": report.sparsity.int8_file}
    for kind_of_file, name in (("float32", "model.tflite"), ("int8", "model_quantized_int8_io.tflite")):
        scores = [f"{each.metric:.4f}" for each in report.metrics[kind_of_file].values()]
        assert figures[name] == [*scores, f"{zeros[kind_of_file]:.4f}", str(report.files[name])]
    assert report.board is not None
    for name, needs in (("ei-train's library", report.board.own), ("TensorFlow Lite Micro", report.board.tflm)):
        times = [f"{value:.1f}" for value in needs.milliseconds.values()]
        assert figures[name] == [str(needs.ram_bytes), str(needs.flash_bytes), str(needs.instructions), *times]
    assert "Checks not met: odd." in text
    assert report.command is not None
    assert report.command in text


def test_what_is_not_known_is_left_out(tmp_path: Path) -> None:
    _, front, _, text = made(tmp_path, "classification", board=None, command=None, checks=[])

    assert front["pipeline_tag"] == "image-classification"
    assert "On a board" not in text
    assert "```" not in text
    assert "cow & calf" in text

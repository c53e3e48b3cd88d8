"""Every JSON document of the program keeps to its schema in `train/schemas`, and all of them are on the page."""

from __future__ import annotations

import importlib
import json
import math
import pkgutil
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import train
from ei_compat.block.run_folder import CONFIG, REPORT
from firmware.compiler import compile_model
from tests.firmware import networks
from tests.train import schema_check
from tests.train.conftest import SMALL
from tests.train.reporting.made import make_run
from train.cli.main import main
from train.cli.progress import JsonProgress
from train.job import Job
from train.result import as_document
from train.runs.report import Report

MODEL = networks.network(97)
AGAIN = [  # the options of the finished run
    part
    for name, value in SMALL.items()
    for part in ([f"--{name.replace('_', '-')}", str(value)] if value is not False else [f"--no-{name}"])
]
COMMANDS = {  # a command line whose answer has each schema, by the schema's name
    "convert": ["convert", "{pictures}", "{new}", "--to", "arrays", "--image-size", "8"],
    "demo": ["demo", "{new}", "--per-class", "4"],
    "error": ["split", "{new}", "{new}/out"],
    "evaluation": ["evaluate", "{run}", "{data}", "--threshold", "0.5", "--against", "{run}"],
    "formats": ["formats"],
    "front": ["profile", "{model}", "--front"],
    "package": [
        *("package", "{model}", "--labels", "{labels}", "--sensor", "unknown", "--name", "m", "--version", "1"),
        *("--output", "{new}.zip", "--estimate"),
    ],
    "page": ["report", "{run}", "--output", "{new}.html"],
    "prediction": ["predict", "{run}", "{pictures}/cat"],
    "profile": ["profile", "{model}", "--estimate"],
    "report": ["train", "--data-directory", "{data}", "--out-directory", "{run}", "--resume", *AGAIN],
    "split": ["split", "{pictures}", "{new}"],
    "upload-plan": ["upload", "data", "{pictures}", "--dry-run"],
    "version": ["--version"],
}
ELSEWHERE = {
    *("upload", "upload-model", "deployment", "download", "push"),  # by cli/test_remote.py
    *("plan", "tune"),  # by tuning/test_plan.py, tuning/test_driver.py
}
FILES = {"config", "event"}  # by the tests below


def documents(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    """What a command line prints with `--json`."""
    with pytest.raises(SystemExit):
        main([*arguments, "--json"])
    output = capsys.readouterr()
    return schema_check.lines(output.out or output.err)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_answers_by_its_schema(
    name: str, finished: tuple[Job, Report], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    job, _ = finished
    places = {"run": job.out, "data": job.data, "pictures": job.data.parent / "pictures", "new": tmp_path / "new"}
    places |= {"model": tmp_path / "m.tflite", "labels": tmp_path / "m.txt"}
    places["model"].write_bytes(MODEL)
    places["labels"].write_text(
        "".join(f"l{i}\n" for i in range(math.prod(compile_model(MODEL, name="m").outputs[0].shape)))
    )

    answers = documents(capsys, *(argument.format_map(places) for argument in COMMANDS[name]))

    assert answers
    for answer in answers:
        schema_check.check(answer, name)


def test_the_files_of_a_run_keep_to_their_schemas(finished: tuple[Job, Report], tmp_path: Path) -> None:
    for name, file in {"report": REPORT, "config": CONFIG}.items():
        schema_check.check(json.loads((finished[0].out / file).read_bytes()), name)
    for kind in ("classification", "regression"):
        report = make_run(tmp_path / kind, kind)
        schema_check.check(json.loads(json.dumps(as_document(report))), "report")


def test_the_log_keeps_to_its_schema(finished: tuple[Job, Report], capsys: pytest.CaptureFixture[str]) -> None:
    progress = JsonProgress()
    with progress.task("head", 2, "step") as task:
        task._told_at -= 60  # type: ignore[attr-defined] # so that the step is told at once
        task.advance(loss=0.5)
    progress.note("a note")
    progress.warn("a warning")
    progress.finish(finished[1])

    events = schema_check.lines(capsys.readouterr().out)

    for event in events:
        schema_check.check(event, "event")
    assert [event["event"] for event in events] == ["start", "step", "end", "note", "warning", "result"]
    assert events[-1]["result"] == json.loads((finished[0].out / REPORT).read_bytes())


def test_each_schema_is_one_and_is_tried() -> None:
    for name in schema_check.names():
        schema = schema_check.read(name)
        Draft202012Validator.check_schema(schema)
        assert (schema["$id"], schema["properties"]["schema"]["const"].split("/")[1]) == (f"{name}.json", name)
    assert {*COMMANDS, *ELSEWHERE, *FILES} == set(schema_check.names())


def test_each_document_of_the_code_has_a_schema() -> None:
    """Whatever has a `schema` names one of the files, at the version that is there."""
    published = {
        schema_check.read(name)["properties"]["schema"]["const"].removeprefix("ei-train/")
        for name in schema_check.names()
    }
    named = set()
    for package in ("cli", "runs", "trained", "tuning"):
        for module in pkgutil.iter_modules([str(Path(train.__path__[0], package))], f"train.{package}."):
            for value in vars(importlib.import_module(module.name)).values():
                schema = getattr(value, "schema", None) if isinstance(value, type) else None
                named |= {schema} if isinstance(schema, str) else set()
    from train.cli import console, progress
    from train.demo import DemoSet
    from train.runs import config

    assert named | {DemoSet.schema, console.ERROR, progress.EVENT, config.SCHEMA} == published


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"more": 1}, "more"),
        ({"seconds": {"total": "long"}}, "seconds.total"),
        ({"command": 1}, "command"),
        ({"metrics": {"int8": {"testing": {"accuracy": 1.5}}}}, "metrics.int8.testing"),
    ],
)
def test_what_no_schema_describes_is_found(change: dict[str, Any], says: str, tmp_path: Path) -> None:
    document = as_document(make_run(tmp_path / "run")) | change

    with pytest.raises(AssertionError, match=re.escape(says)):
        schema_check.check(json.loads(json.dumps(document)))


def test_a_document_of_another_version_is_no_report(tmp_path: Path) -> None:
    from train.runs.report import read_report

    report = make_run(tmp_path / "run")
    document = json.loads(json.dumps(as_document(report)))

    assert read_report(document).task == "classification"
    with pytest.raises(ValueError, match="ei-train/report/3"):
        read_report(document | {"schema": "ei-train/report/3"})
    with pytest.raises(ValueError, match="it is ei-train/report/1, and this program reads ei-train/report/2"):
        read_report(document | {"schema": "ei-train/report/1"})  # whose checks had another name

    document["gates"] = document.pop("checks")
    assert read_report(document | {"schema": "ei-train/report/1"}).checks == report.checks

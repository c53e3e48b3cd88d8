"""`report.html`: everything that a finished run says of itself, for people, in one file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ei_compat.block.run_folder import CONFIG, EXPLORER, PREDICTIONS, REPORT, RunFolder
from ei_compat.core.errors import FormatError
from train.page.document import document
from train.page.markup import (
    Content,
    Markup,
    element,
    joined,
    kilobytes,
    listed,
    megabytes,
    plural,
    seconds,
    table,
    whole,
)
from train.page.parts import OF_A_RUN, Section
from train.recipe import Recipe
from train.reporting import data_chapters, model_chapters
from train.reporting.explorer import Explorer, unpacked
from train.reporting.island import answers_of, island
from train.result import Columns, as_document
from train.runs.predictions import read_predictions
from train.runs.report import Report, read_report
from train.tasks import TASKS, Answered, Chapters, Task

NAMED = 6  # classes in the title
CHIP = "ESP32-S3"  # that the verdict speaks of


def page_of(folder: Path) -> str:
    """The page of a finished run, made of the files that it left.

    Raises:
        DataError: the run has not ended, or its predictions are missing.
        FormatError: a file is not what a run writes.
    """
    RunFolder(folder).check_finished()
    try:
        written = json.loads((folder / REPORT).read_bytes())
        config = json.loads((folder / CONFIG).read_bytes())
        report = read_report(written)
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError(f"is not what a run writes: {error}", where=folder / REPORT) from None
    path = folder / EXPLORER
    explorer = unpacked(path.read_bytes(), path) if path.is_file() else None
    return page(report, config, read_predictions(folder / PREDICTIONS, task_of(report)), explorer)


def task_of(report: Report) -> Task:
    """The task of a report, as far as its answers need it."""
    labels = report.classes
    return TASKS.named(report.task).of_rows(labels, np.empty((0, len(labels))))


def page(report: Report, config: Mapping[str, Any], sets: Mapping[str, Answered], explorer: Explorer | None) -> str:
    """The page.

    Args:
        report: everything measured.
        config: everything that decided it.
        sets: what both files say of the held-out samples.
        explorer: pictures and where they lie, or None.
    """
    task = task_of(report)
    report = report if report.trust is not None else replace(report, trust=task.trust(sets))  # of an older run
    chapters = task.chapters(report.metrics, report.trust or {}, sets, OF_A_RUN)
    gallery = data_chapters.Gallery(explorer)
    answers = answers_of(task, sets)
    wrong = {place: not found["int8"]["right"] for place, found in answers.items()}
    sections = [
        _verdict(report, chapters),
        model_chapters.board(report),
        model_chapters.training(report),
        *chapters.answers,
        data_chapters.worst(task, sets, chapters, gallery),
        data_chapters.explorer(explorer, report, wrong),
        model_chapters.pruning(report),
        model_chapters.quantisation(report, task, sets),
        chapters.trust,
        data_chapters.health(report, gallery),
        _recipe(report, config),
    ]
    return document(
        f"{_subject(report)}: report of a training",
        _header(report, config),
        sections,
        island=island(as_document(report), answers, explorer),
        images=explorer.sheets.style() if explorer and explorer.sheets else None,
        footer=element("p", "Made by ei-train. Everything on this page is in this file; it asks no network."),
    )


def _subject(report: Report) -> str:
    names = list(report.classes)
    if report.task == "regression" or len(names) == 1:
        return names[0]
    if len(names) <= NAMED:
        return f"{', '.join(names[:-1])} or {names[-1]}"
    return f"{', '.join(names[:NAMED])} or {plural(len(names) - NAMED, 'other')}"


def _header(report: Report, config: Mapping[str, Any]) -> Markup:
    recipe = config.get("recipe", {})
    shape = " × ".join(map(str, config.get("input_shape", ())))
    network = Path(recipe["network"]).name if recipe.get("network", "none") != "none" else recipe.get("backbone", "")
    width = f" {recipe['alpha']:g}" if network.startswith("mobilenet") and "alpha" in recipe else ""
    samples = ", ".join(f"{whole(count)} {name}" for name, count in report.samples.items())
    about = [f"{network}{width}".strip(), f"input {shape}" if shape else "", f"samples: {samples}"]
    return joined(
        element("p", f"ei-train · {report.task}", class_="kicker"),
        element("h1", _subject(report)),
        element("p", " · ".join(part for part in about if part), class_="about"),
    )


def _verdict(report: Report, chapters: Chapters) -> Section:
    missed = [check for check in report.checks if not check.met]
    checks = (
        f"all {len(report.checks)} checks are met"
        if not missed
        else f"{plural(len(missed), 'check is', 'checks are')} not met: {listed([check.name for check in missed])}"
    )
    board = report.board
    if board is None:
        third = f"What it takes on a board is not known; {checks}."
    else:
        time = board.own.milliseconds.get(CHIP)
        speed = "" if time is None else f" and answers in about {whole(time)}\u202fms on an {CHIP}"
        faster = board.tflm.instructions / max(board.own.instructions, 1)
        third = (
            f"It takes {kilobytes(board.own.ram_bytes)} of RAM and {kilobytes(board.own.flash_bytes)} of flash{speed}, "
            f"{faster:.1f} times as fast as TensorFlow Lite Micro by estimate; {checks}."
        )
    sentences = [element("p", sentence) for sentence in (*chapters.verdict, third)]
    rows = [
        [check.name, f"{check.asked:.3f}", f"{check.measured:.3f}", "met" if check.met else "not met"]
        for check in report.checks
    ]
    details: Content = None
    if rows:
        details = element(
            "details",
            element("summary", f"The {len(rows)} checks"),
            table(Columns("What was asked of the model", ["check", "limit", "measured", "result"], rows)),
            open=bool(missed),
        )
    return Section("verdict", "In three sentences", None, joined(element("div", *sentences, class_="verdict"), details))


def _recipe(report: Report, config: Mapping[str, Any]) -> Section:
    defaults = {name: field.default for name, field in Recipe.model_fields.items()}
    numbers = [
        element(
            "div", element("dt", name.replace("_", " ")), element("dd", _against_default(value, defaults.get(name)))
        )
        for name, value in config.get("recipe", {}).items()
    ]
    command: Content = element("p", "Not known: the command was not written down by this run.", class_="note")
    if report.command:
        command = element(
            "div",
            element("pre", element("code", report.command, id="command"), tabindex="0"),
            element("button", "Copy", type="button", data_copy="command", hidden=True),
            class_="command",
        )
    about = [
        *([name, seconds(value)] for name, value in report.seconds.items()),
        ["largest memory of the process", megabytes(report.peak_memory_bytes)],
    ]
    files = [[name, kilobytes(size)] for name, size in report.files.items()]
    versions = [[name, str(found)] for name, found in config.get("versions", {}).items()]
    tables = [
        table(Columns("Time", ["phase", "took"], about)),
        table(Columns("Files", ["file", "size"], files)),
        table(Columns("Versions", ["of", "version"], versions, texts=2)),
    ]
    lead = "This line does the same again, from the directory that it was given in."
    recipe = joined(
        element("h3", "The recipe as it was trained"),
        element("p", "In bold what differs from the default, which stands behind it.", class_="note"),
        element("dl", *numbers, class_="recipe"),
    )
    return Section(
        "recipe", "How to make it again", lead, joined(command, recipe, element("div", *tables, class_="columns"))
    )


def _against_default(value: Any, default: Any) -> Content:
    """A value, marked where it is not the default; of a path the last part."""
    shown, usual = _value(value), _value(default)
    if shown == usual:
        return shown
    name = shown.rpartition("/")[2] or shown
    return joined(
        element("b", name, title=shown if name != shown else None), element("span", f" ({usual})", class_="sure")
    )


def _value(value: Any) -> str:
    match value:
        case list() | tuple():
            return ", ".join(map(str, value))
        case bool():
            return "on" if value else "off"
        case float():
            return f"{value:g}"
        case _:
            return str(value)

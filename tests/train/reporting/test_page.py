"""`report.html`: what it shows is what the run's files say, and it needs nothing but itself."""

from __future__ import annotations

import json
import re
import time
from dataclasses import asdict
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ei_compat.core.errors import DataError, FormatError
from tests.train.reporting.made import HOSTILE, make_run
from train.cli.main import main
from train.reporting.page import page_of
from train.runs.predictions import read_predictions
from train.runs.report import read_report
from train.tasks import TASKS

ORDER = ["verdict", "board", "training", "wrong", "explorer", "pruning", "quantisation", "trust", "data", "recipe"]


class Read(HTMLParser):
    """A page taken apart: ids, elements with their attributes, the numbers, and the text that people read."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text, self.numbers, self._inside = "", "", ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = dict(attrs).get("id") or tag if tag in {"script", "style"} else ""

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "numbers":
            self.numbers += data
        elif not self._inside:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def island(self) -> Any:
        return json.loads(self.numbers)


@pytest.fixture(scope="module", params=["classification", "regression"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "out"
    make_run(folder, request.param)
    return folder


def test_its_chapters_come_in_order(run: Path) -> None:
    found = [attributes["id"] for attributes in Read(page_of(run)).all("section")]
    assert [name for name in found if name in ORDER] == ORDER
    assert found.index("training") < found.index({"classification": "confusion", "regression": "answers"}[kind_of(run)])


def kind_of(run: Path) -> str:
    return str(json.loads((run / "report.json").read_text())["task"])


def test_its_numbers_are_those_of_the_report(run: Path) -> None:
    assert Read(page_of(run)).island()["report"] == json.loads((run / "report.json").read_text())


def test_its_numbers_are_computed_from_the_predictions(run: Path) -> None:
    """Scores, trust, and what the page says of each sample: all of it stands in predictions.csv."""
    report = json.loads((run / "report.json").read_text())
    task = TASKS.named(report["task"]).of_rows(report["classes"], np.empty((0, len(report["classes"]))))
    sets = read_predictions(run / "predictions.csv", task)
    island = Read(page_of(run)).island()

    for kind in ("float32", "int8"):
        for name, found in sets.items():
            scores = asdict(task.score(found.y, found.outputs[kind]))
            assert json.loads(json.dumps(scores)) == report["metrics"][kind][name]
    assert json.loads(json.dumps(task.trust(sets))) == report["trust"]
    samples, answers = island["samples"], island["answers"]
    for number, (name, row) in enumerate(zip(samples["set"], samples["row"], strict=True)):
        if name == "training":
            assert answers["int8"]["said"][number] is None
            continue
        found = sets[name]
        assert samples["file"][number] == found.files[row]
        assert samples["truth"][number] == task.truths(found.y[row : row + 1])[0]
        for kind in ("float32", "int8"):
            remark = task.remarks(found.y, found.outputs[kind])[row]
            assert (answers[kind]["said"][number], answers[kind]["right"][number]) == (remark.said, remark.right)


def test_it_asks_for_nothing_outside_itself(run: Path) -> None:
    page = Read(page_of(run))
    policy = next(each["content"] for each in page.all("meta") if each.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-")
    assert not re.search(r"https?://|@import|url\((?!data:)", page_of(run))
    for tag in ("link", "img", "iframe", "object", "embed", "form", "base"):
        assert not page.all(tag)
    assert all((each.get("href") or "").startswith("#") for each in page.all("a"))
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)


def test_names_of_files_and_classes_are_text(run: Path) -> None:
    text = page_of(run)
    assert "<script>alert" not in text
    page = Read(text)
    assert sum(f"/{HOSTILE}" in file for file in page.island()["samples"]["file"]) == 3
    if kind_of(run) == "classification":
        assert "cow & calf" in page.text


def test_every_id_is_there_once_and_what_is_named_exists(run: Path) -> None:
    page = Read(page_of(run))
    ids = [attributes["id"] for _, attributes in page.elements if attributes.get("id")]
    assert len(ids) == len(set(ids))
    for _, attributes in page.elements:
        for name in ("aria-labelledby", "aria-describedby", "for"):
            assert set((attributes.get(name) or "").split()) <= set(ids), attributes
        if (attributes.get("href") or "").startswith("#"):
            assert (attributes["href"] or "")[1:] in ids


def test_the_verdict_says_what_the_figures_say(run: Path) -> None:
    text = Read(page_of(run)).text
    assert "81.5 kB of RAM and 251 kB of flash" in text.replace("\u202f", " ")
    assert "4.7 times as fast as TensorFlow Lite Micro by estimate; 1 check is not met: odd." in text
    report = read_report(json.loads((run / "report.json").read_text()))
    if report.task == "classification":
        scores = report.metrics["int8"]["testing"]
        assert f"({round(scores.metric * 36)} of 36)" in text
    else:
        assert f"off by {report.metrics['int8']['testing'].metric:.3g} on average" in text


def test_what_a_run_does_not_know_is_said(tmp_path: Path) -> None:
    make_run(
        tmp_path / "out", board=None, kernels=(), layers=(), health=None, trust=None, command=None, history=(),
        missing={"board": "operator SIN is not supported"},
    )  # fmt: skip
    (tmp_path / "out" / "explorer.zip").unlink()
    text = Read(page_of(tmp_path / "out")).text
    for said in (
        "What it takes on a board is not known",
        "Not known: operator SIN is not supported.",
        "Not known: this run did not look.",
        "Not known: this run left no explorer.zip.",
        "the command was not written down by this run",
        "Nothing was trained.",
    ):
        assert said in text


def test_a_report_of_an_earlier_version_makes_a_page(tmp_path: Path) -> None:
    make_run(tmp_path / "out")
    path = tmp_path / "out" / "report.json"
    old = json.loads(path.read_text())
    gates = old.pop("checks")
    for name in ("schema", "board", "kernels", "layers", "trust", "health", "command", "missing"):
        del old[name]
    path.write_text(json.dumps(old | {"version": 1, "gates": gates, "of a later one": []}))
    (tmp_path / "out" / "explorer.zip").unlink()
    assert "When to believe it" in Read(page_of(tmp_path / "out")).text


def test_the_command_writes_it_again(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, path in (
        (["report", str(run), "--json"], run / "report.html"),
        (["report", str(run), "-o", str(tmp_path / "other.html"), "--json"], tmp_path / "other.html"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 0
        told = json.loads(capsys.readouterr().out)
        assert told == {"schema": "ei-train/page/1", "report": str(path), "bytes": path.stat().st_size}
        assert path.read_text(encoding="utf-8") == page_of(run)


def test_what_is_no_run_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name, said in {"nowhere": "nowhere: there is no such folder", "file": "file: is no folder"}.items():
        with pytest.raises(DataError, match=said):
            page_of(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content", "error", "said"),
    [
        ("report.json", None, DataError, "holds no report.json"),
        ("report.json", b"{}", FormatError, "is not what a run writes: it holds no task; train again"),
        ("report.json", b'{"schema": "ei-train/report/3"}', FormatError, "it is ei-train/report/3, and this program"),
        ("report.json", b"no JSON", FormatError, "is not what a run writes"),
        ("config.json", b"no JSON", FormatError, "is not what a run writes"),
        ("predictions.csv", None, DataError, "no such file"),
        ("predictions.csv", b"set\n", FormatError, "does not fit"),
        ("explorer.zip", b"no zip", FormatError, "is no explorer of a run"),
    ],
)
def test_a_damaged_run_is_one_line(
    name: str, content: bytes | None, error: type[Exception], said: str, tmp_path: Path
) -> None:
    make_run(tmp_path / "out")
    path = tmp_path / "out" / name
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with pytest.raises(error, match=said):
        page_of(tmp_path / "out")


def test_2500_images_are_under_five_megabytes_and_soon_drawn(tmp_path: Path) -> None:
    began = time.process_time()
    make_run(tmp_path / "out", counts={"training": 1800, "validation": 300, "testing": 900})
    page = page_of(tmp_path / "out")
    assert time.process_time() - began < 20
    assert len(page.encode()) < 5e6  # of noise, which no codec makes small
    assert len(Read(page).island()["samples"]["set"]) == 2500


def test_the_script_is_small() -> None:
    from train.page import document

    assert (document.HERE / "script.js").stat().st_size < 10_000

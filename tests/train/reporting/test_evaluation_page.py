"""The page of an evaluation: its figures are the evaluation's, and it needs nothing but itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.train.reporting.made import HOSTILE, make_evaluation
from tests.train.reporting.test_page import Read
from train.reporting.evaluation_page import evaluation_page
from train.tasks import Answered


@pytest.mark.parametrize("kind", ["classification", "regression"])
@pytest.mark.parametrize("files", [("float32", "int8"), ("int8",), ("float32",)])
def test_its_numbers_are_those_of_the_evaluation(kind: str, files: tuple[str, ...]) -> None:
    found = make_evaluation(kind, files=files)
    page = Read(evaluation_page(found))
    island = page.island()

    written = json.loads(json.dumps(found.as_json()))
    assert {key: island["report"][key] for key in written} == written
    task, samples = found.model.task, found.sets.samples["all"]
    answered = Answered(samples.names, samples.y, {kind: by_set["all"] for kind, by_set in found.outputs.items()})
    assert island["report"]["trust"] == json.loads(json.dumps(task.trust({"all": answered})))
    assert list(island["answers"]) == list(files)
    for name in files:
        remarks = task.remarks(samples.y, found.outputs[name]["all"])
        rows = island["samples"]["row"]
        assert rows == list(range(len(samples)))
        assert island["answers"][name]["said"] == [remarks[row].said for row in rows]
        assert island["answers"][name]["right"] == [remarks[row].right for row in rows]
    scores = found.metrics[files[-1]]["all"]
    said = f"({round(scores.metric * 40)} of 40)" if kind == "classification" else f"off by {scores.metric:.3g} on"
    model = "the model for the board" if "int8" in files else "the float model"
    assert f"On 40 samples of new data {model} is" in page.text
    assert said in page.text


def test_what_its_run_held_out_is_called_so_and_other_data_are_not() -> None:
    own, other = (Read(evaluation_page(make_evaluation(own=own))).text for own in (True, False))

    assert "On 40 samples that it had never seen the model for the board is right" in own
    assert "These are the sets that the run held out from its training." in own
    for said in ("never seen", "chose its epoch", "held out"):
        assert said not in other


def test_a_comparison_shows_the_samples_that_differ() -> None:
    found = make_evaluation(against=True, threshold=0.6)
    page = Read(evaluation_page(found))

    assert "Against other it is better on 9 samples and worse on 2: may be chance (p = 0.065)." in page.text
    assert "3 samples are ones that other was trained on" in page.text
    assert "Samples on which it is worse" in page.text
    ids = [attributes["id"] for attributes in page.all("section")]
    assert ids == ["verdict", "against", "confusion", "classes", "wrong", "answered", "trust", "data"]
    named = {span.get("title") for span in page.all("span")}
    assert set(found.sets.samples["all"].names[:11]) <= named
    sure = found.sure["all"]
    assert f"With a threshold of 0.6 it answers {100 * sure.answered / 40:.1f} %".replace(" %", "\u202f%") in page.text


def test_it_asks_for_nothing_outside_itself_and_names_are_text() -> None:
    text = evaluation_page(make_evaluation(against=True, threshold=0.6))
    page = Read(text)

    policy: Any = next(e["content"] for e in page.all("meta") if e.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")
    for tag in ("link", "img", "iframe", "object", "embed", "form", "base"):
        assert not page.all(tag)
    assert "<script>alert" not in text
    assert any(HOSTILE in file for file in page.island()["samples"]["file"])
    every = [attributes["id"] for _, attributes in page.elements if attributes.get("id")]
    assert len(every) == len(set(every))

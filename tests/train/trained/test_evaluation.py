"""`evaluate`: the run's own figures, other data, thresholds, and two models sample by sample."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from ei_compat.block.run_folder import FLOAT_FILE, INT8_FILE
from tests.train.conftest import draw_classes
from train.cli.main import main
from train.job import Job
from train.runs.report import Report
from train.trained.comparison import Difference, exact_test


@pytest.fixture
def evaluate(capsys: pytest.CaptureFixture[str]):
    """Runs `ei-train evaluate` in this process; returns exit code, stdout and stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["evaluate", *map(str, arguments)])
        output = capsys.readouterr()
        return int(ended.value.code or 0), output.out, output.err

    return run


def test_the_runs_own_data_give_the_runs_own_figures(evaluate, finished: tuple[Job, Report]) -> None:
    job, report = finished

    code, out, err = evaluate(job.out, job.data, "--json")

    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["own_data"] is True
    assert found["metrics"] == json.loads(json.dumps(report.as_json()["metrics"]))
    assert found["samples"] == {name: report.samples[name] for name in ("validation", "testing")}


def test_a_validation_set_that_the_run_drew_itself_is_drawn_again(
    evaluate, finished: tuple[Job, Report], tmp_path: Path
) -> None:
    job, _ = finished
    config = json.loads((job.out / "config.json").read_text())
    undivided = tmp_path / "undivided"
    for path in (path for path in job.data.rglob("*.png") if "testing" not in path.parts):
        label = "cat" if "cat" in path.name else "dog"
        (undivided / label).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, undivided / label / path.name)
    from ei_compat.core.progress import SILENT
    from train.data import load_data

    recipe = job.recipe.model_copy(update={"validation_share": 0.3, "seed": 7})
    data = load_data(Job(undivided, tmp_path, recipe), SILENT)
    run = shutil.copytree(job.out, tmp_path / "run")
    config["data"] = {"format": data.format, "sha256": data.sha256}
    config["data"]["samples"] = {name: len(samples) for name, samples in data.sets().items()}
    config["recipe"] |= {"validation_share": 0.3, "seed": 7}
    (run / "config.json").write_text(json.dumps(config))

    code, out, _ = evaluate(run, undivided, "--json")

    assert code == 0
    assert json.loads(out)["samples"] == {"validation": len(data.validation)}
    assert json.loads(out)["own_data"] is True


def test_on_other_data_every_sample_counts(evaluate, finished: tuple[Job, Report], tmp_path: Path) -> None:
    job, _ = finished
    draw_classes(tmp_path / "new", {"cat": 5, "dog": 4})

    code, out, _ = evaluate(job.out, tmp_path / "new", "--json")

    found = json.loads(out)
    assert (code, found["own_data"], found["samples"]) == (0, False, {"all": 9})
    assert {kind: list(by_set) for kind, by_set in found["metrics"].items()} == {"float32": ["all"], "int8": ["all"]}
    assert sum(map(sum, found["metrics"]["int8"]["all"]["confusion"])) == 9


def test_a_single_class_can_be_measured(evaluate, finished: tuple[Job, Report], tmp_path: Path) -> None:
    job, _ = finished
    draw_classes(tmp_path / "new", {"cat": 5})

    code, out, err = evaluate(job.out, tmp_path / "new", "--from", "folders", "--json")

    assert (code, err) == (0, "")
    assert json.loads(out)["metrics"]["int8"]["all"]["classes"]["dog"]["support"] == 0


@pytest.mark.parametrize(("name", "kind"), [(INT8_FILE, "int8"), (FLOAT_FILE, "float32")])
def test_a_file_is_measured_alone(evaluate, finished: tuple[Job, Report], name: str, kind: str) -> None:
    job, report = finished

    code, out, _ = evaluate(job.out / name, job.data, "--json")

    assert code == 0
    wanted = {name: asdict(scores) for name, scores in report.metrics[kind].items()}
    assert json.loads(out)["metrics"] == {kind: json.loads(json.dumps(wanted))}


def test_a_file_without_a_run_needs_its_labels(evaluate, finished: tuple[Job, Report], tmp_path: Path) -> None:
    job, report = finished
    alone = shutil.copy(job.out / INT8_FILE, tmp_path / "m.tflite")

    code, _, err = evaluate(alone, job.data)
    assert (code, "--labels: m.tflite has no labels with it; name a file" in err) == (2, True)

    code, out, _ = evaluate(alone, job.data, "--labels", job.out / "labels.txt", "--json")
    found = json.loads(out)
    assert (code, list(found["samples"])) == (0, ["testing", "training", "validation"])
    assert found["metrics"]["int8"]["testing"]["loss"] == report.metrics["int8"]["testing"].loss


def test_tables_are_those_of_a_run(evaluate, finished: tuple[Job, Report]) -> None:
    job, report = finished

    code, out, _ = evaluate(job.out, job.data)

    assert code == 0
    assert f"│ {INT8_FILE} " in out
    assert f"{report.metrics['int8']['testing'].accuracy:.3f}" in out
    assert "INT8 on testing, by class" in out


def test_below_a_threshold_there_is_no_answer(evaluate, finished: tuple[Job, Report]) -> None:
    job, report = finished
    scores = report.metrics["int8"]["testing"]

    every = json.loads(evaluate(job.out, job.data, "--threshold", "0", "--json")[1])["sure"]["testing"]
    none = json.loads(evaluate(job.out, job.data, "--threshold", "1", "--json")[1])["sure"]["testing"]

    assert every["answered"] == every["samples"] == scores.samples
    assert every["accuracy_of_answers"] == every["accuracy"] == pytest.approx(scores.accuracy)
    assert none == {  # INT8's highest score is 255/256
        "answered": 0, "right": 0, "samples": scores.samples,
        "answered_share": 0.0, "accuracy_of_answers": None, "accuracy": 0.0,
    }  # fmt: skip
    assert "Where the score is at least 0.5" in evaluate(job.out, job.data, "--threshold", "0.5")[1]


def test_a_model_against_itself_differs_nowhere(evaluate, finished: tuple[Job, Report]) -> None:
    job, report = finished

    code, out, err = evaluate(job.out, job.data, "--against", job.out, "--json")

    assert (code, err) == (0, "")
    compared = json.loads(out)["against"]["sets"]["testing"]
    assert (compared["better"], compared["worse"], compared["chance"]) == ([], [], 1.0)
    assert compared["metric"] == compared["other_metric"] == report.metrics["int8"]["testing"].accuracy


def test_a_page_of_it_is_written_where_it_is_asked_for(evaluate, finished: tuple[Job, Report], tmp_path: Path) -> None:
    job, report = finished
    page = tmp_path / "evaluation.html"

    code, out, err = evaluate(job.out, job.data, "--against", job.out, "--report", page, "--json")

    assert (code, err, json.loads(out)["report"]) == (0, "", str(page))
    text = page.read_text(encoding="utf-8")
    numbers = json.loads(text.partition('id="numbers">')[2].partition("</script>")[0])["report"]
    assert numbers["metrics"] == json.loads(json.dumps(report.as_json()["metrics"]))
    assert numbers["trust"] == json.loads(json.dumps(report.as_json()["trust"]))
    assert "better on 0 samples" in text
    code, _, err = evaluate(job.out, job.data, "--report", tmp_path / "nowhere" / "page.html")
    assert (code, "page.html: there is no such folder; name a file in one that is there" in err) == (2, True)


def test_models_are_compared_sample_by_sample(evaluate, finished: tuple[Job, Report], tmp_path: Path) -> None:
    """Against the same model with its labels swapped: better exactly where it is right, worse where it is wrong."""
    job, report = finished
    swapped = shutil.copytree(job.out, tmp_path / "swapped")
    (swapped / "labels.txt").write_text("dog\ncat\n")

    code, out, _ = evaluate(job.out, job.data, "--against", swapped, "--json")

    assert code == 0
    compared, scores = json.loads(out)["against"]["sets"]["testing"], report.metrics["int8"]["testing"]
    right = round(scores.accuracy * scores.samples)
    assert (len(compared["better"]), len(compared["worse"])) == (right, scores.samples - right)
    assert compared["other_metric"] == pytest.approx(1 - scores.accuracy)
    assert len({*compared["better"], *compared["worse"]}) == scores.samples
    assert "Against" in evaluate(job.out, job.data, "--against", swapped)[1]


def test_samples_that_the_other_trained_on_are_warned_of(
    evaluate, finished: tuple[Job, Report], tmp_path: Path
) -> None:
    job, report = finished
    alone = shutil.copytree(job.out, tmp_path / "alone")
    (alone / "config.json").unlink()  # what it trained on is not known any more

    code, _, err = evaluate(alone, job.data, "--against", job.out)

    assert code == 0
    many = report.samples["training"]
    assert f"warning: {many} of {many} samples of the training set are ones that {job.out} trained on" in err


@pytest.mark.parametrize(
    ("better", "worse", "chance"),
    [(0, 0, 1.0), (1, 0, 1.0), (6, 1, 0.125), (10, 2, 158 / 4096), (3, 3, 1.0), (0, 10, 2 / 1024), (2000, 0, 0.0)],
)
def test_mcnemars_exact_test(better: int, worse: int, chance: float) -> None:
    assert exact_test(better, worse) == pytest.approx(chance, abs=1e-300)
    assert exact_test(worse, better) == exact_test(better, worse)


def test_a_verdict_is_one_only_where_it_is_more_than_chance() -> None:
    def difference(better: int, worse: int) -> Difference:
        return Difference(0.0, 0.0, tuple("b" * better), tuple("w" * worse), 50, 0)

    assert [difference(*counts).verdict for counts in ((5, 0), (6, 0), (0, 6), (9, 3))] == [
        "may be chance", "better", "worse", "may be chance",
    ]  # fmt: skip


def test_what_cannot_be_measured_is_one_line(evaluate, finished: tuple[Job, Report], tmp_path: Path) -> None:
    job, _ = finished
    draw_classes(tmp_path / "birds", {"cat": 2, "owl": 2})
    (tmp_path / "no.tflite").write_bytes(b"TFL3 no model")
    (tmp_path / "labels.txt").write_text("cat\ndog\nowl\n")
    cases = {
        (tmp_path / "nowhere", job.data): (3, "there is no such file or folder; give a run's folder or a .tflite file"),
        (tmp_path, job.data): (3, "holds no model_quantized_int8_io.tflite"),
        (tmp_path / "no.tflite", job.data): (3, "is no model that LiteRT can run"),
        (job.out, tmp_path / "birds"): (3, "owl/owl0.png is labelled 'owl', and the model knows cat, dog; leave out"),
        (job.out, tmp_path / "nothing"): (3, "no such file or folder"),
        (job.out, job.data, "--labels", tmp_path / "labels.txt"): (3, "has 2 outputs, but there are 3 labels"),
        (job.out, job.data, "--task", "regression"): (2, "says classification; leave the option out"),
        (job.out, job.data, "--input-scaling", "0..255"): (2, "says 0..1"),
        (job.out / FLOAT_FILE, job.data, "--labels", job.out / "labels.txt"): (2, "does not show what pixels"),
        (job.out, job.data, "--threshold", "2"): (2, "--threshold"),
    }
    for arguments, (code, says) in cases.items():
        got, out, err = evaluate(*arguments)
        assert (got, out, says in err, err.count("error: ")) == (code, "", True, 1), (arguments, err)


def test_arrays_give_what_the_images_give(evaluate, finished: tuple[Job, Report], tmp_path: Path) -> None:
    job, report = finished
    with pytest.raises(SystemExit):
        main(["convert", str(job.data), str(tmp_path / "arrays"), "--to", "arrays", "--image-size", "32"])
    info = {"classes": ["cat", "dog"], "mode": "classification", "inputShapeString": "(32, 32, 3)", "yType": "npy"}
    (tmp_path / "arrays" / "train_input.json").write_text(json.dumps(info))

    code, out, err = evaluate(job.out, tmp_path / "arrays", "--json")

    found = json.loads(out[out.index('{"schema"') :])
    assert (code, err) == (0, "")
    assert found["own_data"] is False
    confusion = np.array(found["metrics"]["int8"]["testing"]["confusion"])
    assert confusion.tolist() == report.metrics["int8"]["testing"].confusion

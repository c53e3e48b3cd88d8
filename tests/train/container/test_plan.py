"""What a container is started with, and the lines where there is no engine to start it."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

from ei_compat.core.errors import UsageError
from tests.program import ei_train
from train.container.plan import ContainerSpec, Limits, make_plan, parse_memory


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with some data in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    return tmp_path


def planned(*arguments: str, limits: Limits = Limits(), **environment: str) -> ContainerSpec:  # noqa: B008 - it is frozen
    return make_plan("ei-train", arguments, limits, environment, terminal=False)


def test_training_reads_its_data_and_writes_its_results_alone(place: Path) -> None:
    (place / "train_input.json").write_text("{}")
    (place / "net.py").write_text("")

    plan = planned("--data-directory", "photos", "--out-directory=out/one", "--network", "net.py", "--epochs", "3")

    assert plan.mounts == {
        place / "net.py": False, place / "out" / "one": True, place / "photos": False,
        place / "train_input.json": False,
    }  # fmt: skip
    assert (place / "out" / "one").is_dir()
    assert plan.folder == place


def test_a_folder_that_nothing_came_into_is_removed_again(place: Path) -> None:
    (place / "mine").mkdir()
    for name, stays in (("new/one", False), ("mine", True)):
        planned("--data-directory", "photos", "--out-directory", name).tidy()
        assert (place / name).is_dir() is stays
    plan = planned("--data-directory", "photos", "--out-directory", "other")
    (place / "other" / "report.json").touch()
    plan.tidy()
    assert (place / "other" / "report.json").is_file()


def test_other_commands_see_the_working_directory(place: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")

    plan = planned("split", str(elsewhere), "photos/new")

    assert plan.mounts == {place: True, elsewhere: False}


def test_results_within_the_data_can_be_written(place: Path) -> None:
    assert planned("--data-directory", ".", "--out-directory", "out").mounts == {place: False, place / "out": True}


def test_variables_of_edge_impulse_are_passed_on_and_never_shown(place: Path) -> None:
    plan = planned("upload", EI_API_KEY="ei_secret", PATH="/bin", EI_TRAIN_IMAGE="x", NO_COLOR="1")

    assert plan.environment == {"EI_API_KEY": "ei_secret", "NO_COLOR": "1"}
    assert "--env EI_API_KEY --env NO_COLOR" in plan.command_line()
    assert "secret" not in plan.command_line()


def test_the_line_says_it_all(place: Path) -> None:
    plan = planned("formats", limits=Limits(gpu=True, memory=parse_memory("4g"), cpus=1.5, offline=True))

    words = shlex.split(plan.command_line())
    assert words[:3] == ["docker", "run", "--rm"]
    assert words[-2:] == ["ei-train", "formats"]
    line = f"--volume {place}:{place} --workdir {place}"
    user = f" --user {os.getuid()}:{os.getgid()}" if os.getuid() else ""
    assert f"{line}{user} --gpus all --memory 4294967296 --cpus 1.5 --network none" in plan.command_line()


@pytest.mark.parametrize("folder", ["/", "/usr", "/opt"])
def test_a_folder_that_would_hide_the_system_is_refused(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)

    with pytest.raises(UsageError, match="would hide the container's own system"):
        planned("formats")


@pytest.mark.parametrize(("text", "size"), [("4g", 4 << 30), ("512m", 512 << 20), ("1.5GiB", 3 << 29), ("6m", 6 << 20)])
def test_sizes(text: str, size: int) -> None:
    assert parse_memory(text) == size


@pytest.mark.parametrize("text", ["", "much", "4x", "1k", "-1g"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(UsageError, match="is no size of at least 6m"):
        parse_memory(text)


def test_a_dry_run_makes_nothing_and_needs_no_engine(place: Path) -> None:
    done = ei_train(
        "run", "--dry-run", "--image", "some", "--data-directory", "photos", "--out-directory", "out", cwd=place,
        DOCKER_HOST="unix:///nowhere.sock",
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"docker run --rm --volume {place}/out:{place}/out --volume {place}/photos:")
    assert done.stdout.endswith(" some --data-directory photos --out-directory out\n")
    assert not (place / "out").exists()


def test_no_engine_is_one_line(place: Path) -> None:
    done = ei_train("run", "formats", cwd=place, DOCKER_HOST="unix:///nowhere.sock")

    assert (done.returncode, done.stdout) == (6, "")
    assert done.stderr.startswith("error: no Docker engine answers; start Docker, set DOCKER_HOST, or run ")
    assert done.stderr.count("\n") == 1


def test_nothing_to_run_is_one_line(place: Path) -> None:
    done = ei_train("run", "--memory", "4g", cwd=place)

    assert (done.returncode, "there is nothing to run" in done.stderr) == (2, True)

"""`ei-train run` with a real engine: a small image that is built here says what it was given; the real one trains."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.docker.test_image import IMAGE, STRANGER, TINY, docker, owners, write_class_folders
from tests.needs import missing
from tests.program import ROOT, ei_train

pytestmark = pytest.mark.docker

BASE = os.environ.get("BASE_IMAGE", "ei-train-base:bookworm")
NAME = f"ei-train-run-test-{os.getpid()}"
SOCKET = Path("/var/run/docker.sock")
PROGRAM = """
import json, os, signal, sys, time

def stopped(number, frame):
    time.sleep(1)
    print("saved", flush=True)
    sys.exit(128 + number)

signal.signal(signal.SIGINT, stopped)
word = sys.argv[1]
if word == "say":
    said = {"arguments": sys.argv[2:], "uid": os.getuid(), "cwd": os.getcwd(), "key": os.environ.get("EI_API_KEY")}
    print(json.dumps(said | {"terminal": sys.stdout.isatty()}))
    print("größer ↑", file=sys.stderr)
elif word == "end":
    sys.exit(int(sys.argv[2]))
elif word == "write":
    open(sys.argv[2], "w").write("x")
elif word == "eat":
    kept = [bytearray(b"x" * (1 << 20)) for _ in range(1000)]
elif word == "wait":
    if "deaf" in sys.argv:
        signal.signal(signal.SIGINT, lambda *_: print("heard", flush=True))
    print("waiting", flush=True)
    while True:
        time.sleep(0.1)
"""


def run(*arguments: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return ei_train("run", "--image", NAME, *arguments, cwd=cwd, **environment)


def sources(folder: Path, entrypoint: str = "/say.py") -> Path:
    folder.mkdir()
    (folder / "say.py").write_text(PROGRAM)
    text = f'FROM {BASE}\nCOPY say.py /say.py\nENTRYPOINT ["/usr/bin/python3", "{entrypoint}"]\n'
    (folder / "Dockerfile").write_text(text)
    return folder


@pytest.fixture(scope="module", autouse=True)
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.CompletedProcess[str]]:
    """The small image, built by the command itself."""
    if docker("image", "inspect", BASE).returncode:
        missing(f"there is no image {BASE}, or no engine answers")
    folder = sources(tmp_path_factory.mktemp("run") / "sources")
    yield run("--build", folder, "say", cwd=folder.parent)
    docker("rmi", "--force", NAME)


def containers() -> str:
    return docker("ps", "--all", "--quiet", "--filter", f"ancestor={NAME}").stdout


def test_an_image_is_built_and_run(built: subprocess.CompletedProcess[str]) -> None:
    assert built.returncode == 0, built.stderr
    assert json.loads(built.stdout)["arguments"] == []


def test_arguments_variables_folder_and_both_streams_go_through(tmp_path: Path) -> None:
    done = run("say", "--epochs", "3", "a b", cwd=tmp_path, EI_API_KEY="ei_0")

    said = json.loads(done.stdout)
    assert done.returncode == 0
    assert said["arguments"] == ["--epochs", "3", "a b"]
    assert (said["cwd"], said["key"], said["terminal"]) == (str(tmp_path), "ei_0", False)
    assert said["uid"] == os.getuid()
    assert done.stderr == "größer ↑\n"
    assert containers() == ""


def test_the_exit_code_is_the_containers(tmp_path: Path) -> None:
    done = run("end", "5", cwd=tmp_path)

    assert (done.returncode, done.stdout, done.stderr) == (5, "", "")


def test_what_is_named_elsewhere_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "there").write_text("kept")

    assert run("write", tmp_path / "there", cwd=tmp_path / "here").returncode == 1
    assert (tmp_path / "there").read_text() == "kept"
    assert run("write", "new", cwd=tmp_path / "here").returncode == 0
    assert (tmp_path / "here" / "new").stat().st_uid == os.getuid()


def test_another_users_results_are_that_users() -> None:
    """Really run as another user of this machine, who may use the engine."""
    if os.getuid() != 0:
        pytest.skip("only root can be another user; the test above ran as one that is not root")
    place, packages = Path(tempfile.mkdtemp()), Path(requests.__file__).parents[1]  # pytest's own folders are closed
    try:
        os.chown(place, STRANGER, STRANGER)
        as_stranger: Any = {
            "user": STRANGER,
            "group": STRANGER,
            "extra_groups": [SOCKET.stat().st_gid],
            "cwd": place,
            "env": {"PATH": os.environ["PATH"], "HOME": str(place), "PYTHONPATH": f"{ROOT}{os.pathsep}{packages}"},
        }
        program = next((each for each in (sys.executable, "/usr/bin/python3") if can_run(each, as_stranger)), None)
        if program is None:
            pytest.skip("other users of this machine can run no Python that has the packages")

        done = subprocess.run(
            [program, "-P", "-m", "train", "run", "--image", NAME, "write", "new"], **as_stranger, check=False
        )

        assert done.returncode == 0
        assert owners(place) == {STRANGER}
    finally:
        shutil.rmtree(place)


def can_run(python: str, settings: Any) -> bool:
    """Whether another user gets at this interpreter and at all that `run` imports."""
    with contextlib.suppress(OSError):
        imports = [python, "-P", "-c", "import docker, pydantic, typer, train"]
        return not subprocess.run(imports, **settings, capture_output=True, check=False).returncode
    return False


def test_a_limit_of_memory_holds_and_is_named(tmp_path: Path) -> None:
    done = run("--memory", "64m", "eat", cwd=tmp_path)

    assert done.returncode == 137
    assert done.stderr.startswith("error: out of memory; give it more with --memory")


def started(*words: str, cwd: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "train", "run", "--image", NAME, "wait", *words],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    return process


def test_an_interrupt_lets_the_container_save(tmp_path: Path) -> None:
    process = started(cwd=tmp_path)
    process.send_signal(signal.SIGINT)

    out, err = process.communicate(timeout=60)

    assert (process.returncode, out, err) == (130, "saved\n", "")
    assert containers() == ""


def test_one_ctrl_c_is_one_interrupt(tmp_path: Path) -> None:
    """A terminal sends it to the program and to the parent, which hands it on; that is no second one."""
    process = started(cwd=tmp_path)
    child = int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text())
    for each in (child, process.pid):
        os.kill(each, signal.SIGINT)
        time.sleep(0.6)

    out, err = process.communicate(timeout=60)

    assert (process.returncode, out, err) == (130, "saved\n", "")
    assert containers() == ""


def test_a_second_interrupt_ends_a_deaf_container(tmp_path: Path) -> None:
    process = started("deaf", cwd=tmp_path)
    assert process.stdout is not None
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "heard\n"
    process.send_signal(signal.SIGINT)

    process.communicate(timeout=60)

    assert process.returncode == 137
    assert containers() == ""


def test_a_missing_image_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    done = ei_train("run", "--image", "localhost:1/no/such:1", "--build", tmp_path / "empty", "say", cwd=tmp_path)

    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"error: {tmp_path}/empty: holds no Dockerfile; name the folder of this program's sources\n"


def test_a_named_image_is_pulled_and_never_built_from_these_sources(tmp_path: Path) -> None:
    done = ei_train("run", "--image", "localhost:1/no/such:1", "say", cwd=tmp_path)

    assert (done.returncode, done.stdout) == (6, "")
    assert done.stderr.endswith(
        "error: localhost:1/no/such:1: there is no such image here, and it cannot be pulled; "
        "build it (--build FOLDER, or make build), or name another with --image\n"
    )


def test_an_image_that_cannot_be_pulled_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ei_compat.core.errors import RemoteError
    from ei_compat.core.progress import SILENT
    from train.container import engine

    client = engine.connect()
    try:
        with pytest.raises(RemoteError, match=r"no/such:1: there is no such image here, and it cannot be pulled"):
            engine.have_image(client, "localhost:1/no/such:1", None, SILENT, anew=False)
    finally:
        client.close()


def test_what_the_engine_refuses_is_one_line(tmp_path: Path) -> None:
    done = run("--cpus", "100000", "say", cwd=tmp_path)

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (6, "", 1)
    assert "refuses: " in done.stderr
    done = run("--gpu", "say", cwd=tmp_path)
    assert done.returncode in {0, 6}  # where there is a GPU it is given one
    assert done.returncode == 0 or "gives no GPU to containers; install NVIDIA's container toolkit" in done.stderr
    assert containers() == ""


def test_a_build_that_fails_is_one_line_after_its_log(tmp_path: Path) -> None:
    folder = sources(tmp_path / "sources")
    (folder / "Dockerfile").write_text(f"FROM {BASE}\nRUN exit 7 # {NAME}\n")

    done = ei_train("run", "--image", f"{NAME}-broken", "--build", folder, "say", cwd=tmp_path)

    assert (done.returncode, done.stdout) == (6, "")
    assert "the build failed: " in done.stderr.splitlines()[-1]
    assert "returned a non-zero code: 7" in done.stderr.splitlines()[-1]
    assert NAME not in docker("ps", "--all", "--no-trunc", "--format", "{{.Command}}").stdout  # nothing stays behind


@pytest.mark.slow
def test_it_trains(tmp_path: Path) -> None:
    if docker("image", "inspect", IMAGE).returncode:
        missing(f"there is no image {IMAGE}; make build")
    write_class_folders(tmp_path / "data")

    done = ei_train(
        "run", "--image", IMAGE, "--memory", "3g", "--offline", "--data-directory", "data", "--out-directory", "out",
        *TINY, cwd=tmp_path,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "Finished training" in done.stdout
    assert json.loads((tmp_path / "out" / "report.json").read_text())["classes"] == ["blue", "green", "red"]
    assert owners(tmp_path / "out") == {os.getuid()}

"""What a shell completes: commands, options and names, by the protocols of bash and zsh, without TensorFlow."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from ei_compat.formats import FORMATS
from ei_compat.media.pixels import InputScaling
from firmware.package import TARGETS
from firmware.packages.spec import SENSORS
from tests.program import ROOT
from train.backbones import BACKBONES
from train.cli.main import main
from train.tasks import TASKS
from train.tuning.boards import boards

RUN = ("--data-directory", "a", "--out-directory", "b")


@pytest.fixture
def completed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """What bash is given for a line whose last word is under way."""

    def ask(*words: str) -> list[str]:
        monkeypatch.setenv("_EI_TRAIN_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", " ".join(["ei-train", *words]))
        monkeypatch.setenv("COMP_CWORD", str(len(words)))
        with pytest.raises(SystemExit) as ended:
            main([])
        output = capsys.readouterr()
        assert (ended.value.code, output.err) == (0, "")
        return output.out.split()

    return ask


@pytest.mark.parametrize(
    ("words", "names"),
    [
        pytest.param(["--backbone", ""], ["auto", *BACKBONES.names()], id="backbones"),
        pytest.param(["train", *RUN, "--backbone", ""], ["auto", *BACKBONES.names()], id="backbones of train"),
        pytest.param([*RUN, "--task", "r"], ["regression"], id="tasks"),
        pytest.param(["evaluate", "a", "b", "--task", ""], ["auto", *TASKS.names()], id="tasks of evaluate"),
        pytest.param(["--alpha", "0."], ["0.25", "0.35", "0.5", "0.75"], id="numbers of the recipe"),
        pytest.param(["--effort", ""], ["quick", "default", "thorough"], id="words of the recipe"),
        pytest.param(["--weights", ""], ["auto", "imagenet", "none"], id="weights"),
        pytest.param(["--input-scaling", ""], InputScaling, id="input scalings of the recipe"),
        pytest.param(["package", "out", "--input-scaling", "0"], ["0..1", "0..255"], id="input scalings"),
        pytest.param(["convert", "a", "b", "--to", ""], [*(kind.name for kind in FORMATS), "ei"], id="formats"),
        pytest.param(["split", "a", "b", "--from", "open"], ["open-images", "openmv"], id="formats to read"),
        pytest.param(["convert", "a", "b", "--signal-format", "c"], ["cbor", "csv"], id="forms of signals"),
        pytest.param(["package", "out", "--target", ""], TARGETS, id="targets"),
        pytest.param(["plan", "--board", ""], boards(), id="boards"),
        pytest.param(["package", "out", "--sensor", ""], SENSORS, id="sensors"),
        pytest.param(["upload", ""], ["data", "model"], id="commands of a command"),
        pytest.param(["upload", "data", "a", "--category", "t"], ["testing", "training"], id="categories"),
        pytest.param(["upload", "model", "a", "--output-type", "a"], ["anomaly"], id="output types"),
        pytest.param(["upload", "model", "a", "--resize-mode", "c"], ["crop"], id="resize modes of Studio"),
        pytest.param(["download", ""], ["data", "block-data", "block"], id="what can be downloaded"),
        pytest.param(["pre"], ["predict"], id="commands"),
        pytest.param(["--data-d"], ["--data-directory"], id="options of a line that trains"),
        pytest.param(["--vers"], ["--version"], id="options of the program"),
        pytest.param(["compress", "a", "b", "c", "--final-"], ["--final-sparsity"], id="options of compress"),
        pytest.param([*RUN, "--no-pr"], ["--no-prune", "--no-prune-at-once"], id="switches"),
    ],
)
def test_names_are_completed(completed, words: list[str], names: Iterable[str]) -> None:
    assert set(completed(*words)) == set(map(str, names))


def test_files_are_left_to_the_shell(completed) -> None:
    assert completed("evaluate", "") == []
    assert completed("package", "out", "--output", "") == []


def test_zsh_is_told_what_each_is(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("_EI_TRAIN_COMPLETE", "complete_zsh")
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", "ei-train package out --ta")
    with pytest.raises(SystemExit):
        main([])

    option = '"--target":"esp-idf, arduino, or linux\\\\: a runner for Edge Impulse\'\'s Linux SDKs."'
    assert capsys.readouterr().out == f"_arguments '*: :(({option}))'\n"


def test_bash_completes_when_it_is_installed(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("ei-train")
    script = (
        "ei-train --install-completion && source ~/.bashrc && COMP_WORDS=(ei-train convert --to open) COMP_CWORD=3 && "
        '_ei_train_completion ei-train && printf "%s\\n" "${COMPREPLY[@]}" && ei-train --show-completion'
    )
    environment = os.environ | {"HOME": str(tmp_path), "PATH": f"{program.parent}:{os.environ['PATH']}"}

    done = subprocess.run(
        ["bash", "-c", f"{script}; true"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )

    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert "bash completion installed in" in lines[0]
    assert lines[2:4] == ["open-images", "openmv"]
    assert done.stdout.endswith("complete -o default -F _ei_train_completion ei-train\n")


def test_nothing_heavy_is_imported_for_it() -> None:
    code = (
        "import sys\n"
        "from train.cli.main import main\n"
        "try: main([])\n"
        "except SystemExit: pass\n"
        "assert not {'tensorflow', 'tf_keras', 'docker', 'requests'} & set(sys.modules), 'a heavy import'\n"
    )
    line = {"_EI_TRAIN_COMPLETE": "complete_bash", "COMP_WORDS": "ei-train --backbone dens", "COMP_CWORD": "2"}

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ | line, capture_output=True, text=True, check=False
    )

    assert (done.stdout, done.stderr) == ("dense\n", "")

"""Pushing a block to the double's organization."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest
from double.state import ORGANIZATION_KEY

from ei_compat import push as pushing
from ei_compat.credentials import Key
from ei_compat.errors import DataError, FormatError, LimitError, RemoteError, UsageError
from ei_compat.jobs import Patience
from ei_compat.push import push_block
from ei_compat.remote import Remote

HOST = "edgeimpulse.com"
PARAMETERS = {
    "version": 1,
    "type": "machine-learning",
    "info": {"name": "Open MobileNetV2", "description": "Prunes", "operatesOn": "image", "imageInputScaling": "0..1"},
    "parameters": [{"name": "Epochs", "value": "30", "type": "int", "param": "epochs"}],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "block"
    (folder / "data").mkdir(parents=True)
    (folder / ".git").mkdir()
    (folder / ".git/config").write_text("secret")
    (folder / "data/large.npy").write_bytes(b"x" * 1000)
    (folder / "Dockerfile").write_text("FROM base\n")
    (folder / "train.py").write_text("print()\n")
    (folder / "keep.log").write_text("kept")
    (folder / "drop.log").write_text("dropped")
    (folder / ".dockerignore").write_text("# a comment\n\ndata/\n*.log\n!keep.log\n")
    (folder / "parameters.json").write_text(json.dumps(PARAMETERS))
    return folder


@pytest.fixture
def go(double, folder):
    remote = Remote(f"{double.origin}/v1", Key(ORGANIZATION_KEY, source="EI_API_KEY"))

    def go(**options):
        return push_block(remote, folder, host=HOST, patience=Patience(first=0.001, most=0.002), **options)

    return go


def config(folder: Path):
    return json.loads((folder / ".ei-block-config").read_text())


def test_a_new_block(go, double, folder):
    report = go()
    (block,) = double.state.blocks.values()
    assert (report.organization, report.block, report.created) == (99, block.id, True)
    assert config(folder) == {"version": 2, "config": {HOST: {"organizationId": 99, "id": block.id}}}
    assert block.fields == {
        **PARAMETERS["info"],
        "parameters": PARAMETERS["parameters"],
        "dockerContainer": "",
        "implementationVersion": 2,
    }
    with tarfile.open(fileobj=io.BytesIO(block.uploads[0])) as archive:
        names = {member.name for member in archive.getmembers() if member.isfile()}
    assert names == {"./Dockerfile", "./train.py", "./keep.log", "./.dockerignore", "./parameters.json"}


def test_again_it_is_the_same_block(go, double, folder):
    first = go()
    changed = PARAMETERS | {"info": PARAMETERS["info"] | {"name": "Better"}}
    (folder / "parameters.json").write_text(json.dumps(changed))
    second = go()
    assert (second.block, second.created, len(double.state.blocks)) == (first.block, False, 1)
    block = double.state.blocks[first.block]
    assert (block.fields["name"], len(block.uploads)) == ("Better", 2)


def test_other_installations_are_kept_and_an_old_file_is_brought_up(go, folder):
    old = {"type": "transferLearning", "organizationId": 99, "tlOperatesOn": "image"}
    (folder / ".ei-block-config").write_text(
        json.dumps({"version": 1, "config": {HOST: old, "x.org": old | {"id": 3}}})
    )
    report = go()
    assert config(folder)["config"] == {
        HOST: {"organizationId": 99, "id": report.block},
        "x.org": {"organizationId": 99, "id": 3},
    }


def test_an_old_training_script(go, double, folder):
    (folder / "train.py").write_text("parser.add_argument('--validation-set-size')")
    go()
    assert next(iter(double.state.blocks.values())).fields["implementationVersion"] == 1


def test_a_build_that_fails_can_be_pushed_again(go, double, folder):
    double.state.fail_next_job = "pip could not find numpy"
    with pytest.raises(RemoteError, match=r"build block .* failed.*pip could not find numpy"):
        go()
    go()
    assert len(double.state.blocks) == 1


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        (lambda folder: (folder / "Dockerfile").unlink(), DataError, "no Dockerfile"),
        (lambda folder: (folder / "parameters.json").unlink(), DataError, "no parameters.json"),
        (lambda folder: (folder / "parameters.json").write_text("{"), FormatError, "parameters.json"),
        (lambda folder: (folder / "parameters.json").write_text("[]"), FormatError, "machine learning block"),
        (
            lambda folder: (folder / "parameters.json").write_text(json.dumps(PARAMETERS | {"info": {"name": "x"}})),
            FormatError,
            "info lacks 'description'",
        ),
        (
            lambda folder: (folder / ".ei-block-config").write_text('{"version": 3, "config": {}}'),
            FormatError,
            "not 1 or 2",
        ),
        (lambda folder: (folder / "link").symlink_to("/etc/passwd"), DataError, "leads outside the block"),
    ],
    ids=["no Dockerfile", "no parameters", "broken", "old array", "no description", "newer", "link"],
)
def test_what_is_no_block(go, double, folder, change, error, match):
    change(folder)
    with pytest.raises(error, match=match):
        go()
    assert double.state.blocks == {}


def test_a_block_that_is_too_large(go, double, folder, monkeypatch):
    monkeypatch.setattr(pushing, "SIZE_LIMIT", 100)
    with pytest.raises(LimitError, match=r"leave data and outputs out with .dockerignore"):
        go()
    assert double.state.blocks == {}


def test_an_organization_that_the_key_does_not_open(go):
    with pytest.raises(RemoteError, match="No access to this organization"):
        go(organization=1)


def test_a_key_of_several_organizations_needs_a_number():
    from ei_compat.transport import Reply

    answer = b'{"success": true, "organizations": [{"id": 1}, {"id": 2}]}'
    remote = Remote("http://x", Key("ei_1", source="x"), transport=lambda request: Reply(200, {}, [answer]))
    with pytest.raises(UsageError, match="--organization: the key opens 2 organizations"):
        pushing._only_organization(remote)

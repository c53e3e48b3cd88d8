"""Pushing a block to the double's organization."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path

import pytest

from ei_compat.core.errors import DataError, FormatError, RemoteError, UsageError
from ei_compat.core.progress import Silent
from ei_compat.remote.credentials import Key
from ei_compat.remote.jobs import Patience
from ei_compat.remote.remote import Remote
from ei_compat.studio import push as pushing
from ei_compat.studio.push import push_block
from tests.double.state import ORGANIZATION_KEY

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
    ],
    ids=["no Dockerfile", "no parameters", "broken", "old array", "no description", "newer"],
)
def test_what_is_no_block(go, double, folder, change, error, match):
    change(folder)
    with pytest.raises(error, match=match):
        go()
    assert double.state.blocks == {}


def pushed(double) -> dict[str, bytes | None]:
    """What the last archive holds: content by name, None for folders."""
    block = list(double.state.blocks.values())[-1]
    with tarfile.open(fileobj=io.BytesIO(block.uploads[-1])) as archive:
        members = archive.getmembers()
        assert {member.type for member in members} <= {tarfile.REGTYPE, tarfile.DIRTYPE}
        return {m.name: archive.extractfile(m).read() if m.isfile() else None for m in members}  # type: ignore[union-attr]


def test_links_are_packed_as_what_they_point_to(go, double, folder):
    (folder / "common/deep").mkdir(parents=True)
    (folder / "common/util.py").write_text("shared")
    (folder / "common/deep/drop.log").write_text("ignored there too")
    (folder / "common/deep/more.py").write_text("more")
    (folder / "app").mkdir()
    (folder / "app/util.py").symlink_to("../common/util.py")
    (folder / "app/all").symlink_to("../common")
    (folder / "twin.py").hardlink_to(folder / "common/util.py")
    (folder / ".dockerignore").write_text("**/*.log\n")
    go()
    content = pushed(double)
    for name in ("common/util.py", "app/util.py", "app/all/util.py", "twin.py"):
        assert content[f"./{name}"] == b"shared"
    assert content["./app/all/deep/more.py"] == b"more"
    assert not any(name.endswith(".log") for name in content)


@pytest.mark.parametrize(
    ("target", "match"),
    [
        ("/etc/passwd", "leads outside the block"),
        ("../../secret", "leads outside the block"),
        ("gone", "leads nowhere"),
        ("..", "leads in a circle"),
        ("there", "leads in a circle"),
    ],
)
def test_links_that_cannot_be_packed(go, double, folder, target, match):
    (folder.parent / "secret").write_text("secret")
    (folder / "here/there").mkdir(parents=True)
    (folder / "here/there/back").symlink_to("..")
    (folder / "here/link").symlink_to(target)
    with pytest.raises(DataError, match=match):
        go()
    assert double.state.blocks == {}


def test_a_pipe_is_no_part_of_a_block(go, folder):
    os.mkfifo(folder / "pipe")
    with pytest.raises(DataError, match="neither a file nor a folder"):
        go()


class Heard(Silent):
    """Keeps notes."""

    def __init__(self, notes: list[str]) -> None:
        self.notes = notes

    def note(self, line: str) -> None:
        self.notes.append(line)


VISIBILITY = {"isPublic": True, "publicProjectTierAvailability": "enterprise-only", "sourceCodeDownloadStaffOnly": True}


def test_every_member_that_studio_keeps_is_sent(go, double, folder):
    choice = {"label": "A", "value": "a", "priority": 1, "romEstimate": 1000, "needsOps": ["x"], "needsFeatures": []}
    condition = {"parameter": "epochs", "operator": "eq", "value": "1", "later": True}
    size = {
        "name": "Size",
        "param": "size",
        "type": "select",
        "value": "a",
        "valid": [choice, "b"],
        "showIf": condition,
    }
    info = (
        PARAMETERS["info"] | VISIBILITY | {"indRequiresGpu": False, "customModelVariants": [{"key": "k"}], "mood": "x"}
    )
    document = PARAMETERS | {"info": info, "parameters": [size | {"new": 1}]}
    (folder / "parameters.json").write_text(json.dumps(document))
    notes = []
    go(progress=Heard(notes))
    (block,) = double.state.blocks.values()
    del info["mood"]
    assert {name: block.fields[name] for name in info} == info
    assert block.fields["parameters"] == document["parameters"]
    assert any("Studio keeps no mood of a block" in note for note in notes)


def test_who_sees_a_block_is_changed_in_studio_once_it_is_made(go, double, folder):
    (folder / "parameters.json").write_text(json.dumps(PARAMETERS | {"info": PARAMETERS["info"] | VISIBILITY}))
    first = go()
    double.state.blocks[first.block].fields["isPublic"] = False
    go()
    assert double.state.blocks[first.block].fields["isPublic"] is False


@pytest.mark.parametrize("said", [{}, {"operatesOn": ""}, {"operatesOn": None}], ids=str)
def test_what_the_official_client_has_a_default_for_may_be_left_out(go, double, folder, said):
    info = {"name": "n", "description": "", "repositoryUrl": ""} | said
    empty = {"name": "Limit", "param": "limit", "value": "", "optional": True}
    items = [empty | {"param": kind, "type": kind} for kind in ("int", "float", "bucket", "dataset", "string")]
    items.append(empty | {"param": "select", "type": "select", "valid": ["a"]})
    items.append(empty | {"param": "must", "type": "int", "optional": False})
    items.append({"name": "Batch", "param": "batch", "type": "select", "value": 32, "valid": [16, 32, 0.5]})
    items.append(
        {"name": "Size", "param": "size", "type": "select", "value": "2", "valid": [{"label": "2", "value": 2}]}
    )
    items.append({"name": "Epochs", "param": "epochs", "type": "int", "value": "30.0"})
    items.append({"name": "No default", "param": "none", "type": "float"})
    (folder / "parameters.json").write_text(json.dumps(PARAMETERS | {"info": info, "parameters": items}))
    go()
    (block,) = double.state.blocks.values()
    assert (block.fields["operatesOn"], block.fields["parameters"]) == ("image", items)


def test_without_an_address_nothing_is_put(go, double):
    double.state.knows_archives = True
    go()
    (block,) = double.state.blocks.values()
    assert (len(block.uploads), double.violations) == (1, [])


def test_an_organization_that_the_key_does_not_open(go):
    with pytest.raises(RemoteError, match="No access to this organization"):
        go(organization=1)


def test_a_key_of_several_organizations_needs_a_number():
    from ei_compat.remote.transport import Reply

    answer = b'{"success": true, "organizations": [{"id": 1}, {"id": 2}]}'
    remote = Remote("http://x", Key("ei_1", source="x"), transport=lambda request: Reply(200, {}, [answer]))
    with pytest.raises(UsageError, match="--organization: the key opens 2 organizations"):
        pushing._only_organization(remote)

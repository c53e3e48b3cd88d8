"""Keys that cannot be seen, and endpoints by the official clients' rules."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest

from ei_compat.core.errors import UsageError
from ei_compat.remote.credentials import Endpoints, Key, api_key, optional_key

SECRET = "ei_5ec4e7"


@pytest.mark.parametrize("show", [str, repr, "{}".format, "{!r}".format, lambda key: f"{[key]} {key:>20}"])
def test_no_text_form_shows_the_key(show):
    try:
        text = show(Key(SECRET, source="EI_API_KEY"))
    except TypeError as error:  # a format that it does not know
        text = str(error)
    assert SECRET not in text


def test_a_key_is_not_written_anywhere():
    key = Key(SECRET, source="EI_API_KEY")
    for write in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match="not written"):
            write(key)
    assert not hasattr(key, "__dict__")


@pytest.mark.parametrize("text", ["", "  \n", "ei_abc\nei_def", "ei_abc def", "ei_ä"], ids=repr)
def test_what_is_no_key_is_refused_without_being_quoted(text):
    with pytest.raises(UsageError) as caught:
        Key(text, source="EI_API_KEY")
    assert "ei_a" not in str(caught.value)


def test_scrub_blots_it_out():
    assert Key(SECRET, source="x").scrub(f"bad key {SECRET}!") == "bad key ***!"


class TestFromAFile:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        path = tmp_path / "key"
        path.write_text(f"{SECRET}\n")
        path.chmod(0o600)
        return path

    def test_read(self, file):
        assert api_key(file, {"EI_API_KEY": "ei_other"}).reveal() == SECRET

    @pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o610])
    def test_others_may_not_touch_it(self, file, mode):
        file.chmod(mode)
        with pytest.raises(UsageError, match=rf"mode is {mode:o}; chmod 600") as caught:
            api_key(file, {})
        assert SECRET not in str(caught.value)

    @pytest.mark.parametrize("mode", [0o600, 0o400])
    def test_mode_that_is_fine(self, file, mode):
        file.chmod(mode)
        assert api_key(file, {}).reveal() == SECRET

    def test_missing_folder_and_long(self, file, tmp_path):
        with pytest.raises(UsageError, match="cannot read the key"):
            api_key(tmp_path / "none", {})
        with pytest.raises(UsageError, match="cannot read the key"):
            api_key(tmp_path, {})
        file.write_text("x" * 5000)
        with pytest.raises(UsageError, match="too long"):
            api_key(file, {})


def test_from_the_environment():
    assert api_key(None, {"EI_API_KEY": SECRET}).source == "EI_API_KEY"
    assert optional_key("EI_HMAC_KEY", None, {"EI_HMAC_KEY": " "}) is None
    with pytest.raises(UsageError, match="no API key"):
        api_key(None, {})


@pytest.mark.parametrize(
    ("env", "api", "ingestion"),
    [
        ({}, "https://studio.edgeimpulse.com/v1", "https://ingestion.edgeimpulse.com"),
        (
            {"EI_HOST": "acme.edgeimpulse.com"},
            "https://studio.acme.edgeimpulse.com/v1",
            "https://ingestion.acme.edgeimpulse.com",
        ),
        ({"EI_HOST": "localhost"}, "http://localhost:4800/v1", "http://localhost:4810"),
        ({"EI_HOST": "10.0.0.7"}, "http://10.0.0.7:4800/v1", "http://10.0.0.7:4810"),
        (
            {"EI_HOST": "host.docker.internal"},
            "http://host.docker.internal:4800/v1",
            "http://host.docker.internal:4810",
        ),
        ({"EI_API_ENDPOINT": "http://a:1/v1/"}, "http://a:1/v1", "https://ingestion.edgeimpulse.com"),
        ({"EI_HOST": "x.org", "EI_INGESTION_ENDPOINT": "http://b"}, "https://studio.x.org/v1", "http://b"),
        ({"EI_HOST": " "}, "https://studio.edgeimpulse.com/v1", "https://ingestion.edgeimpulse.com"),
    ],
    ids=["default", "own name", "localhost", "IPv4", "docker", "API verbatim", "ingestion verbatim", "blank"],
)
def test_endpoints(env, api, ingestion):
    found = Endpoints.from_env(env)
    assert (found.api, found.ingestion) == (api, ingestion)


@pytest.mark.parametrize(
    "env",
    [
        {"EI_HOST": "https://studio.edgeimpulse.com"},
        {"EI_HOST": "a/b"},
        {"EI_API_ENDPOINT": "studio.edgeimpulse.com/v1"},
        {"EI_API_ENDPOINT": "https://user:secret@host/v1"},
        {"EI_INGESTION_ENDPOINT": "ftp://x"},
    ],
    ids=str,
)
def test_what_is_no_endpoint(env):
    with pytest.raises(UsageError) as caught:
        Endpoints.from_env(env)
    assert "secret" not in str(caught.value)

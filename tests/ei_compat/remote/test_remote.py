"""The session: what is retried, what is refused, and where the key goes. The network is a function here."""

from __future__ import annotations

import json
from collections import deque
from email.utils import formatdate
from typing import Any

import pytest

from ei_compat.core.errors import RemoteError
from ei_compat.remote.credentials import Key
from ei_compat.remote.failures import RefusedError
from ei_compat.remote.remote import Remote, Retry
from ei_compat.remote.transport import Reply, Request, Unreachable

SECRET = "ei_5ec4e7"
OK = b'{"success": true, "id": 7}'


class Line:
    """A transport that answers from a list and keeps what it was sent."""

    def __init__(self, *answers: Reply | Exception) -> None:
        self.answers = deque(answers)
        self.sent: list[Request] = []

    def __call__(self, request: Request) -> Reply:
        self.sent.append(request)
        answer = self.answers.popleft() if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Session(Remote):
    """A session that remembers its pauses in place of sleeping."""

    def __init__(self, line: Line, **options: Any) -> None:
        super().__init__("https://studio.test/v1", Key(SECRET, source="EI_API_KEY"), transport=line, **options)
        self.pauses: list[float] = []

    def wait(self, seconds: float) -> None:
        self.pauses.append(seconds)


def reply(status: int, body: bytes = b"", **headers: str) -> Reply:
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, [body])


TRANSIENT = {
    "no connection": Unreachable("no connection could be made", sent=False),
    "broken connection": Unreachable("the connection broke", sent=True),
    "429": reply(429),
    "500 with a page": reply(500, b"<html>oh no</html>"),
    "503": reply(503, b"busy"),
    "not JSON": reply(200, b'{"success": tr'),
    "JSON of something else": reply(200, b"[1]"),
    "no success member": reply(200, b'{"id": 7}'),
    "nested far too deep": reply(200, b"[" * 100_000),
}


@pytest.mark.parametrize("answer", TRANSIENT.values(), ids=TRANSIENT)
def test_it_tries_again(answer):
    session = Session(Line(answer, reply(200, OK)))
    assert session.call("GET", "/api/projects")["id"] == 7
    assert len(session.pauses) == 1


@pytest.mark.parametrize("answer", TRANSIENT.values(), ids=TRANSIENT)
def test_it_gives_up_in_one_line(answer):
    session = Session(line := Line(answer), retry=Retry(attempts=4))
    with pytest.raises(
        RemoteError, match=r"GET https://studio.test/v1/api/x: .*\(4 attempts\); check the network"
    ) as caught:
        session.call("GET", "/api/x?token=1")
    assert len(line.sent) == 4
    assert "token" not in str(caught.value)


def test_a_service_that_never_answered_is_given_up_sooner():
    session = Session(line := Line(TRANSIENT["no connection"]))
    with pytest.raises(RemoteError, match=r"no connection could be made \(4 attempts\)"):
        session.call("GET", "/api/x")
    session = Session(line := Line(reply(200, OK), TRANSIENT["no connection"]))
    session.call("GET", "/api/x")
    with pytest.raises(RemoteError, match=r"\(8 attempts\)"):
        session.call("GET", "/api/x")
    assert len(line.sent) == 9


@pytest.mark.parametrize(
    ("answer", "sends"),
    [
        (TRANSIENT["no connection"], 2),
        (TRANSIENT["429"], 2),
        (TRANSIENT["503"], 2),
        (TRANSIENT["broken connection"], 1),
        (TRANSIENT["500 with a page"], 1),
        (TRANSIENT["not JSON"], 1),
    ],
    ids=["no connection", "429", "503", "broken", "500", "not JSON"],
)
def test_what_must_not_run_twice_is_repeated_only_where_it_cannot_have_run(answer, sends):
    session = Session(line := Line(answer, reply(200, OK)))
    if sends == 2:
        session.call("POST", "/jobs", send={}, once=True)
    else:
        with pytest.raises(RemoteError, match="may have started all the same"):
            session.call("POST", "/jobs", send={}, once=True)
    assert len(line.sent) == sends


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 421])
def test_a_refusal_is_final_and_in_the_services_words(status):
    session = Session(line := Line(reply(status, b'{"success": false, "error": "No such thing"}')))
    with pytest.raises(RefusedError, match="No such thing") as caught:
        session.call("GET", "/api/x")
    assert (len(line.sent), caught.value.status) == (1, status)
    assert ("EI_API_KEY" in str(caught.value)) == (status in (401, 403))


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'{"success": false, "error": "over quota"}', "over quota"),
        (b'{"success": false}', "answers 200 OK"),
        (b'{"success": false, "error": "' + SECRET.encode() + b' is bad"}', r"\*\*\* is bad"),
        (b'{"success": false, "error": "two\\nlines"}', "two lines"),
    ],
    ids=["words", "none", "quotes the key", "two lines"],
)
def test_success_false_is_a_refusal(body, shown):
    with pytest.raises(RefusedError, match=shown) as caught:
        Session(Line(reply(200, body))).call("GET", "/api/x")
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_pauses_grow_and_differ():
    session = Session(Line(reply(500)), retry=Retry(attempts=7, first=1, most=8))
    with pytest.raises(RemoteError):
        session.call("GET", "/api/x")
    for pause, most in zip(session.pauses, [1, 2, 4, 8, 8, 8], strict=True):
        assert most / 2 <= pause <= most
    assert len(set(session.pauses)) == 6


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [
        ("7", 7, 7.5),
        ("0", 0, 0.5),
        (formatdate(4102444800, usegmt=True), None, None),
        ("soon", 0.25, 0.5),
        ("", 0.25, 0.5),
        ("1e9", 0.25, 0.5),
    ],
    ids=["seconds", "now", "a date far away", "words", "empty", "odd"],
)
def test_retry_after(value, least, most):
    session = Session(Line(reply(429, retry_after=value), reply(200, OK)))
    if least is None:
        with pytest.raises(RemoteError, match="asks to wait"):
            session.call("GET", "/api/x")
        return
    session.call("GET", "/api/x")
    assert least <= session.pauses[0] <= most


class TestRedirects:
    def test_a_post_is_not_sent_on(self):
        session = Session(line := Line(reply(302, location="https://evil.test/")))
        with pytest.raises(RefusedError, match="redirects elsewhere"):
            session.call("POST", "/api/x", send={})
        assert len(line.sent) == 1

    def test_a_get_is_followed_and_the_key_stays_behind(self):
        session = Session(line := Line(reply(302, location="https://storage.test/a?sig=1"), reply(200, b"zip")))
        assert session.fetch("/api/1/download", lambda found: found.read(99)) == b"zip"
        assert line.sent[0].headers["x-api-key"] == SECRET
        assert "x-api-key" not in line.sent[1].headers

    def test_not_to_plain_http(self):
        session = Session(Line(reply(302, location="http://storage.test/a")))
        with pytest.raises(RemoteError, match="not safe"):
            session.fetch("/api/1/download", lambda found: found.read(99))

    def test_not_for_ever(self):
        session = Session(line := Line(reply(302, location="https://studio.test/again")))
        with pytest.raises(RefusedError):
            session.fetch("/api/1/download", lambda found: found.read(99))
        assert len(line.sent) == 6


def test_the_key_goes_to_its_own_origin_alone():
    session = Session(line := Line(reply(200, b"")))
    for address in ("https://studio.test/other", "https://studio.test:444/", "http://studio.test/", "https://x.test/"):
        session.fetch(address, lambda found: found.read(9))
    assert ["x-api-key" in request.headers for request in line.sent] == [True, False, False, False]


def test_a_fetch_begins_anew_when_it_breaks():
    def broken():
        yield b"ab"
        raise Unreachable("the answer broke off", sent=True)

    session = Session(Line(Reply(200, {}, broken()), reply(200, b"abcd")))
    assert session.fetch("/f", lambda found: found.read(99)) == b"abcd"


def test_json_is_sent_as_json():
    session = Session(line := Line(reply(200, OK)))
    session.call("POST", "/api/x", send={"a": [1]})
    assert json.loads(bytes(line.sent[0].body)) == {"a": [1]}
    assert line.sent[0].headers["content-type"] == "application/json"


def test_a_request_shows_neither_key_nor_signature():
    session = Session(line := Line(reply(200, OK)))
    session.call("GET", "/api/x?signature=s1g")
    assert SECRET not in repr(line.sent)
    assert "s1g" not in repr(line.sent)


def test_a_closed_session_sends_nothing():
    session = Session(line := Line(reply(200, OK)))
    session.close()
    with pytest.raises(RemoteError, match="stopped"):
        session.call("GET", "/api/x")
    assert line.sent == []

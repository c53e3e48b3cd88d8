"""The double as the official command line client meets it: what it asks, and what it is refused."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
import requests

from tests.double import Double
from tests.double.socket_io import frame, read_frame
from tests.double.state import JWT, ORGANIZATION_KEY, PROJECT_KEY

LEARN = {"id": 7, "name": "Transfer", "type": "keras-transfer-image"}


def ask(double: Double, path: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> Any:
    """Status and answer of a request."""
    method = "GET" if body is None else "POST"
    reply = requests.request(
        method, double.origin + path, headers=headers or {"x-jwt-token": JWT}, data=body, timeout=9
    )
    return reply.status_code, reply.json()


def form(*parts: tuple[str, bytes]) -> tuple[bytes, dict[str, str]]:
    """A body of files, and its type."""
    lines = b"".join(
        b'--X\r\nContent-Disposition: form-data; name="data"; filename="%s"\r\n\r\n%s\r\n' % (name.encode(), content)
        for name, content in parts
    )
    return lines + b"--X--\r\n", {"content-type": "multipart/form-data; boundary=X", "x-api-key": PROJECT_KEY}


def upload(double: Double, *parts: tuple[str, bytes], category: str = "training", **headers: str) -> Any:
    body, held = form(*parts)
    named = {f"x-{name.replace('_', '-')}": value for name, value in headers.items()}
    return ask(double, f"/api/{category}/files", held | named, body)


ASKED = [
    ("/v1/api/user", lambda answer: answer["organizations"][0]["isDeveloperProfile"]),
    ("/v1/api/4711", lambda answer: answer["project"]["name"] == "double"),
    ("/v1/api/4711/impulses", lambda answer: answer["impulses"][0]["learnBlocks"] == [LEARN]),
    ("/v1/api/4711/training/keras/7", lambda answer: answer["name"] == "Transfer"),
    ("/v1/api/4711/socket-token", lambda answer: answer["token"]["socketToken"].startswith("socket-")),
    ("/v1/api/organizations", lambda answer: answer["organizations"][0]["id"] == 99),
    ("/v1/api/organizations/99", lambda answer: len(answer["cliLists"]["imageInputScalingOptions"]) == 6),
    ("/v1/api/organizations/99/socket-token", lambda answer: answer["token"]["expires"]),
    ("/v1/api/organizations/99/transfer-learning", lambda answer: answer["transferLearningBlocks"] == []),
]


@pytest.mark.parametrize(("path", "holds"), ASKED, ids=[path for path, _ in ASKED])
def test_what_the_client_asks_first(double, path, holds):
    double.state.project.learn_blocks = [LEARN]
    status, answer = ask(double, path)
    assert (status, answer["success"]) == (200, True)
    assert holds(answer)
    assert double.violations == []


def test_a_block_shows_what_it_was_made_with(double):
    fields = {"name": "n", "dockerContainer": "", "description": "", "operatesOn": "image", "isPublic": True}
    headers = {"x-api-key": ORGANIZATION_KEY, "content-type": "application/json"}
    path = "/v1/api/organizations/99/transfer-learning"
    _, made = ask(double, path, headers, json.dumps(fields).encode())
    _, answer = ask(double, f"{path}/{made['id']}")
    shown = answer["transferLearningBlock"]
    assert {name: shown[name] for name in fields} == fields
    assert (shown["sourceCodeDownloadStaffOnly"], shown["parameters"]) == (False, [])


@pytest.mark.parametrize("headers", [{"x-jwt-token": "other"}, {}], ids=["another token", "none"])
def test_without_its_token_nobody_is_a_user(double, headers):
    assert ask(double, "/v1/api/user", headers | {"accept": "*/*"})[0] == 401


class TestSamples:
    @pytest.mark.parametrize(
        ("name", "label"),
        [("idle.01.json", "idle"), ("idle+walk.01.json", "idle"), ("a b-c_d.json", "a b-c_d"), ("+.json", None)],
    )
    def test_a_label_is_inferred_as_documented(self, double, name, label):
        upload(double, (name, b"{}"))
        assert [sample.label for sample in double.state.project.samples.values()] == [label]

    def test_boxes_are_numbers_of_some_size(self, double):
        box = {"label": "x", "x": 10.4, "y": 5.25, "width": 20.2, "height": 0.3}
        assert upload(double, ("a.jpg", b"a"), bounding_boxes=json.dumps([box]))[0] == 200
        assert next(iter(double.state.project.samples.values())).boxes == [box]
        assert upload(double, ("b.jpg", b"b"), bounding_boxes=json.dumps([box | {"height": 0}]))[0] == 400
        assert double.violations.pop().endswith("has a box of no size")

    def test_what_has_no_endpoint(self, double):
        assert upload(double, ("a.jpg", b"a"), category="anomaly")[0] == 400
        assert double.violations.pop().endswith("category 'anomaly'")

    @pytest.mark.parametrize(("keeps", "status"), [(True, 200), (False, 400), (None, 400)])
    def test_validation_is_for_projects_that_keep_such_a_set(self, double, keeps, status):
        double.state.project.keeps_validation_set = keeps
        assert upload(double, ("a.jpg", b"a"), category="validation")[0] == status
        assert ask(double, "/v1/api/4711")[1].get("explicitValidationEnabled") == keeps
        assert double.violations == []

    def test_attachments_go_with_their_sample(self, double):
        named = {"version": 1, "type": "attachments", "attachments": {"a.jpg": [{"path": "notes.txt"}]}}
        parts = ("a.jpg", b"a"), ("notes.txt", b"text"), ("attachments.labels", json.dumps(named).encode())
        status, answer = upload(double, *parts)
        assert (status, [each["fileName"] for each in answer["files"]]) == (200, ["a.jpg"])
        (sample,) = double.state.project.samples.values()
        assert [(each.name, each.content) for each in sample.attachments] == [("notes.txt", b"text")]


class TestWebSocket:
    def connect(self, double: Double, token: str) -> tuple[socket.socket, Any]:
        connection = socket.create_connection(("127.0.0.1", int(double.origin.rpartition(":")[2])))
        path = f"/socket.io/?token={token}&EIO=3&transport=websocket"
        head = f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZQ==\r\n\r\n"
        connection.sendall(head.encode())
        stream = connection.makefile("rb")
        assert stream.readline().startswith(b"HTTP/1.1 101") is (token in double.state.socket_tokens)
        while stream.readline() not in {b"\r\n", b""}:
            pass
        return connection, stream

    def test_it_greets_and_sends_a_jobs_log(self, double):
        token = ask(double, "/v1/api/4711/socket-token")[1]["token"]["socketToken"]
        job = double.state.start_job("k", "c", lambda: None, ["one\n"])
        connection, stream = self.connect(double, token)
        with connection:
            packets = [read_frame(stream) for _ in range(3)]
            assert [content[:2] for _, content in packets] == [b"0{", b"40", b"42"]  # type: ignore[misc]
            assert json.loads(packets[2][1][2:]) == ["hello", {"hello": {"version": 1}}]  # type: ignore[index]
            ask_log = "42" + json.dumps(["start-log-stream", {"jobId": job.id}])
            connection.sendall(frame(ask_log.encode(), mask=b"mask"))
            answers = [json.loads(read_frame(stream)[1][2:]) for _ in range(2)]  # type: ignore[index]
            assert answers == [[f"job-data-{job.id}", {"data": "one\n"}], [f"job-finished-{job.id}", {"success": True}]]
            stream.close()

    def test_not_without_a_token(self, double):
        connection, stream = self.connect(double, "made up")
        stream.close()
        connection.close()


def test_the_ingestion_service_may_have_a_port_of_its_own():
    with Double(ingestion_port=0) as double:
        assert double.env["EI_INGESTION_ENDPOINT"] != double.env["EI_API_ENDPOINT"].removesuffix("/v1")

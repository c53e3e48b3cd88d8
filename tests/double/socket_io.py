"""The double's web socket, on which the official client follows a job: as much of Engine.IO 3 as it needs.

A socket is opened with a token of `socket-token`; the server greets, and sends the log of a job that is asked for.
"""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import struct
from collections.abc import Mapping
from typing import Any, BinaryIO
from urllib.parse import parse_qsl, urlsplit

from tests.double.state import State

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
OPEN = {"sid": "double", "upgrades": [], "pingInterval": 25000, "pingTimeout": 60000}
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


def serve(state: State, path: str, headers: Mapping[str, str], incoming: BinaryIO, connection: socket.socket) -> None:
    """Speaks on a connection until the client closes it."""
    query = dict(parse_qsl(urlsplit(path).query))
    key = headers.get("sec-websocket-key")
    if query.get("token") not in state.socket_tokens or query.get("transport") != "websocket" or key is None:
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        return
    accepted = base64.b64encode(hashlib.sha1(key.encode() + MAGIC).digest()).decode()  # noqa: S324 - the RFC's
    lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
    connection.sendall("\r\n".join([*lines, f"Sec-WebSocket-Accept: {accepted}", "", ""]).encode())
    for packet in ("0" + json.dumps(OPEN), "40", _event("hello", {"hello": {"version": 1}})):
        connection.sendall(frame(packet.encode()))
    while (received := read_frame(incoming)) is not None and received[0] != CLOSE:
        kind, content = received
        if kind == PING:
            connection.sendall(frame(content, PONG))
        elif content == b"2":
            connection.sendall(frame(b"3"))
        elif content.startswith(b"42"):
            for packet in _answers(state, *json.loads(content[2:])):
                connection.sendall(frame(packet.encode()))


def _event(name: str, value: Any) -> str:
    return "42" + json.dumps([name, value])


def _answers(state: State, name: str, value: Any = None, *_: Any) -> list[str]:
    job = state.jobs.get(value.get("jobId")) if name == "start-log-stream" and isinstance(value, dict) else None
    if job is None:
        return []
    with state.lock:
        while not job.finished:
            state.poll(job)
    log = [_event(f"job-data-{job.id}", {"data": line}) for line in job.log]
    return [*log, _event(f"job-finished-{job.id}", {"success": job.fails is None})]


def frame(content: bytes, kind: int = TEXT, mask: bytes = b"") -> bytes:
    """One unfragmented frame (RFC 6455, section 5.2); a client's is masked."""
    bit, size = (0x80 if mask else 0), len(content)
    if size < 126:
        head = struct.pack("!BB", 0x80 | kind, bit | size)
    else:
        head = struct.pack("!BBQ", 0x80 | kind, bit | 127, size)
    return head + mask + (_masked(content, mask) if mask else content)


def read_frame(incoming: BinaryIO) -> tuple[int, bytes] | None:
    """Kind and content of the next frame; None where the connection has ended."""
    head = incoming.read(2)
    if len(head) < 2:
        return None
    size = head[1] & 0x7F
    if size >= 126:
        form = "!H" if size == 126 else "!Q"
        (size,) = struct.unpack(form, incoming.read(struct.calcsize(form)))
    mask = incoming.read(4) if head[1] & 0x80 else b""
    content = incoming.read(size)
    return head[0] & 0x0F, _masked(content, mask) if mask else content


def _masked(content: bytes, mask: bytes) -> bytes:
    return bytes(byte ^ mask[at % 4] for at, byte in enumerate(content))

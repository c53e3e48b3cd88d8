"""The double's HTTP server: threads, keep-alive, keys, faults and the record of what was wrong."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
import traceback
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, ClassVar, Self

from tests.double import accounts, blocks, socket_io, studio
from tests.double.calls import Call, File, NoAnswerError
from tests.double.checks import ViolationError
from tests.double.faults import Fault, Faults
from tests.double.ingestion import store_files
from tests.double.state import JWT, ORGANIZATION_KEY, PROJECT_KEY, State

ROUTES = [
    (method, re.compile(path), handler) for method, path, handler in [*studio.ROUTES, *accounts.ROUTES, *blocks.ROUTES]
]
FILES = re.compile(r"/api/(?P<category>[a-z-]+)/files")


class Double:
    """A running double; a context manager.

    Args:
        port: of the API, and of the ingestion service where that has none of its own; any free one when 0.
        ingestion_port: 4810, with 4800 for the API, is where `EI_HOST=127.0.0.1` leads the official client.
        keep_content: keep the files' bytes, not only their hashes.

    Attributes:
        faults: what goes wrong; replace it to change that.
        slow: seconds that every answer takes.
        poison: a request whose body holds these bytes fails, whatever it is.
        poison_drops: whether it fails by a broken connection, in place of a 500 in the service's own words.
        violations: what was asked that the published API does not describe.
        exchanges: the last requests and answers of the API, as (method, path, query, request, answer).
    """

    def __init__(self, port: int = 0, *, ingestion_port: int | None = None, keep_content: bool = True) -> None:
        self.state = State(keep_content=keep_content)
        self.faults = Faults()
        self.slow = 0.0
        self.poison: bytes | None = None
        self.poison_drops = False
        self.violations: list[str] = []
        self.exchanges: deque[tuple[str, str, dict[str, str], bytes, Any]] = deque(maxlen=10_000)
        self.requests = 0
        self._storage = _Server(("127.0.0.1", 0), self)  # signed addresses are at another origin, as in real life
        self._server = _Server(("127.0.0.1", port), self)
        self._ingestion = None if ingestion_port is None else _Server(("127.0.0.1", ingestion_port), self)

    @property
    def origin(self) -> str:
        """The address of the API, and of the ingestion service as a rule."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def _servers(self) -> list[_Server]:
        return [self._server, self._storage, *([self._ingestion] if self._ingestion else [])]

    @property
    def storage(self) -> str:
        """The address that signed links lead to."""
        return f"http://127.0.0.1:{self._storage.server_port}"

    @property
    def env(self) -> dict[str, str]:
        """What leads the official clients, and ours, here."""
        return {
            "EI_API_ENDPOINT": f"{self.origin}/v1",
            "EI_INGESTION_ENDPOINT": f"http://127.0.0.1:{(self._ingestion or self._server).server_port}",
            "EI_API_KEY": PROJECT_KEY,
        }

    def __enter__(self) -> Self:
        for server in self._servers:
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._servers:
            server.shutdown()
            server.close_connections()
            server.server_close()

    def answer(self, call: Call) -> tuple[int, Any]:
        """The status and the answer of a request: JSON values, or a `File`."""
        try:
            return 200, self._carry_out(call)
        except NoAnswerError as error:
            return error.status, {"success": False, "error": str(error)}
        except ViolationError as error:
            self.violations.append(f"{call.method} {call.path}: {error}")
            return 400, {"success": False, "error": str(error)}
        except Exception as error:
            self.violations.append(f"{call.method} {call.path}: {traceback.format_exc()}")
            return 400, {"success": False, "error": f"double: {error!r}"}

    def _carry_out(self, call: Call) -> Any:
        ingesting = FILES.fullmatch(call.path)
        if ingesting is not None and call.method == "POST":
            self._check_key(call, PROJECT_KEY)
            return store_files(self.state, ingesting["category"], call.headers, call.body)
        for method, path, handler in ROUTES:
            found = path.fullmatch(call.path)
            if method == call.method and found is not None:
                if not call.path.startswith("/signed/"):
                    self._check_user(call)
                if found.groupdict().get("project", str(self.state.project.id)) != str(self.state.project.id):
                    raise NoAnswerError(403, "No access to this project")
                organization = str(self.state.organization_id)
                if found.groupdict().get("organization", organization) != organization:
                    raise NoAnswerError(403, "No access to this organization")
                with self.state.lock:
                    return handler(self.state, call, **found.groupdict())
        raise ViolationError("no such path")

    def _check_user(self, call: Call) -> None:
        """A user's token opens all that is the user's, a key one project or organization."""
        token = call.headers.get("x-jwt-token")
        if token is None:
            self._check_key(call, ORGANIZATION_KEY if "/organizations" in call.path else PROJECT_KEY)
        elif token != JWT:
            raise NoAnswerError(401, "Invalid x-jwt-token header")

    def _check_key(self, call: Call, key: str) -> None:
        given = call.headers.get("x-api-key")
        if given is None:
            raise NoAnswerError(401, "Missing x-api-key header")
        if given != key:
            raise NoAnswerError(401, f"Invalid API key {given}")  # quoting it, as a careless server would


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], double: Double) -> None:
        super().__init__(address, _Handler)
        self.double = double
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is killed breaks its connections; that is no fault of anybody's."""

    def close_connections(self) -> None:
        for connection in list(self._open):
            connection.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server
    wbufsize = -1
    responses_of: ClassVar[dict[Fault, int]] = {
        Fault.TOO_MANY: 429,
        Fault.UNAVAILABLE: 503,
        Fault.ERROR: 500,
        Fault.ERROR_AFTER: 500,
    }

    def handle_call(self) -> None:
        """Reads a request, carries it out, answers it, or fails to."""
        double = self.server.double
        double.requests += 1
        if self.path.startswith("/socket.io/"):
            return socket_io.serve(double.state, self.path, self.headers, self.rfile, self.connection)
        fault = double.faults.next(self.path)
        if fault is Fault.DROP_EARLY:
            self.rfile.read(min(100, int(self.headers.get("content-length", 0))))
            return self._drop()
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if len(body) < int(self.headers.get("content-length", 0)):
            return self._drop()  # the client is gone
        headers = {name.lower(): value for name, value in self.headers.items()}
        call = Call(self.command, self.path, headers, body, double.storage)
        call.same_origin_allowed = self.server is not double._storage
        if double.slow:
            time.sleep(double.slow)
        status, answer = 200, {"success": True}
        if double.poison is not None and double.poison in body:
            failed = {"success": False, "error": "Failed to process the file"}
            return self._drop() if double.poison_drops else self._send(500, failed)
        if fault is None or fault.acts:
            status, answer = double.answer(call)
        if fault is None:
            if not isinstance(answer, File) and call.path.startswith("/v1/"):
                double.exchanges.append((call.method, call.path, call.query, body, answer))
            return self._send(status, answer)
        if fault in (Fault.DROP, Fault.DROP_AFTER):
            return self._drop()
        if fault in (Fault.MALFORMED, Fault.MALFORMED_AFTER):
            return self._send_bytes(200, b'{"success": true, "files": [', "application/json")
        status = self.responses_of[fault]
        extra = {"Retry-After": double.faults.retry_after} if status in (429, 503) else {}
        return self._send_bytes(status, b"<html>try again</html>", "text/html", extra)

    do_GET = do_POST = do_PUT = do_DELETE = handle_call  # noqa: N815 - the library's names

    def _send(self, status: int, answer: Any) -> None:
        if isinstance(answer, File):
            extra = {"Content-Disposition": f"attachment; filename*=utf-8''{answer.name}"}
            self._send_bytes(status, answer.content, "application/zip", extra)
        else:
            self._send_bytes(status, json.dumps(answer).encode(), "application/json")

    def _send_bytes(self, status: int, content: bytes, kind: str, extra: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for name, value in (extra or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def _drop(self) -> None:
        self.close_connection = True
        self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Nothing: the tests read the state."""

"""A session with one of Edge Impulse's services: what is sent, how often, what an answer means, and what went wrong.

Repeated are: no connection, the statuses of `TRANSIENT`, and an answer that is not the JSON it should be. A request
that must not run twice (it starts a job) is repeated only where the service cannot have acted on it: no connection was
made, or it said 429 or 503. Redirects are followed for GET alone, and the key never leaves the endpoint's own origin.
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

from ei_compat.core.errors import RemoteError
from ei_compat.core.progress import SILENT, Progress
from ei_compat.remote.credentials import Key
from ei_compat.remote.failures import PassingError, RefusedError, away, own_words, retry_after
from ei_compat.remote.transport import (
    DEFAULT_TIMEOUTS,
    Body,
    HttpTransport,
    Reply,
    Request,
    Timeouts,
    Transport,
    Unreachable,
)

JSON_LIMIT = 256 * 2**20  # bytes; no answer of the API comes near
ERROR_LIMIT = 64 * 2**10  # bytes of a failure's body that are looked at
SAID_LIMIT = 500  # characters of a service's own words that are shown
REDIRECTS = 5
FIRST_CONTACT = 4  # attempts at a service that has never answered: it is the endpoint that is wrong, most likely
TRANSIENT = {408, 425, 429, 500, 502, 503, 504}
UNTOUCHED = {429, 503}  # says that the request was not acted on

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Retry:
    """Policy of repeating failed requests.

    Attributes:
        attempts: sends in all.
        first: seconds before the second send; doubles each time, of which a random part up to half is left out so that
            parallel requests do not come back together.
        most: seconds, the longest of these pauses.
        obey: seconds, the longest `Retry-After` that is waited for.
    """

    attempts: int = 8
    first: float = 0.5
    most: float = 30.0
    obey: float = 300.0

    def pause(self, failures: int, asked: float | None) -> float:
        """Seconds to wait after so many `failures` (from 1), the service having `asked` for some."""
        if asked is not None:
            return asked + random.random() * self.first
        return min(self.most, self.first * 2.0 ** (failures - 1)) * (0.5 + random.random() / 2)


class Remote:
    """A session with one service, with one key. Safe to use from several threads.

    Args:
        endpoint: the service's address, such as `https://studio.edgeimpulse.com/v1`.
        key: sent as `x-api-key`, to that origin alone.
        transport: what sends; over HTTP when None.
        retry: how often a failed request is repeated.
        timeouts: how long is waited for an answer.
        progress: hears of pauses that a user would wonder about.
    """

    def __init__(
        self,
        endpoint: str,
        key: Key,
        *,
        transport: Transport | None = None,
        retry: Retry = Retry(),
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        progress: Progress = SILENT,
    ) -> None:
        self.endpoint = endpoint.rstrip("/")
        self._key = key
        self._transport = HttpTransport() if transport is None else transport
        self._retry = retry
        self._timeouts = timeouts
        self._progress = progress
        self._reached = False
        self._closed = threading.Event()

    def close(self) -> None:
        """Ends every pause and lets no further request out."""
        self._closed.set()

    def wait(self, seconds: float) -> None:
        """Sleeps, unless the session is closed meanwhile."""
        self._closed.wait(seconds)

    def attempts(self, failed: PassingError) -> int:
        """How often a request is sent until the service is taken to be away; fewer times where there may be none."""
        return self._retry.attempts if self._reached or failed.acted else min(FIRST_CONTACT, self._retry.attempts)

    def pause(self, failures: int, failed: PassingError, *, most: float | None = None) -> None:
        """Sleeps before a request that failed so often is repeated.

        Args:
            failures: from 1.
            failed: its last failure.
            most: seconds, where that is less than our patience has.

        Raises:
            RemoteError: the service asks for a longer pause than we make.
        """
        if failed.asked is not None and failed.asked > self._retry.obey:
            raise RemoteError(
                f"{failed.what}; it asks to wait {failed.asked:.0f} s", where=failed.where, fix="run again later"
            )
        pause = self._retry.pause(failures, failed.asked)
        pause = pause if most is None or failed.asked is not None else min(pause, most)
        if pause >= 2:
            self._progress.note(f"{failed.where}: {failed.what}; trying again in {pause:.0f} s")
        self.wait(pause)

    def attempt(
        self, method: str, path: str, *, body: Body, headers: Mapping[str, str], answer_within: float
    ) -> dict[str, Any]:
        """Sends a request once and gives its JSON answer, which said `success`.

        Args:
            method: the HTTP method.
            path: below the endpoint, with its query.
            body: what to send.
            headers: with the body's type.
            answer_within: seconds until the answer must begin.

        Raises:
            RefusedError: the service said no, with its own words.
            PassingError: it did not answer so that it can be understood.
            RemoteError: the session is closed.
        """
        held = {"accept": "application/json", **headers}
        request = self._request(method, self.endpoint + path, held, body)
        return self._sent(replace(request, timeouts=replace(self._timeouts, read=answer_within)), self._parsed)

    def scrub(self, text: str) -> str:
        """What somebody else said: one line, cut to a readable length, our key blotted out."""
        return self._key.scrub(" ".join(text.split()))[:SAID_LIMIT]

    def call(
        self,
        method: str,
        path: str,
        *,
        send: Mapping[str, Any] | None = None,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
        once: bool = False,
    ) -> dict[str, Any]:
        """Sends a request and gives its JSON answer, which said `success`.

        Args:
            method: the HTTP method.
            path: below the endpoint, with its query.
            send: what to send as JSON.
            body: what to send as it is, in place of `send`; its type belongs into `headers`.
            headers: further headers.
            once: the request must not run twice.

        Raises:
            RefusedError: the service said no, with its own words.
            RemoteError: it could not be reached, or does not speak this API.
        """
        held = {"accept": "application/json", **(headers or {})}
        content: bytes | Body | None = body
        if send is not None:
            content, held["content-type"] = json.dumps(send).encode(), "application/json"
        return self._until_answered(self._request(method, self.endpoint + path, held, content), self._parsed, once)

    def fetch(self, address: str, read: Callable[[Reply], T], *, headers: Mapping[str, str] | None = None) -> T:
        """Gets a file and gives what `read` makes of the answer.

        Args:
            address: a path below the endpoint, or a whole address, which sees the key only at our own origin.
            read: consumes the answer; called anew, from the start, if the connection breaks under it.
            headers: further headers.

        Raises:
            RefusedError: the service said no.
            RemoteError: it could not be reached.
        """
        url = address if "://" in address else self.endpoint + address
        request = self._request("GET", url, headers or {}, None)
        return self._until_answered(request, lambda sent, reply: read(self._good(sent, reply)), once=False)

    def put(self, url: str, body: Body, headers: Mapping[str, str]) -> None:
        """Puts a file at a signed address.

        Raises:
            RemoteError: it was not taken.
        """
        request = self._request("PUT", url, headers, body)
        self._until_answered(request, lambda sent, reply: self._good(sent, reply).read(ERROR_LIMIT), once=False)

    def _request(self, method: str, url: str, headers: Mapping[str, str], body: bytes | Body | None) -> Request:
        held = {"user-agent": "ei-train", "accept-encoding": "identity", "connection": "keep-alive", **headers}
        if _origin(url) == _origin(self.endpoint):
            held["x-api-key"] = self._key.reveal()
        return Request(method, url, held, body, self._timeouts)

    def _until_answered(self, request: Request, judge: Callable[[Request, Reply], T], once: bool) -> T:
        """Sends until `judge` accepts an answer or refuses it, or patience is at an end."""
        failures = 0
        while True:
            try:
                return self._sent(request, judge)
            except PassingError as error:
                failures += 1
                if once and error.acted:
                    what = f"{error.what}; it may have started all the same"
                    raise RemoteError(what, where=error.where, fix="look in Studio first") from None
                if failures >= self.attempts(error):
                    raise away(error, failures) from None
                self.pause(failures, error)

    def _sent(self, request: Request, judge: Callable[[Request, Reply], T]) -> T:
        """What `judge` makes of the answer to one send.

        Raises:
            PassingError: there is no answer that it could judge.
        """
        if self._closed.is_set():
            raise RemoteError("stopped before it was sent", where=describe(request))
        try:
            return judge(request, self._follow(request))
        except Unreachable as error:
            raise PassingError(str(error), where=describe(request), acted=error.sent, late=error.late) from None

    def _follow(self, request: Request) -> Reply:
        """One send; a GET goes on to where it is redirected."""
        reply = self._transport(request)
        self._reached = True
        for _ in range(REDIRECTS):
            target = reply.headers.get("location")
            if request.method != "GET" or not 300 <= reply.status < 400 or target is None:
                break
            reply.read(ERROR_LIMIT)
            url = urljoin(request.url, target)
            if url.split(":")[0] not in {"https", request.url.split(":")[0]}:
                raise RemoteError("redirects to an address that is not safe", where=describe(request))
            request = self._request("GET", url, {}, None)
            reply = self._transport(request)
        return reply

    def _good(self, request: Request, reply: Reply) -> Reply:
        """The answer, if its status is one of success."""
        if reply.status // 100 == 2:
            return reply
        text = reply.read(ERROR_LIMIT).decode(errors="replace")
        if reply.status in TRANSIENT:
            raise PassingError(
                self._said(reply.status, text),
                where=describe(request),
                acted=reply.status not in UNTOUCHED,
                said=reply.status == HTTPStatus.INTERNAL_SERVER_ERROR and own_words(text) is not None,
                asked=retry_after(reply.headers),
            )
        raise self._refusal(request, reply.status, text)

    def _parsed(self, request: Request, reply: Reply) -> dict[str, Any]:
        content = self._good(request, reply).read(JSON_LIMIT)
        try:
            answer = json.loads(content)
        except (ValueError, RecursionError):
            raise PassingError("it answers with something that is not JSON", where=describe(request)) from None
        if not isinstance(answer, dict) or not isinstance(answer.get("success"), bool):
            raise PassingError("it answers with JSON that is not of this API", where=describe(request))
        if not answer["success"]:
            raise self._refusal(request, reply.status, content.decode(errors="replace"))
        return answer

    def _refusal(self, request: Request, status: int, text: str) -> RefusedError:
        fix = None
        if status in (401, 403):
            fix = f"the key from {self._key.source} is not valid here: check it, and that it belongs to this project"
        elif status // 100 == 3:
            fix = "check the endpoint: it redirects elsewhere"
        return RefusedError(self._said(status, text), status=status, where=describe(request), fix=fix)

    def _said(self, status: int, text: str) -> str:
        """The service's own words where it gave any, else its status."""
        words = own_words(text)
        if words is None:
            words = "" if text.lstrip().startswith(("<", "{", "[")) else text
        phrase = HTTPStatus(status).phrase if status in {known.value for known in HTTPStatus} else ""
        return self.scrub(words) or f"it answers {status} {phrase}".rstrip()


def describe(request: Request) -> str:
    """A request for messages: method and address, without the query, which may be a signature."""
    return f"{request.method} {request.url.split('?')[0]}"


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc

"""The seam to the network: a function from a `Request` to a `Reply`, which tests replace by one of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ei_compat.core.errors import RemoteError

if TYPE_CHECKING:
    import requests

CHUNK = 256 * 1024  # bytes read at a time
SEND = 16 * 1024  # bytes sent at a time: a slow line has the connection's time-out for each of these


class Body(Sized, Iterable[bytes], Protocol):
    """A request body of known length that can be sent more than once."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds that a request may take.

    Attributes:
        connect: until there is a connection.
        read: until the next byte of the answer.
    """

    connect: float = 20.0
    read: float = 180.0


DEFAULT_TIMEOUTS = Timeouts()


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. Its headers hold the key and its address may be signed, so neither is in a text form.

    Attributes:
        method: such as `GET`.
        url: the whole address.
        headers: those that this request needs.
        body: its content; None where it has none.
        timeouts: how long it may take.
    """

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | Body | None = field(default=None, repr=False)
    timeouts: Timeouts = DEFAULT_TIMEOUTS


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer.

    Attributes:
        status: HTTP status.
        headers: names in lower case.
        chunks: the body, to be read once; reading may raise `Unreachable`.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    chunks: Iterable[bytes] = field(default=(), repr=False)

    def read(self, limit: int) -> bytes:
        """The body, cut at `limit` bytes."""
        content = bytearray()
        for chunk in self.chunks:
            content += chunk
            if len(content) > limit:
                break
        return bytes(content[:limit])


Transport = Callable[[Request], Reply]


class Unreachable(Exception):  # noqa: N818 - it is caught and becomes a RemoteError
    """A failure to send or to receive.

    Args:
        what: what happened, without address or header.
        sent: whether the service may have acted on the request.
        late: whether it is only that no answer came in time: the service may still be acting on it.
    """

    def __init__(self, what: str, *, sent: bool, late: bool = False) -> None:
        super().__init__(what)
        self.sent = sent
        self.late = late


class HttpTransport:
    """Transport over HTTP with `requests`, one keep-alive session per thread; follows no redirect."""

    def __init__(self) -> None:
        self._local = threading.local()

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            import requests

            session = requests.Session()
            session.auth = lambda prepared: prepared  # or requests would add a password it finds in ~/.netrc
            session.headers.clear()
            self._local.session = session
        return session

    def __call__(self, request: Request) -> Reply:
        """Sends one request; the body of the answer is read as its `chunks` are."""
        import requests

        times = (request.timeouts.connect, request.timeouts.read)
        try:
            response = self._session().request(
                request.method,
                request.url,
                headers=dict(request.headers),
                data=request.body,
                timeout=times,
                allow_redirects=False,
                stream=True,
            )
        except requests.exceptions.ConnectTimeout:
            raise Unreachable(f"no connection within {times[0]:g} s", sent=False) from None
        except requests.exceptions.Timeout:
            raise Unreachable(f"no answer within {times[1]:g} s", sent=True, late=True) from None
        except requests.exceptions.SSLError:
            fix = "check the endpoint; REQUESTS_CA_BUNDLE names a file of further authorities"
            where = request.url.split("?")[0]
            raise RemoteError("its TLS certificate was not accepted", where=where, fix=fix) from None
        except requests.exceptions.ConnectionError as error:
            never = any(name in repr(error) for name in ("NewConnectionError", "NameResolutionError", "ProxyError"))
            what = "no connection could be made" if never else "the connection broke"
            raise Unreachable(what, sent=not never) from None
        except requests.exceptions.RequestException as error:
            raise Unreachable(f"the request failed ({type(error).__name__})", sent=True) from None
        return Reply(response.status_code, {k.lower(): v for k, v in response.headers.items()}, _chunks(response))


def _chunks(response: requests.Response) -> Iterator[bytes]:
    import requests

    try:
        yield from response.iter_content(CHUNK)
    except requests.exceptions.RequestException as error:
        raise Unreachable(f"the answer broke off ({type(error).__name__})", sent=True) from None
    finally:
        response.close()


class FileBody:
    """A file as a request body.

    Args:
        path: a file that does not change while it is sent.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size = path.stat().st_size

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        with self._path.open("rb") as stream:
            while piece := stream.read(SEND):
                yield piece

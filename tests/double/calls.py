"""What passes between the double's server and its handlers."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit


class NoAnswerError(Exception):
    """A request that the API describes, but that cannot be answered now.

    Args:
        status: HTTP status.
        error: the service's words.
    """

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status = status


@dataclass
class File:
    """An answer that is a file."""

    content: bytes
    name: str


@dataclass
class Call:
    """One request, read whole. Header names are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    origin: str
    same_origin_allowed: bool = True
    path: str = field(init=False)
    query: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.target)
        self.path, self.query = parts.path, dict(parse_qsl(parts.query))

    @property
    def content_type(self) -> str:
        """Of the body."""
        return self.headers.get("content-type", "")

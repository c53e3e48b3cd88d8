"""Failures of requests to Edge Impulse's services, and what is read from their answers."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from ei_compat.core.errors import RemoteError


class RefusedError(RemoteError):
    """A request that the service refused; `status` is its HTTP status (200 where only the body said so)."""

    def __init__(self, what: str, *, status: int, where: str, fix: str | None = None) -> None:
        self.status = status
        super().__init__(what, where=where, fix=fix)


class PassingError(RemoteError):
    """A failure of a request that may pass.

    Attributes:
        acted: whether the service may have carried the request out all the same.
        late: whether it is only that no answer came in time.
        said: whether the service itself says, in its own form, that it failed; else it may not even have seen it.
        asked: seconds that it asks us to wait; None where it asks for nothing.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str,
        acted: bool = True,
        late: bool = False,
        said: bool = False,
        asked: float | None = None,
    ) -> None:
        self.acted, self.late, self.said, self.asked = acted, late, said, asked
        super().__init__(what, where=where)


def away(failed: PassingError, failures: int, *, about: str = "") -> RemoteError:
    """The error of a service that is taken to be away after so many failures; `about` names what was sent."""
    where = f"{failed.where}, {about}" if about else failed.where
    fix = "check the network and the endpoint, then run again"
    return RemoteError(f"{failed.what} ({failures} attempts)", where=where, fix=fix)


def own_words(text: str) -> str | None:
    """What the service says of a failure in its own form; None where the text has another."""
    try:
        return str(json.loads(text)["error"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the service asks us to wait, given as such or as a date; None where it asks for nothing."""
    value = headers.get("retry-after", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None

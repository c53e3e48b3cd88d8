"""Report of an upload, and the plan of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ei_compat.core.errors import RemoteError


@dataclass(frozen=True, slots=True)
class FileFailure:
    """A file that did not arrive.

    Attributes:
        key: what the journal would know it by.
        what: why it did not.
    """

    key: str
    what: str


@dataclass(frozen=True, slots=True)
class UploadReport:
    """Result of an upload.

    Attributes:
        arrived: files stored by this run.
        known: files that the project had already: a repeat, or the same content as another file.
        before: files that the journal knew from an earlier run.
        failed: files that did not arrive.
        failures: the first of these with their reasons.
        requests: batches that were answered.
        bytes: content of the arrived files.
        seconds: of wall-clock time.
    """

    arrived: int
    known: int
    before: int
    failed: int
    failures: tuple[FileFailure, ...]
    requests: int
    bytes: int
    seconds: float

    def check(self) -> None:
        """Raises RemoteError when a file did not arrive."""
        if self.failed:
            what = f"{self.failed} of {self.failed + self.arrived + self.known + self.before} files did not arrive"
            raise RemoteError(what, fix="see their list; running again sends them anew")


@dataclass(frozen=True, slots=True)
class UploadPlan:
    """Plan of an upload, made without the network.

    Attributes:
        files: how many would be sent, per category and label.
        requests: how many there would be.
        bytes: content to send.
        failures: files that cannot be sent.
    """

    files: Mapping[tuple[str, str], int]
    requests: int
    bytes: int
    failures: tuple[FileFailure, ...]

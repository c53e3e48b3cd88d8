"""Delivery of a batch to the ingestion service: one that fails is cut down until the file at fault is alone.

A failure belongs to the service, or to what was sent: one picture that its decoder dies of fails every request that
holds it. The two are told apart by what gets through meanwhile. While anything does, a batch that fails is sent in
halves, and a file that goes on failing alone is named and left behind. While nothing does, sending is repeated with
growing pauses, and in the end the service is taken to be away, which ends the upload.

A request whose answer was lost may have been stored. It is repeated only with `x-disallow-duplicates`, which makes the
service compare; with `allow_duplicates` its files are named instead.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

from ei_compat.remote.failures import PassingError, RefusedError, away
from ei_compat.remote.multipart import PartError
from ei_compat.remote.remote import Remote
from ei_compat.upload.batches import Batch, Item
from ei_compat.upload.options import UploadOptions
from ei_compat.upload.report import FileFailure

FATAL = {401, 403, 404}  # no other file will fare better
DUPLICATE = "hash already exists"  # in the words of the ingestion service
ALONE = 5  # failures of a file alone that name it, while others get through or where the service says that it failed
ALONE_SAID = 3  # the same where both is so
SOON = 0.5  # seconds, the longest pause while others get through
IN_A_ROW = 20  # times that files are left behind with nothing getting through between them
UNANSWERED = 4  # requests in a row that no answer comes to in time, with nothing getting through
TWICE = 2  # sends of a batch before it is cut, while nothing gets through


@dataclass(slots=True)
class Outcome:
    """Result of sending a batch.

    Attributes:
        arrived: (fingerprint, sample id or None where the project had it) of every file, by key.
        failures: files that did not arrive.
        size: bytes of the arrived files.
        error: what ends the upload, None as a rule.
    """

    arrived: dict[str, tuple[str, int | None]] = field(default_factory=dict)
    failures: list[FileFailure] = field(default_factory=list)
    size: int = 0
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class _Try:
    """A batch to send.

    Attributes:
        batch: its files.
        failures: of this very batch.
        lost: failures in a row of whatever held its files.
        since: when the first of these was seen.
    """

    batch: Batch
    failures: int = 0
    lost: int = 0
    since: float = 0.0

    @property
    def single(self) -> bool:
        """Whether it is one file."""
        return len(self.batch.items) == 1

    def failed(self) -> _Try:
        """The same after one more failure."""
        return replace(self, failures=self.failures + 1, lost=self.lost + 1, since=self.since or time.monotonic())

    def halves(self) -> list[_Try]:
        """Two of half the files each."""
        return [replace(self, batch=half, failures=0) for half in self.batch.halves()]


class Delivery:
    """Sender of batches, for any number of threads, which knows whether anything gets through.

    Args:
        remote: a session with the ingestion service.
        options: how to upload.
    """

    def __init__(self, remote: Remote, options: UploadOptions) -> None:
        self._remote = remote
        self._options = options
        self._lock = Lock()
        self._answered = 0.0  # when the service last answered as it should
        self._left = 0  # how often files were left behind since

    def deliver(self, batch: Batch) -> Outcome:
        """Sends a batch until every file in it has arrived or has a reason why not, or nothing gets through."""
        outcome, waiting = Outcome(), deque([_Try(batch)])
        try:
            while waiting:  # what failed waits behind its other half, which may show that the service is there
                waiting.extend(self._send(waiting.popleft(), outcome))
        except Exception as error:
            outcome.error = error
        return outcome

    def _send(self, each: _Try, outcome: Outcome) -> list[_Try]:
        """Sends a batch once; gives what is to be sent then."""
        batch = each.batch
        if not batch.items:
            return []
        try:
            answer = self._post(batch)
        except PartError as error:
            outcome.failures.append(FileFailure(batch.items[error.index].upload.key, str(error)))
            return [replace(each, batch=batch.without(error.index))]
        except RefusedError as error:
            if error.status in FATAL:
                raise
            self._gets_through()
            if not each.single:
                return _Try(batch).halves()
            answer = {"files": [{"success": False, "fileName": batch.items[0].upload.name, "error": error.what}]}
        except PassingError as error:
            return self._again(each.failed(), error, outcome)
        self._gets_through()
        _judge_all(batch, answer, outcome, self._remote)
        return []

    def _post(self, batch: Batch) -> dict[str, Any]:
        form = batch.form()
        headers = {**self._options.headers(), **batch.headers(), "content-type": form.content_type}
        path, patience = f"/api/{batch.category}/files", self._options.answer_within
        answer = self._remote.attempt("POST", path, body=form, headers=headers, answer_within=patience)
        if not _entries(answer):
            raise PassingError("the answer does not say what became of any file", where=f"POST {path}")
        return answer

    def _gets_through(self) -> None:
        with self._lock:
            self._answered, self._left = time.monotonic(), 0

    def _again(self, each: _Try, error: PassingError, outcome: Outcome) -> list[_Try]:
        """What is sent after a failure that may be the file's or the service's.

        Raises:
            RemoteError: the service is away.
        """
        through = self._answered > each.since
        if error.acted and self._options.allow_duplicates:
            return self._leave(each, error, outcome, "may be stored all the same: look before you send it again")
        if each.single and error.late:
            return self._leave(each, error, outcome, "may yet be stored: run again later")
        enough = ALONE_SAID if error.said and through else ALONE
        if each.single and each.failures >= enough and (error.said or through):
            return self._leave(each, error, outcome)
        patience = UNANSWERED if error.late else self._remote.attempts(error)
        if not through and each.lost >= patience and (not each.single or each.failures >= ALONE_SAID):
            raise away(error, each.lost, about=each.batch.items[0].upload.key if each.single else "")
        if not each.single and (error.late or (through and error.acted)):
            return each.halves()
        self._remote.pause(each.failures if through else each.lost, error, most=SOON if through else None)
        return [each] if each.single or each.lost < TWICE else each.halves()

    def _leave(self, each: _Try, error: PassingError, outcome: Outcome, then: str = "") -> list[_Try]:
        """Leaves files behind, with what is known of them; nothing is sent then.

        Raises:
            RemoteError: too many were left behind since anything got through.
        """
        what = f"{error.what}; it {then}" if then else error.what
        outcome.failures += [FileFailure(item.upload.key, what) for item in each.batch.items]
        with self._lock:
            self._left += 1
            if self._left > IN_A_ROW:
                raise away(error, self._left)
        return []


def _judge_all(batch: Batch, answer: Mapping[str, Any], outcome: Outcome, remote: Remote) -> None:
    """What the service says became of each file of a batch; it names them, or keeps to their order."""
    entries = _entries(answer)
    by_name = {str(entry.get("fileName")): entry for entry in entries}
    names = {item.upload.name for item in batch.items}
    for index, item in enumerate(batch.items):
        entry = by_name.get(item.upload.name)
        if entry is None and len(entries) == len(batch.items) and str(entries[index].get("fileName")) not in names:
            entry = entries[index]
        if entry is None:
            entry = {"success": False, "error": "the service did not say what became of it"}
        _judge(item, entry, outcome, remote)


def _entries(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What an answer says of each file."""
    listed = answer.get("files")
    return [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []


def _judge(item: Item, entry: Mapping[str, Any], outcome: Outcome, remote: Remote) -> None:
    """Puts one file where its answer says."""
    key = item.upload.key
    if entry.get("success") is True:
        sample = entry.get("sampleId")
        outcome.arrived[key] = (item.fingerprint, sample if isinstance(sample, int) else 0)  # 0: it gave no number
        outcome.size += item.size
        return
    said = str(entry.get("error") or "the service gave no reason")
    if DUPLICATE in said.lower():
        outcome.arrived[key] = (item.fingerprint, None)
    else:
        outcome.failures.append(FileFailure(key, remote.scrub(said)))

"""Uploading files to a project through the ingestion service, each exactly once, whatever interrupts it.

The argument for "exactly once". A file is recorded in the journal only after the service's answer named it, and a
recorded file is never sent again: so what is recorded has arrived. A file that is not recorded is sent, on a later run
or on a repeat of the same request, with `x-disallow-duplicates`: the service compares its content with what it holds
and turns away what it has, which counts as arrived. So a file that was committed while its answer was lost (the program
was killed between the service's commit and our record, the connection broke, the answer was garbled) is not stored
twice, and a file that was not committed is stored by the repeat. The price: of two files with the same content only one
arrives; the report counts the other as `known`. With `allow_duplicates` both arrive, but a lost answer may then store
a file twice: at least once, not exactly once.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from ei_compat.batches import FILES_LIMIT, Batch, Item, Upload, gather, inspect
from ei_compat.errors import UsageError
from ei_compat.journal import Journal
from ei_compat.multipart import PartError
from ei_compat.progress import SILENT, Progress, Task
from ei_compat.remote import RefusedError, Remote
from ei_compat.upload_report import FileFailure, UploadPlan, UploadReport

LISTED = 1000  # failures that are kept with their reason; the rest is counted
DUPLICATE = "hash already exists"  # in the service's words for content that it has
GRACE = 5.0  # seconds that answers on their way are waited for when an upload ends early
FATAL = {401, 403, 404}  # no other file will fare better


@dataclass(frozen=True, slots=True)
class UploadOptions:
    """How to upload.

    Attributes:
        parallel: requests in flight.
        batch_files: files in one request, at most 1000.
        batch_bytes: content of one request, unless one file is larger.
        allow_duplicates: store content that the project has already; see the module for what that costs.
        add_date_id: let the service put date and id into the sample's name.
        device_type: what the project shows as the files' device.
    """

    parallel: int = 20
    batch_files: int = 100
    batch_bytes: int = 4 * 2**20
    allow_duplicates: bool = False
    add_date_id: bool = False
    device_type: str = "EI_TRAIN"

    def __post_init__(self) -> None:
        if not 1 <= self.parallel <= 100:
            raise UsageError("must be 1 to 100", where="parallel")
        if not 1 <= self.batch_files <= FILES_LIMIT:
            raise UsageError(f"must be 1 to {FILES_LIMIT}, the service takes no more", where="batch-files")
        if self.batch_bytes < 1:
            raise UsageError("must be positive", where="batch-bytes")

    def headers(self) -> dict[str, str]:
        """What every request says."""
        headers = {"x-upload-source": "EI_TRAIN", "x-device-type": self.device_type}
        if not self.allow_duplicates:
            headers["x-disallow-duplicates"] = "1"
        if self.add_date_id:
            headers["x-add-date-id"] = "1"
        return headers


@dataclass(slots=True)
class _Tally:
    """What has happened so far."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[FileFailure] = field(default_factory=list)

    def fail(self, key: str, what: str) -> None:
        self.counts["failed"] += 1
        if len(self.failures) < LISTED:
            self.failures.append(FileFailure(key, what))


@dataclass(slots=True)
class _Outcome:
    """What became of a batch: arrived files as (fingerprint, sample id or None) by key, and failures."""

    arrived: dict[str, tuple[str, int | None]] = field(default_factory=dict)
    failures: list[FileFailure] = field(default_factory=list)
    size: int = 0

    def add(self, other: _Outcome) -> None:
        self.arrived |= other.arrived
        self.failures += other.failures
        self.size += other.size


def upload(
    uploads: Iterable[Upload],
    remote: Remote,
    journal: Journal,
    *,
    options: UploadOptions = UploadOptions(),
    total: int | None = None,
    progress: Progress = SILENT,
) -> UploadReport:
    """Uploads files; those that the journal knows are left out.

    Args:
        uploads: read once and lazily, so that any number fits in memory.
        remote: a session with the ingestion service.
        journal: opened for this endpoint and project.
        options: how.
        total: how many files there are, where that is known.
        progress: counts files.

    Raises:
        RemoteError: the service refuses the key, or cannot be reached any more. What has arrived is in the journal.
        DataError: the journal cannot be written.
    """
    began = time.monotonic()
    tally = _Tally()
    with progress.task("upload", total, "files") as task:
        batches = gather(_new(uploads, journal, tally, task), files=options.batch_files, size=options.batch_bytes)
        for finished in _in_parallel(batches, remote, options, journal):
            for outcome in finished:
                _count(outcome, tally)
                task.advance(len(outcome.arrived) + len(outcome.failures))
    counts = tally.counts
    return UploadReport(
        arrived=counts["arrived"],
        known=counts["known"],
        before=counts["before"],
        failed=counts["failed"],
        failures=tuple(tally.failures),
        requests=counts["requests"],
        bytes=counts["bytes"],
        seconds=time.monotonic() - began,
    )


def plan(uploads: Iterable[Upload], options: UploadOptions = UploadOptions()) -> UploadPlan:
    """What `upload` would send to a project that has nothing yet."""
    tally = _Tally()
    files: Counter[tuple[str, str]] = Counter()
    with SILENT.task("plan") as task:
        items = _new(uploads, None, tally, task)
        for batch in gather(items, files=options.batch_files, size=options.batch_bytes):
            tally.counts["requests"] += 1
            tally.counts["bytes"] += batch.size
            files.update((item.upload.category, item.upload.shown_label) for item in batch.items)
    counts = tally.counts
    return UploadPlan(dict(files), counts["requests"], counts["bytes"], tuple(tally.failures))


def _new(uploads: Iterable[Upload], journal: Journal | None, tally: _Tally, task: Task) -> Iterator[Item]:
    """The files that are to be sent."""
    for each in uploads:
        item = inspect(each)
        if isinstance(item, str):
            tally.fail(each.key, item)
            task.advance()
        elif journal is not None and (each.key, item.fingerprint) in journal:
            tally.counts["before"] += 1
            task.advance()
        else:
            yield item


def _count(outcome: _Outcome, tally: _Tally) -> None:
    known = sum(sample is None for _, sample in outcome.arrived.values())
    tally.counts["known"] += known
    tally.counts["arrived"] += len(outcome.arrived) - known
    tally.counts["requests"] += 1
    tally.counts["bytes"] += outcome.size
    for failure in outcome.failures:
        tally.fail(failure.key, failure.what)


def _in_parallel(
    batches: Iterable[Batch], remote: Remote, options: UploadOptions, journal: Journal
) -> Iterator[list[_Outcome]]:
    """Sends batches with so many in flight; gives what has been answered and is in the journal.

    However it ends, every answer that was received is recorded. The threads are daemons, so that a request without an
    answer does not keep the program from ending.
    """
    work: SimpleQueue[Batch | None] = SimpleQueue()
    done: SimpleQueue[_Outcome | Exception] = SimpleQueue()
    for _ in range(options.parallel):
        Thread(target=_serve, args=(work, done, remote, options), daemon=True).start()
    waiting = 0
    try:
        for batch in batches:
            work.put(batch)
            waiting += 1
            if waiting >= 2 * options.parallel:  # so that no thread is idle while answers are recorded
                answers = _answers(done, None)
                waiting -= len(answers)
                yield _recorded(answers, journal)
        while waiting:
            answers = _answers(done, None)
            waiting -= len(answers)
            yield _recorded(answers, journal)
    except BaseException:
        remote.close()
        until = time.monotonic() + GRACE
        while waiting and (answers := _answers(done, until - time.monotonic())):
            waiting -= len(answers)
            _recorded([answer for answer in answers if isinstance(answer, _Outcome)], journal)
        raise
    finally:
        for _ in range(options.parallel):
            work.put(None)


def _serve(
    work: SimpleQueue[Batch | None], done: SimpleQueue[_Outcome | Exception], remote: Remote, options: UploadOptions
) -> None:
    """What one thread does: sends batches until it is told to stop."""
    while (batch := work.get()) is not None:
        try:
            done.put(_send(batch, remote, options))
        except Exception as error:
            done.put(error)


def _answers(done: SimpleQueue[_Outcome | Exception], seconds: float | None) -> list[_Outcome | Exception]:
    """What has been answered, at least one unless the time is up; together they are one write of the journal."""
    answers: list[_Outcome | Exception] = []
    with suppress(Empty):
        answers.append(done.get(timeout=None if seconds is None else max(0.0, seconds)))
        while True:
            answers.append(done.get_nowait())
    return answers


def _recorded(answers: list[_Outcome | Exception], journal: Journal) -> list[_Outcome]:
    """The outcomes among the answers, once the journal has them all.

    Raises:
        Exception: the first that is among them.
    """
    outcomes = [answer for answer in answers if isinstance(answer, _Outcome)]
    journal.add([outcome.arrived for outcome in outcomes])
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return outcomes


def _send(batch: Batch, remote: Remote, options: UploadOptions) -> _Outcome:
    """One batch, sent until every file in it has arrived or has a reason why not."""
    outcome = _Outcome()
    while batch.items:
        try:
            form = batch.form()
            headers = {**options.headers(), **batch.headers(), "content-type": form.content_type}
            answer = remote.call("POST", f"/api/{batch.category}/files", body=form, headers=headers)
        except PartError as error:
            outcome.failures.append(FileFailure(batch.items[error.index].upload.key, str(error)))
            batch = batch.without(error.index)
        except RefusedError as error:
            if error.status in FATAL:
                raise
            outcome.add(_apart(batch, error, remote, options))
            break
        else:
            outcome.add(_outcome(batch, answer, remote))
            break
    return outcome


def _apart(batch: Batch, refusal: RefusedError, remote: Remote, options: UploadOptions) -> _Outcome:
    """A refused batch, in halves, so that one bad file does not keep the others out."""
    outcome = _Outcome()
    if len(batch.items) > 1:
        for half in batch.halves():
            outcome.add(_send(half, remote, options))
    else:
        _judge(batch.items[0], {"success": False, "error": refusal.what}, outcome, remote)
    return outcome


def _outcome(batch: Batch, answer: dict[str, Any], remote: Remote) -> _Outcome:
    """What the service says became of each file of a batch; it names them, or keeps to their order."""
    listed = answer.get("files")
    entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    by_name = {str(entry.get("fileName")): entry for entry in entries}
    outcome = _Outcome()
    for index, item in enumerate(batch.items):
        entry = by_name.get(item.upload.name)
        if entry is None and not by_name.keys() & {each.upload.name for each in batch.items}:
            entry = entries[index] if len(entries) == len(batch.items) else None
        if entry is None:
            entry = {"success": False, "error": "the service did not say what became of it"}
        _judge(item, entry, outcome, remote)
    return outcome


def _judge(item: Item, entry: Mapping[str, Any], outcome: _Outcome, remote: Remote) -> None:
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

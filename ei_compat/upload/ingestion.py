"""Uploading files to a project through the ingestion service, each exactly once, whatever interrupts it.

The argument for "exactly once". A file is recorded in the journal only after the service's answer named it, and a
recorded file is never sent again: so what is recorded has arrived. A file that is not recorded is sent, on a later run
or on a repeat of the same request, with `x-disallow-duplicates`: the service compares its content with what it holds
and turns away what it has, which counts as arrived. So a file that was committed while its answer was lost (the program
was killed between the service's commit and our record, the connection broke, the answer was garbled) is not stored
twice, and a file that was not committed is stored by the repeat. The price: of two files with the same content only one
arrives; the report counts the other as `known`. With `allow_duplicates` both arrive; the files of a lost answer are
then named, since nobody can tell whether they have.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread

from ei_compat.core.progress import SILENT, Progress, Task
from ei_compat.remote.remote import Remote
from ei_compat.upload.batches import Batch, Item, Upload, gather, inspect
from ei_compat.upload.delivery import Delivery, Outcome
from ei_compat.upload.journal import Journal
from ei_compat.upload.options import UploadOptions
from ei_compat.upload.report import FileFailure, UploadPlan, UploadReport

LISTED = 1000  # failures that are kept with their reason; the rest is counted
DEFAULT = UploadOptions()
GRACE = 5.0  # seconds that answers on their way are waited for when an upload ends early


@dataclass(slots=True)
class _Tally:
    """Counts of what has happened so far."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[FileFailure] = field(default_factory=list)

    def fail(self, key: str, what: str) -> None:
        self.counts["failed"] += 1
        if len(self.failures) < LISTED:
            self.failures.append(FileFailure(key, what))


def upload(
    uploads: Iterable[Upload],
    remote: Remote,
    journal: Journal,
    *,
    options: UploadOptions = DEFAULT,
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


def plan(uploads: Iterable[Upload], options: UploadOptions = DEFAULT) -> UploadPlan:
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


def _count(outcome: Outcome, tally: _Tally) -> None:
    known = sum(sample is None for _, sample in outcome.arrived.values())
    tally.counts["known"] += known
    tally.counts["arrived"] += len(outcome.arrived) - known
    tally.counts["requests"] += 1
    tally.counts["bytes"] += outcome.size
    for failure in outcome.failures:
        tally.fail(failure.key, failure.what)


def _in_parallel(
    batches: Iterable[Batch], remote: Remote, options: UploadOptions, journal: Journal
) -> Iterator[list[Outcome]]:
    """Sends batches with so many in flight; gives what has been answered and is in the journal.

    However it ends, every answer that was received is recorded. The threads are daemons, so that a request without an
    answer does not keep the program from ending.
    """
    delivery = Delivery(remote, options)
    work: SimpleQueue[Batch | None] = SimpleQueue()
    done: SimpleQueue[Outcome] = SimpleQueue()
    for _ in range(options.parallel):
        Thread(target=_serve, args=(work, done, delivery), daemon=True).start()
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
            journal.add([outcome.arrived for outcome in answers])
        raise
    finally:
        for _ in range(options.parallel):
            work.put(None)


def _serve(work: SimpleQueue[Batch | None], done: SimpleQueue[Outcome], delivery: Delivery) -> None:
    """What one thread does: sends batches until it is told to stop."""
    while (batch := work.get()) is not None:
        done.put(delivery.deliver(batch))


def _answers(done: SimpleQueue[Outcome], seconds: float | None) -> list[Outcome]:
    """What has been answered, at least one unless the time is up; together they are one write of the journal."""
    answers: list[Outcome] = []
    with suppress(Empty):
        answers.append(done.get(timeout=None if seconds is None else max(0.0, seconds)))
        while True:
            answers.append(done.get_nowait())
    return answers


def _recorded(outcomes: list[Outcome], journal: Journal) -> list[Outcome]:
    """The outcomes, once the journal has them all.

    Raises:
        Exception: the first that is among them.
    """
    journal.add([outcome.arrived for outcome in outcomes])
    for outcome in outcomes:
        if outcome.error is not None:
            raise outcome.error
    return outcomes

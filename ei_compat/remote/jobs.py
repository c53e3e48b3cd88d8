"""Jobs of Edge Impulse's Studio, in which it runs what takes long: started, and polled until they are done."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from ei_compat.core.errors import RemoteError
from ei_compat.core.progress import SILENT, Progress
from ei_compat.remote.remote import Remote

REASON_LINES = 3  # of a failed job's log that its error quotes


@dataclass(frozen=True, slots=True)
class Patience:
    """Intervals and limits of waiting for a job.

    Attributes:
        first: seconds before it is asked after for the second time; grows by half each time.
        most: seconds, the longest of these pauses.
        limit: seconds until we give up; the job itself goes on.
    """

    first: float = 1.0
    most: float = 10.0
    limit: float = 6 * 3600.0


DEFAULT_PATIENCE = Patience()


def start(
    remote: Remote, owner: str, path: str, send: dict[str, Any], *, what: str, patience: Patience, progress: Progress
) -> dict[str, Any]:
    """Starts a job with a POST that runs once at most, and waits for its end.

    Args:
        remote: a session with Studio.
        owner: the path of the project or organization.
        path: below it, what starts the job.
        send: the request's JSON.
        what: the job in words, for messages.
        patience: how to wait.
        progress: hears the job's log.

    Returns:
        The answer that started it.

    Raises:
        RemoteError: it did not start, failed, or takes too long.
    """
    answer = remote.call("POST", owner + path, send=send, once=True)
    follow(remote, owner, job_id(answer, what), what=what, patience=patience, progress=progress)
    return answer


def job_id(answer: dict[str, Any], what: str) -> int:
    """The id in an answer that started a job."""
    number = answer.get("id")
    if not isinstance(number, int):
        raise RemoteError(f"{what}: Studio started no job", fix="look at the project in Studio")
    return number


def follow(
    remote: Remote,
    owner: str,
    job: int,
    *,
    what: str,
    patience: Patience = DEFAULT_PATIENCE,
    progress: Progress = SILENT,
) -> None:
    """Waits until a job has finished, passing its log on.

    Raises:
        RemoteError: the job failed, with the last lines of its log; or it takes longer than `patience` has.
    """
    began, pause, shown = time.monotonic(), patience.first, 0
    with progress.task(what):
        while True:
            status = remote.call("GET", f"{owner}/jobs/{job}/status").get("job")
            finished = isinstance(status, dict) and bool(status.get("finished"))
            lines = _log(remote, owner, job)
            for line in lines[shown:]:
                progress.note(line)
            shown = max(shown, len(lines))
            if finished:
                break
            if time.monotonic() - began > patience.limit:
                what_then = f"{what} (job {job}) still runs after {patience.limit:.0f} s"
                raise RemoteError(what_then, fix="look at the job in Studio; it goes on there")
            remote.wait(pause)
            pause = min(patience.most, pause * 1.5)
    if not (isinstance(status, dict) and status.get("finishedSuccessful") is True):
        reason = " / ".join(lines[-REASON_LINES:]) or "its log says nothing"
        raise RemoteError(f"{what} (job {job}) failed: {reason}", fix="the job's whole log is in Studio")


def _log(remote: Remote, owner: str, job: int) -> list[str]:
    """The job's log so far, oldest line first."""
    entries = remote.call("GET", f"{owner}/jobs/{job}/stdout").get("stdout")
    if not isinstance(entries, list):
        return []
    known = [entry for entry in entries if isinstance(entry, dict)]
    if len(known) > 1 and str(known[0].get("created")) > str(known[-1].get("created")):
        known.reverse()  # Studio gives the newest first
    text = "".join(_ended(str(entry.get("data", ""))) for entry in known)
    return [remote.scrub(line) for line in text.splitlines() if line.strip()]


def _ended(text: str) -> str:
    return text if text.endswith("\n") else text + "\n"

"""What the double remembers."""

from __future__ import annotations

import hashlib
import itertools
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

PROJECT_KEY = "ei_0123456789abcdef0123456789abcdef0123456789abcdef"
ORGANIZATION_KEY = "ei_fedcba9876543210fedcba9876543210fedcba9876543210"
JWT = "eyJ.double.jwt"
HMAC_KEY = "5eed5eed5eed5eed5eed5eed5eed5eed"
CREATED = "2026-01-01T00:00:00.000Z"


@dataclass
class Sample:
    """A stored sample."""

    id: int
    category: str
    file_name: str
    sha256: str
    size: int
    label: str | None
    headers: dict[str, str]
    boxes: list[dict[str, Any]] | None = None
    structured: list[dict[str, Any]] | None = None
    label_map: dict[str, str] | None = None
    content: bytes | None = None
    attachments: list[Attachment] = field(default_factory=list)

    @property
    def metadata(self) -> dict[str, str]:
        """Free text by key."""
        found: dict[str, str] = json.loads(self.headers.get("x-metadata", "{}"))
        return found


@dataclass
class Attachment:
    """A file that goes with a sample."""

    name: str
    type: str
    content: bytes


@dataclass
class StudioJob:
    """A job that finishes after it has been asked about `polls` times."""

    id: int
    key: str
    category: str
    polls: int
    finish: Callable[[], None]
    fails: str | None = None
    finished: bool = False
    log: list[str] = field(default_factory=list)


@dataclass
class Block:
    """A custom machine learning block of the organization."""

    id: int
    fields: dict[str, Any]
    uploads: list[bytes] = field(default_factory=list)


@dataclass
class Project:
    """A project and everything in it."""

    id: int = 4711
    name: str = "double"
    samples: dict[int, Sample] = field(default_factory=dict)
    hashes: dict[str, int] = field(default_factory=dict)
    learn_blocks: list[dict[str, Any]] = field(default_factory=list)
    keeps_validation_set: bool | None = None  # None: the answer does not say
    files: dict[str, bytes] = field(default_factory=dict)  # export, data, block, build: what downloads give
    ready: set[str] = field(default_factory=set)  # which of them a finished job has made
    inputs: list[list[int]] = field(default_factory=lambda: [[1, 96, 96, 3]])
    outputs: list[list[int]] = field(default_factory=lambda: [[1, 3]])
    model: dict[str, Any] | None = None  # the uploaded model's form fields
    profiled: bool = False
    saved: dict[str, Any] | None = None  # the body of the last pretrained-model/save
    builds: list[dict[str, Any]] = field(default_factory=list)


class State:
    """Everything the double knows; one lock guards it."""

    def __init__(self, *, keep_content: bool) -> None:
        self.lock = threading.RLock()
        self.project = Project()
        self.organization_id = 99
        self.blocks: dict[int, Block] = {}
        self.uploads: dict[str, dict[str, Any]] = {}  # custom-block upload links by their key
        self.socket_tokens: set[str] = set()
        self.jobs: dict[int, StudioJob] = {}
        self.job_polls = 1
        self.fail_next_job: str | None = None
        self.knows_archives = False  # upload links come without an address then
        self.keep_content = keep_content
        self._ids = itertools.count(1000)

    def new_id(self) -> int:
        """A number that nothing has yet."""
        return next(self._ids)

    def start_job(self, key: str, category: str, finish: Callable[[], None], log: list[str]) -> StudioJob:
        """Starts a job that does `finish` when it is done."""
        job = StudioJob(self.new_id(), key, category, self.job_polls, finish, self.fail_next_job, log=log)
        self.fail_next_job = None
        self.jobs[job.id] = job
        return job

    def poll(self, job: StudioJob) -> None:
        """Lets a job come nearer to its end."""
        if job.finished:
            return
        job.polls -= 1
        if job.polls <= 0:
            job.finished = True
            if job.fails is None:
                job.finish()
            else:
                job.log.append(f"ERR: {job.fails}")

    def store(self, sample: Sample, content: bytes, *, duplicates: bool) -> int | None:
        """Stores a sample; None where its content is known and duplicates are not wanted."""
        digest = hashlib.sha256(content).hexdigest()
        with self.lock:
            if digest in self.project.hashes and not duplicates:
                return None
            sample.id, sample.sha256, sample.size = self.new_id(), digest, len(content)
            sample.content = content if self.keep_content else None
            self.project.samples[sample.id] = sample
            self.project.hashes.setdefault(digest, sample.id)
            return sample.id

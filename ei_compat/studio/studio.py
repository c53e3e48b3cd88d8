"""A project in Edge Impulse's Studio: what it is, and getting its data and its training block out."""

from __future__ import annotations

import re
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ei_compat.core.errors import LimitError, RemoteError, UsageError
from ei_compat.core.files import new_folder, refuse_occupied, replaced_file, safe_file_name
from ei_compat.core.progress import SILENT, Progress
from ei_compat.remote.credentials import Key
from ei_compat.remote.jobs import DEFAULT_PATIENCE, Patience, start
from ei_compat.remote.remote import Remote
from ei_compat.remote.transport import Reply
from ei_compat.remote.unzip import DEFAULT_ARCHIVE_LIMITS, GIB, ArchiveLimits, unzip


@dataclass(frozen=True, slots=True)
class LearnBlock:
    """A learning block of a project's impulse.

    Attributes:
        id: its number.
        name: what people read.
        type: such as `keras`.
    """

    id: int
    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Download:
    """Result of a download.

    Attributes:
        folder: where the files are.
        files: how many.
        bytes: of the archive.
        seconds: that it took.
    """

    folder: Path
    files: int
    bytes: int
    seconds: float


class Studio:
    """One project.

    Args:
        remote: a session with Studio's API.
        project: its number.
        name: its name.
        patience: how its jobs are waited for.
        progress: hears of its jobs.
    """

    def __init__(
        self,
        remote: Remote,
        project: int,
        name: str = "",
        *,
        patience: Patience = DEFAULT_PATIENCE,
        progress: Progress = SILENT,
    ) -> None:
        self.remote = remote
        self.project = project
        self.name = name
        self.patience = patience
        self.progress = progress

    @classmethod
    def of_key(
        cls,
        remote: Remote,
        project: int | None = None,
        *,
        patience: Patience = DEFAULT_PATIENCE,
        progress: Progress = SILENT,
    ) -> Studio:
        """The project that the key belongs to, or of several the one with the number `project`.

        Raises:
            UsageError: the key opens no such project, or several.
            RemoteError: Studio refuses the key, or cannot be reached.
        """
        listed = remote.call("GET", "/api/projects").get("projects")
        entries = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
        names = {each["id"]: str(each.get("name", "")) for each in entries if isinstance(each.get("id"), int)}
        if project is None and len(names) == 1:
            project = next(iter(names))
        if project is None or project not in names:
            known = ", ".join(f"{number} ({name})" for number, name in names.items()) or "none"
            what = f"the key opens these projects: {known}"
            raise UsageError(what, where="--project", fix="name one of them, or use that project's own key")
        return cls(remote, project, names[project], patience=patience, progress=progress)

    @property
    def path(self) -> str:
        """The project's path in the API."""
        return f"/api/{self.project}"

    def hmac_key(self) -> Key | None:
        """The key that signs the project's signals; None where it has none."""
        text = self.remote.call("GET", f"{self.path}/devkeys/hmac").get("hmacKey")
        return Key(text, source="the project's HMAC key") if isinstance(text, str) and text.strip() else None

    def keeps_validation_set(self) -> bool:
        """Whether the project has a validation set beside training and testing, to which samples can be uploaded."""
        return self.remote.call("GET", self.path).get("explicitValidationEnabled") is True

    def learn_blocks(self) -> list[LearnBlock]:
        """The learning blocks of the project's impulse."""
        impulse = self.remote.call("GET", f"{self.path}/impulse").get("impulse")
        blocks = impulse.get("learnBlocks") if isinstance(impulse, dict) else None
        return [
            LearnBlock(each["id"], str(each.get("name", "")), str(each.get("type", "")))
            for each in (blocks if isinstance(blocks, list) else [])
            if isinstance(each, dict) and isinstance(each.get("id"), int)
        ]

    def only_learn_block(self) -> LearnBlock:
        """The one learning block that trains with Keras.

        Raises:
            UsageError: there is none, or more than one.
        """
        blocks = [block for block in self.learn_blocks() if block.type.startswith("keras")]
        if len(blocks) != 1:
            known = ", ".join(f"{block.id} ({block.name})" for block in blocks) or "none"
            what = f"project {self.project} has these blocks to train: {known}"
            raise UsageError(what, where="--learn-block", fix="add one in Studio" if not blocks else "name one of them")
        return blocks[0]

    def run_job(self, path: str, send: dict[str, Any], what: str) -> dict[str, Any]:
        """Starts a job of the project and waits for its end; gives the answer that started it."""
        return start(self.remote, self.path, path, send, what=what, patience=self.patience, progress=self.progress)

    def download_data(self, folder: Path, limits: ArchiveLimits = DEFAULT_ARCHIVE_LIMITS) -> Download:
        """The whole project's data as an export that `open_dataset` reads: `info.labels`, `training/`, `testing/`.

        Args:
            folder: new or empty; appears whole or not at all.
            limits: upper bounds on the archive.

        Raises:
            RemoteError: the export failed.
            DataError: the folder is not empty, or the archive is not what it should be.
        """
        refuse_occupied(folder)
        began = time.monotonic()
        request = {"uploaderFriendlyFilenames": True, "retainCrops": True}
        self.run_job("/jobs/export/original", request, "export data")
        url = self.remote.call("GET", f"{self.path}/export/get-url").get("url")
        if not isinstance(url, str) or not re.match(r"https?://", url):
            raise RemoteError("Studio made no export", fix="look at the project's Export tab")
        return self._fetch_folder(url, folder, limits, began)

    def download_block_data(self, learn: int, folder: Path, limits: ArchiveLimits = DEFAULT_ARCHIVE_LIMITS) -> Download:
        """The arrays that a learning block trains on: the `data/` of a local block."""
        refuse_occupied(folder)
        began = time.monotonic()
        self.run_job(f"/jobs/train/keras/{learn}/data", {}, "export block data")
        return self._fetch_folder(f"{self.path}/training/keras/{learn}/download-data", folder, limits, began)

    def download_block(self, learn: int, folder: Path, limits: ArchiveLimits = DEFAULT_ARCHIVE_LIMITS) -> Download:
        """The whole local block, as Studio's "Edit block locally" gives it: data, `train_input.json`, Dockerfile."""
        refuse_occupied(folder)
        began = time.monotonic()
        self.run_job(f"/jobs/train/keras/{learn}/export", {}, "export block")
        return self._fetch_folder(f"{self.path}/training/keras/{learn}/download-export", folder, limits, began)

    def _fetch_folder(self, address: str, folder: Path, limits: ArchiveLimits, began: float) -> Download:
        """Fetches a zip to a file beside the folder, and unpacks it."""
        with new_folder(folder) as unpacked, tempfile.TemporaryDirectory(dir=unpacked.parent) as beside:
            archive = Path(beside, "download.zip")
            size = self.remote.fetch(address, lambda reply: _save(reply, archive, limits.bytes, self.progress))
            files = unzip(archive, unpacked, limits)
        return Download(folder, files, size, time.monotonic() - began)

    def fetch_file(self, address: str, folder: Path, limits: ArchiveLimits = DEFAULT_ARCHIVE_LIMITS) -> Path:
        """Fetches a file into a folder, under the name that Studio gives it."""
        folder.mkdir(parents=True, exist_ok=True)

        def read(reply: Reply) -> Path:
            target = folder / _file_name(reply)
            with replaced_file(target) as stream:
                for piece in reply.chunks:
                    if stream.tell() + len(piece) > limits.bytes:
                        raise LimitError(f"larger than {limits.bytes / GIB:g} GiB", where=target)
                    stream.write(piece)
            return target

        return self.remote.fetch(address, read)


def _save(reply: Reply, file: Path, most: int, progress: Progress) -> int:
    """Writes an answer's body into a file; gives its length."""
    length = reply.headers.get("content-length", "")
    total = int(length) if length.isdecimal() else None
    size = 0
    with progress.task("download", total, "bytes") as task, file.open("wb") as stream:
        for piece in reply.chunks:
            size += len(piece)
            if size > most:
                what = f"the download is larger than {most / GIB:g} GiB"
                raise LimitError(what, fix="raise --max-gib if that is right")
            stream.write(piece)
            task.advance(len(piece))
    return size


def _file_name(reply: Reply) -> str:
    """The name in an answer's Content-Disposition, safe to use."""
    disposition = reply.headers.get("content-disposition", "")
    extended = re.search(r"filename\*=(?:utf-8|UTF-8)''([^;]+)", disposition)
    plain = re.search(r'filename="?([^";]+)', disposition)
    name = unquote(extended[1]) if extended else plain[1] if plain else "deployment.zip"
    return safe_file_name(name)

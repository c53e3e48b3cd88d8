"""What `upload`, `download` and `push` did, as the terminal shows it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ei_compat.core.words import counted
from train.result import Columns

if TYPE_CHECKING:
    from ei_compat.studio.pretrained import ModelReport
    from ei_compat.studio.push import PushReport
    from ei_compat.studio.studio import Download
    from ei_compat.studio.studio_model import Tensor
    from ei_compat.upload.report import FileFailure, UploadPlan, UploadReport

MB = 10**6


def _failure_table(failures: tuple[FileFailure, ...], count: int) -> list[Columns]:
    if not failures:
        return []
    rows = [[failure.key, failure.what] for failure in failures]
    more = f"and {count - len(failures)} more" if count > len(failures) else None
    return [Columns("not arrived", ["file", "reason"], rows, more)]


def _failures_json(failures: tuple[FileFailure, ...]) -> list[dict[str, str]]:
    return [{"file": failure.key, "reason": failure.what} for failure in failures]


@dataclass(frozen=True, slots=True)
class UploadView:
    """An upload of data."""

    schema: ClassVar[str] = "upload/1"
    source: Path
    project: int
    name: str
    report: UploadReport

    def as_json(self) -> dict[str, Any]:
        """Counts of files, and the failures."""
        done = self.report
        return {
            "source": str(self.source),
            "project": self.project,
            "arrived": done.arrived,
            "known": done.known,
            "before": done.before,
            "failed": done.failed,
            "failures": _failures_json(done.failures),
            "requests": done.requests,
            "bytes": done.bytes,
            "seconds": round(done.seconds, 3),
        }

    def as_tables(self) -> list[Columns]:
        """The counts, then one row per failure."""
        done = self.report
        rows = [
            ["arrived", str(done.arrived)],
            ["known to the project before", str(done.known)],
            ["arrived in an earlier run", str(done.before)],
            ["not arrived", str(done.failed)],
        ]
        rate = (done.arrived + done.known) / max(done.seconds, 1e-9)
        caption = (
            f"{done.bytes / MB:.1f} MB in {counted(done.requests, 'request')}, {done.seconds:.1f} s, {rate:.0f} files/s"
        )
        title = f"{self.source} to project {self.project} {self.name}".rstrip()
        return [Columns(title, ["files", "count"], rows, caption), *_failure_table(done.failures, done.failed)]


@dataclass(frozen=True, slots=True)
class PlanView:
    """What an upload would do."""

    schema: ClassVar[str] = "upload-plan/1"
    source: Path
    format: str
    plan: UploadPlan

    def as_json(self) -> dict[str, Any]:
        """The whole plan."""
        files = [{"category": c, "label": label, "files": n} for (c, label), n in sorted(self.plan.files.items())]
        return {
            "source": str(self.source),
            "format": self.format,
            "files": files,
            "requests": self.plan.requests,
            "bytes": self.plan.bytes,
            "failures": _failures_json(self.plan.failures),
        }

    def as_tables(self) -> list[Columns]:
        """One row per category and label."""
        rows = [[category, label, str(count)] for (category, label), count in sorted(self.plan.files.items())]
        caption = f"{self.plan.bytes / MB:.1f} MB in {self.plan.requests} requests; nothing was sent"
        title = f"{self.source} ({self.format})"
        tables = [Columns(title, ["category", "label", "files"], rows, caption)]
        return tables + _failure_table(self.plan.failures, len(self.plan.failures))


@dataclass(frozen=True, slots=True)
class ModelView:
    """An uploaded model."""

    schema: ClassVar[str] = "upload-model/1"
    model: Path
    report: ModelReport

    def as_json(self) -> dict[str, Any]:
        """The whole report."""
        done = self.report
        return {
            "model": str(self.model),
            "project": done.project,
            "inputs": [_tensor_json(tensor) for tensor in done.model.inputs],
            "outputs": [_tensor_json(tensor) for tensor in done.model.outputs],
            "variants": list(done.model.variants),
            "profile": [
                {
                    "variant": each.variant,
                    "device": each.device,
                    "milliseconds": each.milliseconds,
                    "memory": {engine: {"ram": ram, "rom": rom} for engine, (ram, rom) in each.memory.items()},
                }
                for each in done.model.profile
            ],
            "built": None if done.built is None else str(done.built),
        }

    def as_tables(self) -> list[Columns]:
        """One row per variant and engine."""
        done = self.report
        rows = [
            [
                each.variant,
                engine,
                _count(ram),
                _count(rom),
                "" if each.milliseconds is None else f"{each.milliseconds:g}",
            ]
            for each in done.model.profile
            for engine, (ram, rom) in each.memory.items()
        ] or [[variant, "", "", "", ""] for variant in done.model.variants]
        profile = done.model.profile
        device = f"Studio's estimate for {profile[0].device}" if profile else "not profiled"
        caption = device if done.built is None else f"{device}; built {done.built}"
        title = f"{self.model} in project {done.project}"
        return [Columns(title, ["variant", "engine", "RAM bytes", "ROM bytes", "ms"], rows, caption)]


def _tensor_json(tensor: Tensor) -> dict[str, Any]:
    return {"name": tensor.name, "type": tensor.data_type, "shape": list(tensor.shape)}


def _count(number: int) -> str:
    return f"{number:,}"


@dataclass(frozen=True, slots=True)
class BuiltView:
    """A deployment that was built."""

    schema: ClassVar[str] = "deployment/1"
    project: int
    path: Path

    def as_json(self) -> dict[str, Any]:
        """Where it is."""
        return {"project": self.project, "built": str(self.path)}

    def as_tables(self) -> list[Columns]:
        """Where it is."""
        return [Columns(f"project {self.project}", ["built"], [[str(self.path)]])]


@dataclass(frozen=True, slots=True)
class DownloadView:
    """A download."""

    schema: ClassVar[str] = "download/1"
    what: str
    project: int
    done: Download

    def as_json(self) -> dict[str, Any]:
        """The whole result."""
        done = self.done
        return {
            "what": self.what,
            "project": self.project,
            "folder": str(done.folder),
            "files": done.files,
            "bytes": done.bytes,
            "seconds": round(done.seconds, 3),
        }

    def as_tables(self) -> list[Columns]:
        """One row."""
        done = self.done
        row = [str(done.folder), str(done.files), f"{done.bytes / MB:.1f}", f"{done.seconds:.1f}"]
        title = f"{self.what} of project {self.project}"
        return [Columns(title, ["folder", "files", "MB", "seconds"], [row])]


@dataclass(frozen=True, slots=True)
class PushView:
    """A pushed block."""

    schema: ClassVar[str] = "push/1"
    folder: Path
    report: PushReport

    def as_json(self) -> dict[str, Any]:
        """The whole report."""
        done = self.report
        return {
            "folder": str(self.folder),
            "organization": done.organization,
            "block": done.block,
            "name": done.name,
            "created": done.created,
            "files": done.files,
            "bytes": done.bytes,
            "seconds": round(done.seconds, 3),
        }

    def as_tables(self) -> list[Columns]:
        """One row."""
        done = self.report
        state = "created" if done.created else "updated"
        row = [done.name, str(done.block), state, str(done.files), f"{done.bytes / MB:.1f}", f"{done.seconds:.1f}"]
        header = ["block", "number", "", "files", "MB", "seconds"]
        return [Columns(f"{self.folder} to organization {done.organization}", header, [row])]

"""Options of an upload."""

from __future__ import annotations

from dataclasses import dataclass

from ei_compat.core.errors import UsageError
from ei_compat.upload.batches import FILES_LIMIT


@dataclass(frozen=True, slots=True)
class UploadOptions:
    """Parallelism, size of requests and treatment of duplicates.

    Attributes:
        parallel: requests in flight.
        batch_files: files in one request, at most 1000.
        batch_bytes: content of one request, unless one file is larger.
        allow_duplicates: store content that the project has already; see the module for what that costs.
        add_date_id: let the service put date and id into the sample's name.
        answer_within: seconds until a request is answered, as the official client waits: a video takes that long.
        device_type: what the project shows as the files' device.
    """

    parallel: int = 20
    batch_files: int = 100
    batch_bytes: int = 4 * 2**20
    allow_duplicates: bool = False
    add_date_id: bool = False
    answer_within: float = 1200.0
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

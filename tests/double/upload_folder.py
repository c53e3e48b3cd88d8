"""Uploads a folder of `label.anything.jpg` files; a process for tests and benchmarks to measure and to kill."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from ei_compat.dataset.dataset import ClassLabel
from ei_compat.remote.credentials import Endpoints, api_key
from ei_compat.remote.remote import Remote, Retry
from ei_compat.upload.batches import Upload
from ei_compat.upload.ingestion import upload
from ei_compat.upload.journal import Journal
from ei_compat.upload.options import UploadOptions

folder, kept = Path(sys.argv[1]), Path(sys.argv[2])
options = UploadOptions(**json.loads(sys.argv[3])) if len(sys.argv) > 3 else UploadOptions(batch_files=5)
files = (
    Upload(path.name, path.name, path, "training", ClassLabel(path.name.split(".")[0])) for path in folder.iterdir()
)
remote = Remote(Endpoints.from_env().ingestion, api_key(), retry=Retry(first=0.01))
with Journal(kept, {"project": 4711}) as journal:
    report = upload(files, remote, journal, options=options)
status = Path("/proc/self/status").read_text()  # getrusage would count the parent's memory from before the exec
peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
sys.stdout.write(json.dumps(asdict(report) | {"peak_mb": peak}) + "\n")

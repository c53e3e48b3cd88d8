"""A client of the Linux runners that Edge Impulse's SDKs talk to: an `.eim` is started, asked, and stopped.

The runner listens on the socket that it is given the path of. A request is a JSON object, a reply one with a zero byte
behind it; both carry the same `id`. A picture is a number 0xRRGGBB for each pixel.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from ei_compat.core.errors import DataError, UsageError
from ei_compat.media.images import ImageSpec, ResizeMode

SECONDS = 20.0  # for a start, and for an answer
RESIZE = {"fit-shortest": ResizeMode.FIT_SHORT, "fit-longest": ResizeMode.FIT_LONG, "squash": ResizeMode.SQUASH}
CLASSIFIERS = {"classification", "regression"}
NEUTRAL = "classification"  # what a runner is for that says nothing of it


class Runner:
    """An `.eim` file at work, until the block ends.

    Args:
        file: the executable.

    Raises:
        DataError: it cannot be started, or is no runner of pictures that are classified.
    """

    def __init__(self, file: Path) -> None:
        if not file.is_file():
            raise DataError("there is no such file", where=file, fix="give an .eim file")
        if not os.access(file, os.X_OK):
            raise DataError("is not executable", where=file, fix=f"chmod +x {file}")
        self._file, self._number = file, 0

    def __enter__(self) -> Runner:
        with ExitStack() as stack:
            path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ei-train-"))) / "runner.sock"
            self._errors = stack.enter_context(tempfile.TemporaryFile())
            self._socket = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            try:
                self._process = subprocess.Popen(
                    [self._file.absolute(), path],
                    stdout=subprocess.DEVNULL,
                    stderr=self._errors,
                    stdin=subprocess.DEVNULL,
                )
            except OSError as error:
                reason = (error.strerror or "error").lower()
                fix = "give one that was built for this kind of machine"
                raise DataError(f"cannot be run here ({reason})", where=self._file, fix=fix) from None
            stack.callback(self._stop)
            self._connect(path)
            self._describe(self._request(hello=1).get("model_parameters") or {})
            self._open = stack.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._open.close()

    def _stop(self) -> None:
        self._socket.close()
        self._process.terminate()
        try:
            self._process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _connect(self, path: Path) -> None:
        self._socket.settimeout(SECONDS)
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            try:
                self._socket.connect(str(path))
            except (FileNotFoundError, ConnectionRefusedError):
                if self._process.poll() is not None:
                    break
                time.sleep(0.01)
            else:
                return
        raise DataError(f"does not answer as a runner{self._complaint()}", where=self._file, fix="give an .eim file")

    def _complaint(self) -> str:
        """The first line that it wrote, where it wrote any."""
        self._errors.seek(0)
        lines = self._errors.read(4096).decode(errors="replace").splitlines()
        return f" ({lines[0]})" if lines else ""

    def _request(self, **request: Any) -> dict[str, Any]:
        self._number += 1
        try:
            self._socket.sendall(json.dumps({"id": self._number} | request).encode())
            reply = b""
            while not reply.endswith(b"\0"):
                piece = self._socket.recv(65536)
                if not piece:
                    raise DataError(f"has ended{self._complaint()}", where=self._file)
                reply += piece
            answer = json.loads(reply[:-1])
        except TimeoutError:
            raise DataError(f"no answer within {SECONDS:.0f} s", where=self._file) from None
        except (ValueError, OSError) as error:
            raise DataError(f"gives no proper answer ({error})", where=self._file) from None
        if not isinstance(answer, dict) or not answer.get("success"):
            raise DataError(f"refuses: {dict(answer).get('error', 'for no reason')}", where=self._file)
        return answer

    def _describe(self, parameters: dict[str, Any]) -> None:
        kind = parameters.get("model_type", NEUTRAL)
        if kind not in CLASSIFIERS:
            raise UsageError(f"is for {kind}", where=self._file, fix="predict shows classes and numbers")
        try:
            width, height = int(parameters["image_input_width"]), int(parameters["image_input_height"])
            channels, labels = int(parameters["image_channel_count"]), [str(each) for each in parameters["labels"]]
        except (KeyError, TypeError, ValueError):
            raise DataError("does not describe its model", where=self._file) from None
        if not width or not height:
            raise DataError("its model's input is no picture", where=self._file)
        mode = RESIZE.get(str(parameters.get("image_resize_mode", "fit-shortest")))
        if mode is None:
            raise DataError(f"no resize mode {parameters['image_resize_mode']}", where=self._file)
        self.spec = ImageSpec(width, height, channels, mode)
        self.chooses = len(labels) > 1  # a regression has the one label `value`

    def ask(self, pixels: np.ndarray) -> dict[str, float]:
        """See `train.trained.prediction.Predictor`."""
        wide = np.broadcast_to(pixels, (*pixels.shape[:2], 3)).astype(np.int64)
        values = wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]
        try:
            scores = self._request(classify=values.ravel().tolist())["result"]["classification"]
            return {str(label): float(score) for label, score in scores.items()}
        except (KeyError, TypeError, ValueError, AttributeError):
            raise DataError("its answer has no scores of classes", where=self._file) from None

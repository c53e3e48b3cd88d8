"""Output that never ends a run: what cannot be shown is escaped, and a stream that nobody reads any more is let go."""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO


def make_steady() -> None:
    """Replaces stdout and stderr by steady ones, and by nothing where the caller closed them."""
    sys.stdout, sys.stderr = _steady(sys.stdout), _steady(sys.stderr)


def _steady(stream: TextIO | None) -> TextIO:
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - it stays open for good
    return SteadyStream(stream)


class SteadyStream(io.TextIOWrapper):
    r"""A text stream that shows `\u65e5` where its encoding has no such character, and drops what cannot be written.

    Args:
        stream: open, with a file descriptor that stays open.
    """

    def __init__(self, stream: TextIO) -> None:
        unbuffered = getattr(stream, "write_through", False)  # by python -u or PYTHONUNBUFFERED, as in the image
        super().__init__(
            open(stream.fileno(), "wb", buffering=0 if unbuffered else -1, closefd=False),  # noqa: SIM115 - a descriptor
            encoding=stream.encoding,
            errors="backslashreplace",
            line_buffering=stream.isatty() or stream is sys.stderr,
            write_through=unbuffered,
        )

    def write(self, text: str) -> int:
        """See `io.TextIOBase.write`; returns the length, written or dropped."""
        try:
            return super().write(text)
        except OSError as error:
            self._let_go(error)
            return len(text)

    def flush(self) -> None:
        """See `io.TextIOBase.flush`."""
        try:
            super().flush()
        except OSError as error:
            self._let_go(error)

    def _let_go(self, error: OSError) -> None:
        """Sends the rest nowhere, and says once on stderr that stdout is gone."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)
        if self is not sys.stderr:
            reason = (error.strerror or "error").lower()
            sys.stderr.write(f"warning: output cannot be written any more ({reason}); the work goes on without it\n")

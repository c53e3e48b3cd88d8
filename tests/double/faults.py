"""What the double does wrong, when it is told to."""

from __future__ import annotations

import random
import threading
from collections import Counter, deque
from enum import Enum


class Fault(Enum):
    """A way to fail one request; "after" means that the request has been carried out all the same."""

    TOO_MANY = "429"
    UNAVAILABLE = "503"
    ERROR = "500 before"
    ERROR_AFTER = "500 after"
    MALFORMED = "200 with broken JSON, before"
    MALFORMED_AFTER = "200 with broken JSON, after"
    DROP_EARLY = "connection closed while the body is sent"
    DROP = "connection closed before"
    DROP_AFTER = "connection closed after"

    @property
    def acts(self) -> bool:
        """Whether the request is carried out."""
        return self in {Fault.ERROR_AFTER, Fault.MALFORMED_AFTER, Fault.DROP_AFTER}


class Faults:
    """Decides which requests fail: first those of `script` in turn, then a share of `rate`, at random but seeded.

    Args:
        rate: 0 to 1.
        seed: of the random choice.
        only: requests whose path starts with this.
        retry_after: seconds that 429 and 503 ask for.
    """

    def __init__(self, rate: float = 0.0, seed: int = 0, only: str = "/", retry_after: str = "0") -> None:
        self.rate = rate
        self.only = only
        self.retry_after = retry_after
        self.script: deque[Fault | None] = deque()
        self.count: Counter[Fault] = Counter()
        self._random = random.Random(seed)
        self._lock = threading.Lock()

    def next(self, path: str) -> Fault | None:
        """The fault of the next request."""
        with self._lock:
            if not path.startswith(self.only):
                return None
            if self.script:
                fault = self.script.popleft()
            else:
                fault = self._random.choice(list(Fault)) if self._random.random() < self.rate else None
            if fault is not None:
                self.count[fault] += 1
            return fault

"""When may the process fork? Not while librdkafka makes or ends a producer.

Locks of C libraries that are held at that moment would be held for ever in the child.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

WAIT_S = 10.0
"""Making and ending take milliseconds, on a full machine seconds; a fork waits no longer."""


class Gate:
    """Keeps forks out while it is shut."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held = False

    @contextmanager
    def shut(self) -> Iterator[None]:
        """For the thread that makes or ends a producer."""
        with self._lock:
            yield

    def before_fork(self) -> None:
        """Wait until it is open, and hold it."""
        self._held = self._lock.acquire(timeout=WAIT_S)

    def after_in_parent(self) -> None:
        """Go on."""
        if self._held:
            self._lock.release()

    def after_in_child(self) -> None:
        """Nobody else is here."""
        self._lock = threading.Lock()


GATE = Gate()

"""Is this process still the one that moves these targets? Only the group's coordinator knows.

Whoever was stopped for a while finds out late that others have taken over: its clock went on, its
threads do too. So a raise needs a commit of offsets that the coordinator took: it takes none of a
member whose partitions are another's (Kafka protocol: OffsetCommit names the generation).
"""

from __future__ import annotations

import threading
from typing import Protocol


class Tenure(Protocol):
    """For how long raising is this process's business."""

    def holds(self, now: float, *, since: float) -> bool:
        """Whether it was confirmed lately, and asked for no earlier than `since`.

        Both are monotonic seconds. False asks for a confirmation.
        """
        ...

    @property
    def ended(self) -> bool:
        """Whether nothing will confirm it any more."""
        ...


class GroupTenure:
    """One assignment of partitions; from `end` on nothing confirms it any more. Thread-safe."""

    def __init__(self, session_s: float) -> None:
        self._session_s = session_s
        self._lock = threading.Lock()
        self._asked_at: float | None = None
        """When the last confirmation that came was asked for."""
        self._awaited = self._ended = False
        self.urgent = False
        """Whether somebody has begun to wait for a confirmation."""

    def confirm(self, asked_at: float) -> bool:
        """The coordinator took a commit of that time; whether somebody had waited for it."""
        with self._lock:
            if self._ended:
                return False
            self._asked_at = asked_at
            awaited, self._awaited = self._awaited, False
            return awaited

    def end(self) -> None:
        """The partitions are somebody else's, or soon will be."""
        with self._lock:
            self._ended = True

    @property
    def ended(self) -> bool:
        """See Tenure."""
        return self._ended

    def holds(self, now: float, *, since: float) -> bool:
        """See Tenure."""
        with self._lock:
            at = self._asked_at
            held = at is not None and at >= since and now < at + self._session_s
            if not held:
                self.urgent = self.urgent or not self._awaited
                self._awaited = True
            return held and not self._ended

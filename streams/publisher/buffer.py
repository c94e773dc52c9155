"""Where do records wait until the broker takes them? In bounded memory, and nobody waits for it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from typing import TypeAlias

from streams.publisher.drafts import Draft
from streams.publisher.usual import Usual

Waiting: TypeAlias = "Draft | Usual"


class Buffer:
    """A queue bounded in records and in (estimated) bytes; what does not fit is refused."""

    def __init__(self, *, records: int, size_bytes: int) -> None:
        self._limit = records
        self._limit_bytes = size_bytes
        self._drafts: deque[Waiting] = deque()
        self._bytes = 0
        self._taken = 0
        # Re-entrant: a signal handler may publish while this thread is in here.
        self._lock = threading.RLock()

    def __len__(self) -> int:
        """Records that wait."""
        return len(self._drafts)

    @property
    def taken(self) -> int:
        """Records that were let in so far."""
        return self._taken

    def offer(self, draft: Waiting) -> bool:
        """Let a record in; False where there is no room."""
        with self._lock:
            size = self._bytes + draft.size
            if size > self._limit_bytes or len(self._drafts) >= self._limit:
                return False
            self._drafts.append(draft)
            self._bytes = size
            self._taken += 1
        return True

    def take(self, count: int) -> list[Waiting]:
        """Up to `count` of the oldest records."""
        with self._lock:
            found = [self._drafts.popleft() for _ in range(min(count, len(self._drafts)))]
            self._bytes -= sum(draft.size for draft in found)
        return found

    def put_back(self, drafts: Sequence[Waiting]) -> None:
        """Return records that could not be sent yet, oldest first; they were let in before."""
        with self._lock:
            self._drafts.extendleft(reversed(drafts))
            self._bytes += sum(draft.size for draft in drafts)

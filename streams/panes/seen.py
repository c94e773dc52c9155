"""Which keys were met, and when last? A hash table of numbers, looked up a whole batch at a time.

Open addressing with linear probing over numpy arrays; two generations, so that what is older than
everybody's horizon is forgotten by dropping the elder one whole.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]
Times = NDArray[np.int64]

NEVER = -1
SMALLEST = 1 << 12
EMPTY = np.uint64(0)
FULLEST = 0.5
"""Share of the slots in use beyond which a table doubles."""


class Generation:
    """Times by key; 16 bytes a slot, so 32 to 64 a key."""

    def __init__(self, slots: int = SMALLEST) -> None:
        self._keys: Keys = np.zeros(slots, np.uint64)
        self._times: Times = np.full(slots, NEVER, np.int64)
        self.count = 0
        self.newest = NEVER

    def find(self, keys: Keys) -> Times:
        """When each key was met last, `NEVER` if it was not."""
        return self._times[self._slots(keys)]

    def put(self, keys: Keys, times: Times) -> None:
        """Set the times of distinct keys."""
        if keys.size == 0:
            return
        self._reserve(keys.size)
        self.newest = max(self.newest, int(times.max()))
        left = np.arange(keys.size)
        while left.size:
            slots = self._slots(keys[left])
            free = self._keys[slots] == EMPTY
            self._keys[slots] = keys[left]  # of keys that meet in one free slot the last stays
            won = self._keys[slots] == keys[left]
            self.count += int((free & won).sum())
            self._times[slots[won]] = times[left[won]]
            left = left[~won]

    def items(self) -> tuple[Keys, Times]:
        """All keys, ascending, and their times."""
        used = np.flatnonzero(self._keys != EMPTY)
        order = used[np.argsort(self._keys[used])]
        return self._keys[order], self._times[order]

    def _slots(self, keys: Keys) -> NDArray[np.int64]:
        """Where each key is, or the free slot where it would be looked for in vain."""
        last = np.uint64(self._keys.size - 1)
        slots = (keys & last).astype(np.int64)
        left = np.flatnonzero(self._missed(slots, keys))
        while left.size:
            slots[left] = (slots[left] + 1) & int(last)
            left = left[self._missed(slots[left], keys[left])]
        return slots

    def _missed(self, slots: NDArray[np.int64], keys: Keys) -> NDArray[np.bool_]:
        held = self._keys[slots]
        missed: NDArray[np.bool_] = (held != keys) & (held != EMPTY)
        return missed

    def _reserve(self, more: int) -> None:
        slots = self._keys.size
        while self.count + more > FULLEST * slots:
            slots *= 2
        if slots == self._keys.size:
            return
        used = self._keys != EMPTY
        keys, times = self._keys[used], self._times[used]
        self._keys, self._times = np.zeros(slots, np.uint64), np.full(slots, NEVER, np.int64)
        self.count = 0
        self.put(keys, times)


class Seen:
    """Keys (never 0) with the time at which each was met last, back to a horizon.

    >>> seen = Seen()
    >>> seen.put(np.array([7, 9], np.uint64), np.array([100, 110]))
    >>> seen.find(np.array([9, 8], np.uint64)).tolist()
    [110, -1]
    """

    def __init__(self) -> None:
        self._young, self._old = Generation(), Generation()

    @property
    def count(self) -> int:
        """Keys held; one that was met in both generations counts twice."""
        return self._young.count + self._old.count

    def find(self, keys: Keys) -> Times:
        """When each key was met last, `NEVER` if it was not, or forgotten."""
        found = self._young.find(keys)
        return np.maximum(found, self._old.find(keys)) if self._old.count else found

    def put(self, keys: Keys, times: Times) -> None:
        """Set the times of distinct keys, no earlier than any that they had."""
        self._young.put(keys, times)

    def forget_before(self, time: int) -> None:
        """Keys that were met last before `time` may be forgotten; all others stay."""
        if self._young.count and self._old.newest < time:
            self._young, self._old = Generation(), self._young

"""Which keys were met, and when last? A hash table of numbers, looked up a whole batch at a time.

Open addressing with linear probing over numpy arrays; two generations, so that what is older than
everybody's horizon is forgotten by dropping the elder one whole.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]
Times = NDArray[np.int64]
Slots = NDArray[np.int64]
Rows = NDArray[np.int64]
Bools = NDArray[np.bool_]

NEVER = -1
SMALLEST = 1 << 12
EMPTY = np.uint64(0)
FULLEST = 0.5
"""Share of the slots in use beyond which a table doubles."""
AHEAD = np.arange(1, 9)
"""Slots behind the first that are looked at in one step."""


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
        if keys.size:
            slots, _ = self.claim(keys)
            self.set(slots, times)

    def claim(self, keys: Keys) -> tuple[Slots, Bools]:
        """The slot of each key, and whether the key is new: its time is `NEVER` then.

        A key that comes twice has one slot, and is counted twice where it is new.
        """
        self._reserve(keys.size)
        slots = self._slots(keys)
        new = self._keys[slots] == EMPTY
        left = np.flatnonzero(new)
        while left.size:
            self._keys[slots[left]] = keys[left]  # of keys that meet in one slot the last stays
            left = left[self._keys[slots[left]] != keys[left]]
            slots[left] = self._slots(keys[left])
        self.count += int(new.sum())
        return slots, new

    def at(self, slots: Slots) -> Times:
        """The times in these slots."""
        return self._times[slots]

    def set(self, slots: Slots, times: Times) -> None:
        """Set the times in these slots, of which there are some; of equal ones the last stays."""
        self._times[slots] = times
        self.newest = max(self.newest, int(times.max()))

    def sharing(self, slots: Slots) -> Rows:
        """Which of these rows have a slot in common with another, ascending. Times are lost."""
        turn = np.arange(slots.size)
        self._times[slots] = turn
        last = self._times[slots]
        others = np.flatnonzero(last != turn)
        return np.union1d(others, last[others]) if others.size else others

    def items(self) -> tuple[Keys, Times]:
        """All keys, ascending, and their times."""
        used = np.flatnonzero(self._keys != EMPTY)
        order = used[np.argsort(self._keys[used])]
        return self._keys[order], self._times[order]

    def _slots(self, keys: Keys) -> Slots:
        """Where each key is, or the free slot where it would be looked for in vain."""
        last = np.int64(self._keys.size - 1)
        slots = (keys & np.uint64(last)).astype(np.int64)
        held = self._keys[slots]
        left = np.flatnonzero((held != keys) & (held != EMPTY))
        while left.size:
            # Most are found in the next few slots: looked at together, they cost one step.
            ahead = (slots[left, None] + AHEAD) & last
            held = self._keys[ahead]
            met = (held == keys[left, None]) | (held == EMPTY)
            step = np.where(met.any(axis=1), met.argmax(axis=1), AHEAD.size - 1)
            rows = np.arange(left.size)
            slots[left] = ahead[rows, step]
            left = left[~met[rows, step]]
        return slots

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

    def meet(self, keys: Keys, times: Times) -> tuple[Times, Rows]:
        """When each key was met last, `NEVER` if it was not; all of them are met now.

        And the rows of keys that come more than once: these are met by a `put` of the caller's,
        who knows which of them comes first.
        """
        slots, new = self._young.claim(keys)
        before = self._young.at(slots)
        if self._old.count:
            before = np.maximum(before, self._old.find(keys))
        shared = self._young.sharing(slots)
        if keys.size:
            self._young.set(slots, np.maximum(before, times))
        if shared.size:
            again = slots[shared[new[shared]]]
            self._young.count -= again.size - np.unique(again).size
            self._young.set(slots[shared], before[shared])
        return before, shared

    def forget_before(self, time: int) -> None:
        """Keys that were met last before `time` may be forgotten; all others stay."""
        if self._young.count and self._old.newest < time:
            self._young, self._old = Generation(), self._young

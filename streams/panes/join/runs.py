"""Where is a hash in sorted rows? A run: the exposures of some panes, sealed, sorted by hash.

Rows of equal hash stay in the order of their panes, and within a pane of the log. A directory of
the first bits leads to about a dozen rows, which are bisected for all hashes of a batch at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from streams.panes.join.facts import Hashes, Ints
from streams.panes.join.packing import Packed, times

Answers = NDArray[np.uint16]

NOWHERE = -1
PER_ENTRY = 8
"""Rows an entry of the directory leads to at least, on average: four bytes for so many."""


class Run:
    """Exposures of the panes from `first_pane` on, `panes` many; only answers ever change."""

    __slots__ = ("_depth", "_directory", "_shift", "answers", "first_pane", "hashes", "packed",
                 "pane_ms", "panes")  # fmt: skip

    def __init__(
        self,
        first_pane: int,
        panes: int,
        pane_ms: int,
        hashes: Hashes,
        packed: Packed,
        answers: Answers,
    ) -> None:
        """Take sorted rows; `answers` is uint16[metrics, rows], 0 where there is none."""
        self.first_pane, self.panes, self.pane_ms = first_pane, panes, pane_ms
        self.hashes, self.packed, self.answers = hashes, packed, answers
        self._shift = np.uint64(64 - max((hashes.size // PER_ENTRY).bit_length() - 1, 1))
        self._directory: NDArray[np.uint32] | None = None
        self._depth = 0

    @classmethod
    def sealed(cls, pane: int, pane_ms: int, hashes: Hashes, packed: Packed, metrics: int) -> Self:
        """The rows of one pane, in log order or sorted already."""
        order = np.argsort(hashes, kind="stable")
        answers = np.zeros((metrics, hashes.size), np.uint16)
        return cls(pane, 1, pane_ms, hashes[order], packed[order], answers)

    @classmethod
    def merged(cls, parts: Sequence[Run], first_pane: int, panes: int) -> Self:
        """Runs of ascending panes as one."""
        hashes = np.concatenate([part.hashes for part in parts])
        order = np.argsort(hashes, kind="stable")
        hashes = hashes[order]
        packed = np.concatenate([part.packed for part in parts])[order]
        answers = np.concatenate([part.answers for part in parts], axis=1)[:, order]
        return cls(first_pane, panes, parts[0].pane_ms, hashes, packed, answers)

    @property
    def size(self) -> int:
        """Rows."""
        return self.hashes.size

    @property
    def nbytes(self) -> int:
        """16 a row, 2 a row and metric, and the directory."""
        rows = self.hashes.nbytes + self.packed.nbytes + self.answers.nbytes
        return rows + (0 if self._directory is None else self._directory.nbytes)

    @property
    def last_pane(self) -> int:
        """Last pane it may hold."""
        return self.first_pane + self.panes - 1

    def times(self, at: Ints | slice = slice(None)) -> Ints:
        """Event times of these rows."""
        return times(self.packed[at], self.first_pane * self.pane_ms)

    def panes_of(self, at: Ints | slice = slice(None)) -> Ints:
        """Panes of these rows."""
        found: Ints = self.times(at) // self.pane_ms
        return found

    def find(self, hashes: Hashes, from_pane: int | Ints = 0) -> Ints:
        """First row of each hash in or after a pane, `NOWHERE` if there is none."""
        if not self.size:
            return np.full(hashes.size, NOWHERE)
        at = self._lower_bound(hashes)
        found = np.where(self._is(at, hashes), at, NOWHERE)
        first = np.broadcast_to(np.asarray(from_pane), hashes.shape)
        left = np.flatnonzero((found != NOWHERE) & (first > self.first_pane))
        while left.size:
            left = left[self.panes_of(found[left]) < first[left]]
            after = found[left] + 1
            found[left] = np.where(self._is(after, hashes[left]), after, NOWHERE)
            left = left[found[left] != NOWHERE]
        return found

    def rows_of(self, pane: int) -> tuple[Hashes, Packed]:
        """Hashes and packed fields of one pane, sorted."""
        if self.panes == 1:
            return self.hashes, self.packed
        inside = self.panes_of() == pane
        return self.hashes[inside], self.packed[inside]

    def _looked_up(self) -> NDArray[np.uint32]:
        """The directory: where the rows of each first bits begin. Made when it is needed first."""
        if self._directory is None:
            entries = 1 << (64 - int(self._shift))
            counts = np.bincount(self._entries(self.hashes), minlength=entries)
            self._directory = np.append(0, np.cumsum(counts)).astype(np.uint32)
            self._depth = int(counts.max()).bit_length()
        return self._directory

    def _entries(self, hashes: Hashes) -> NDArray[np.intp]:
        return (hashes >> self._shift).astype(np.intp)

    def _is(self, at: Ints, hashes: Hashes) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = self.hashes[np.minimum(at, self.size - 1)] == hashes
        return found & (at < self.size)

    def _lower_bound(self, hashes: Hashes) -> Ints:
        directory = self._looked_up()
        entries = self._entries(hashes)
        at = directory[entries].astype(np.int64)
        end = directory[entries + 1].astype(np.int64)
        for power in reversed(range(self._depth)):
            step = at + (1 << power)
            below = (step <= end) & (self.hashes[np.minimum(step, self.size) - 1] < hashes)
            at = np.where(below, step, at)
        return at

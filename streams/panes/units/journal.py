"""What of a ledger has changed since it was last written?

Units that were learnt of are appended; once the log is twice as long as what it tells, or lies in
too many parts, everything is written once more and the log before it goes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from streams.panes.join.stored import Changes
from streams.panes.units.open_units import OpenUnits
from streams.panes.units.packing import Hashes, Ints
from streams.panes.units.stored import Stored, log_parts, number_of, open_parts, pane_of

Rows = tuple[Hashes, Ints]
Items = Callable[[], Rows]

LONGEST = 100_000
"""Rows of the log that are never too many."""
EXCESS = 2
MOST_PARTS = 4096


class Journal:
    """Which parts the store holds, and what it does not know yet."""

    def __init__(self, arms: Mapping[str, int]) -> None:
        self._arms = dict(arms)
        self._log: set[str] = set()
        self._open: dict[int, set[str]] = {}
        self._next_number = 0
        self._rows = 0
        """Of the log, those that wait included."""
        self._learnt: list[Rows] = []
        self._changed: set[int] = set()
        """Open panes."""
        self._everything = False

    def grew(self, pane: int) -> None:
        """An open pane has seen more."""
        self._changed.add(pane)

    def learnt(self, units: Hashes, history: Ints, known: int) -> None:
        """The history of distinct units is another now; `known` units there are in all."""
        if self._everything or not units.size:
            return
        self._learnt.append((units, history))
        self._rows += units.size
        if self._rows > EXCESS * known + LONGEST:
            self._everything, self._learnt = True, []

    def anew(self, panes: set[int]) -> None:
        """Write everything next time, open `panes` too."""
        self._everything, self._learnt, self._changed = True, [], set(panes)

    @property
    def names(self) -> list[str]:
        """Parts that the store holds, ascending."""
        return sorted(self._log.union(*self._open.values()))

    def loaded(self, stored: Stored) -> None:
        """Know what a store holds."""
        for name in stored.names:
            if number_of(name) < 0:
                self._open.setdefault(pane_of(name), set()).add(name)
        self._log = {name for name in stored.names if number_of(name) >= 0}
        self._next_number = 1 + max(map(number_of, self._log), default=-1)
        self._rows, self._changed = sum(units.size for units, _ in stored.log), set()

    def take(self, items: Items, panes: Mapping[int, OpenUnits]) -> Changes:
        """What must be written and which parts must go; after that nothing is changed."""
        written = self._take_open(panes)
        gone = [name for pane in self._open.keys() - panes.keys() for name in self._open.pop(pane)]
        if self._everything or len(self._log) > MOST_PARTS:
            gone += self._log
            self._log, self._learnt = set(), [items()]
            self._everything, self._rows = False, self._learnt[0][0].size
        return Changes(written=written | self._take_log(), gone=tuple(sorted(gone)))

    def _take_open(self, panes: Mapping[int, OpenUnits]) -> dict[str, bytes]:
        written: dict[str, bytes] = {}
        for pane in sorted(self._changed & panes.keys()):
            parts = open_parts(pane, panes[pane], self._arms)
            self._open[pane] = set(parts)
            written |= parts
        self._changed.clear()
        return written

    def _take_log(self) -> dict[str, bytes]:
        units, history = _newest(self._learnt)
        self._learnt = []
        if not units.size:
            return {}
        parts = log_parts(self._next_number, units, history)
        self._next_number += 1
        self._log |= parts.keys()
        return parts


def _newest(learnt: list[Rows]) -> Rows:
    """The last history of each unit, ascending."""
    if not learnt:
        return np.empty(0, np.uint64), np.empty(0, np.int64)
    units, history = (np.concatenate(column[::-1]) for column in zip(*learnt, strict=True))
    distinct, first = np.unique(units, return_index=True)
    return distinct, history[first]

"""How do units lie in a store? Named parts of raw bytes, two columns of 8 bytes (`join/stored.py`).

`log/<number>/<piece>`: units and their history, as it was when they were written; of a unit that
stands in several the highest number holds. `open/<pane>/<arm's number>/<piece>/<segment>`: units of
an open pane and what was seen of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from streams.panes.join.stored import pairs, read_pairs
from streams.panes.units.open_units import CellKey, OpenUnits
from streams.panes.units.packing import Hashes, Ints

LOG, OPEN = "log", "open"


def log_parts(number: int, units: Hashes, history: Ints) -> dict[str, bytes]:
    """Units that were learnt of."""
    return dict(pairs(f"{LOG}/{number}", units, history.astype(np.uint64)))


def open_parts(pane: int, units: OpenUnits, arms: Mapping[str, int]) -> dict[str, bytes]:
    """Units of an open pane."""
    found = {}
    for (segment, arm), (hashes, sight) in units.all_rows():
        for name, data in pairs(f"{OPEN}/{pane}/{arms[arm]}", hashes, sight.astype(np.uint64)):
            found[f"{name}/{segment}"] = data
    return found


def number_of(name: str) -> int:
    """The number of a part of the log; -1 of any other."""
    kind, number, *_ = name.split("/")
    return int(number) if kind == LOG else -1


def pane_of(name: str) -> int:
    """The pane of a part of an open one."""
    return int(name.split("/")[1])


class Stored:
    """Parts, read."""

    def __init__(self, parts: Mapping[str, bytes]) -> None:
        self.names = set(parts)
        self._parts = parts

    @property
    def log(self) -> Iterator[tuple[Hashes, Ints]]:
        """Units and their history, the newest last; within one they are distinct."""
        names = [name for name in self.names if number_of(name) >= 0]
        for name in sorted(names, key=_order):
            units, history = read_pairs([self._parts[name]])
            yield units, history.astype(np.int64)

    def open_rows(self, arms: Sequence[str]) -> Iterator[tuple[int, CellKey, Hashes, Ints]]:
        """Pane, (segment, arm), units and what was seen of them."""
        for name in sorted(self.names):
            if number_of(name) >= 0:
                continue
            _, pane, arm, _, segment = name.split("/", 4)
            units, sight = read_pairs([self._parts[name]])
            yield int(pane), (segment, arms[int(arm)]), units, sight.astype(np.int64)


def _order(name: str) -> tuple[int, int]:
    _, number, piece = name.split("/")
    return int(number), int(piece)

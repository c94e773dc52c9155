"""Which units has a pane seen that is still open? Distinct and ascending, by segment and arm."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from streams.panes.units.packing import Hashes, Ints, merged

CellKey = tuple[str, str]
"""(segment, arm)."""
Rows = tuple[Hashes, Ints]
"""Units, ascending without repeats, and what was seen of each."""

PARTS = 16
"""Batches that wait before their rows are merged."""


class OpenUnits:
    """Units of one open pane."""

    def __init__(self) -> None:
        self._parts: dict[CellKey, list[Rows]] = {}

    @property
    def keys(self) -> list[CellKey]:
        """Ascending."""
        return sorted(self._parts)

    def add(self, key: CellKey, hashes: Hashes, sight: Ints) -> None:
        """Add a batch's rows; those of one unit are merged, in whatever order they come."""
        parts = self._parts.setdefault(key, [])
        parts.append((hashes, sight))
        if len(parts) > PARTS:
            self.rows(key)

    def rows(self, key: CellKey) -> Rows:
        """All of a key."""
        parts = self._parts[key]
        if len(parts) > 1:
            hashes, sight = (np.concatenate(column) for column in zip(*parts, strict=True))
            self._parts[key] = [distinct(hashes, sight)]
        return self._parts[key][0]

    def all_rows(self) -> Iterator[tuple[CellKey, Rows]]:
        """Of every key, ascending."""
        for key in self.keys:
            yield key, self.rows(key)


def distinct(hashes: Hashes, sight: Ints) -> Rows:
    """One row a unit, ascending."""
    order = np.argsort(hashes)
    ordered = hashes[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    return ordered[starts], merged(sight[order], starts)

"""Which units does a rollout know on a source partition, and what does a closing pane add?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np

from streams.panes.facts import Cells
from streams.panes.join.stored import Changes
from streams.panes.seen import NEVER, Generation
from streams.panes.units.counting import Census, Served, take_census
from streams.panes.units.journal import Journal
from streams.panes.units.open_units import CellKey, OpenUnits, Rows, distinct
from streams.panes.units.packing import Hashes, Ints
from streams.panes.units.stored import Stored
from streams.sketches.cell import Cell
from streams.sketches.log_histogram import margin_buckets
from streams.sketches.unit_cell import UnitCell
from streams.spec.model import BASELINE, RolloutSpec, Unit


class UnitLedger:
    """Units of one rollout on one source partition."""

    def __init__(self, spec: RolloutSpec) -> None:
        """Nothing known yet."""
        self._arms = {arm: number for number, arm in enumerate(spec.arms)}
        self._shifts = sorted({margin_buckets(margin) for margin in spec.latency_margins})
        self._most = spec.max_units
        self._known = Generation()
        self._open: dict[int, OpenUnits] = {}
        self._journal = Journal(self._arms)

    @classmethod
    def of(cls, spec: RolloutSpec) -> Self | None:
        """The ledger of a rollout that counts units; None where requests are counted."""
        return cls(spec) if spec.unit is Unit.USER else None

    @property
    def size(self) -> int:
        """Units known."""
        return self._known.count

    def add(self, pane: int, key: CellKey, hashes: Hashes, sight: Ints) -> None:
        """Take requests of an open pane; one entry each, or one a unit."""
        units = self._open.setdefault(pane, OpenUnits())
        units.add(key, *distinct(np.maximum(hashes, np.uint64(1)), sight))
        self._journal.grew(pane)

    def close(self, pane: int, cells: Cells) -> None:
        """Count a pane's units into its cells. Panes close in ascending order."""
        units = self._open.pop(pane, None)
        if units is None:
            return
        rows = dict(units.all_rows())
        every = np.unique(np.concatenate([hashes for hashes, _ in rows.values()]))
        before = self._known.find(every)
        kept = self._kept(before)
        census = Census(units=every[kept], before=before[kept], shifts=self._shifts)
        for key, cell in take_census(census, self._served(rows)).items():
            _add(cells.setdefault(key, Cell()), cell)
        changed = census.after != census.before
        units, history = census.units[changed], census.after[changed]
        self._known.put(units, history)
        self._journal.learnt(units, history, self.size)

    def _served(self, rows: Mapping[CellKey, Rows]) -> list[Served]:
        return [
            Served(
                key=key,
                arm=self._arms[key[1]],
                lowered=key[1] != BASELINE,
                units=units,
                sight=sight,
            )
            for key, (units, sight) in rows.items()
        ]

    def _kept(self, before: Ints) -> Ints:
        """Units that are known, and as many new ones, by their number, as there is room for."""
        new = np.flatnonzero(before == NEVER)
        room = max(0, self._most - self._known.count)
        return np.delete(np.arange(before.size), new[room:])

    def take_changes(self) -> Changes:
        """What must be stored, and the parts that must go; after that nothing is changed."""
        return self._journal.take(self._known.items, self._open)

    def store_anew(self) -> None:
        """Write everything with the next changes, under names that the log never had."""
        self._journal.anew(set(self._open))

    @property
    def stored_names(self) -> list[str]:
        """Parts that a store holds now."""
        return self._journal.names

    @classmethod
    def restored(cls, spec: RolloutSpec, parts: Mapping[str, bytes]) -> Self:
        """Read what `take_changes` gave to be stored."""
        ledger, stored = cls(spec), Stored(parts)
        for units, history in stored.log:
            ledger._known.put(units, history)
        for pane, key, units, sight in stored.open_rows(list(ledger._arms)):
            ledger._open.setdefault(pane, OpenUnits()).add(key, units, sight)
        ledger._journal.loaded(stored)
        return ledger


def _add(cell: Cell, counted: UnitCell) -> None:
    if cell.units is None:
        cell.units = counted
    else:
        cell.units.merge(counted)

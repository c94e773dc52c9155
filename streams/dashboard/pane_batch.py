"""What do records of `panes` hold that is shown? A batch of them as facts, rollout by rollout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

import numpy as np

from streams.dashboard.pane_groups import Ints, check
from streams.wire.pane_columns import PaneColumns, pane_columns

Body = Mapping[str, Any]
PANE, COHORT, BREACH = "davy.Pane", "davy.Cohort", "davy.Breach"
PROGRESS = "davy.Progress"


class Origin(Protocol):
    """What a record says before its body: a `Preamble`, or `Said`."""

    @property
    def source_partition(self) -> int:
        """Of the source topic."""

    @property
    def pane_ms(self) -> int:
        """How long a pane is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The same of a record that was read by itself."""

    source_partition: int
    pane_ms: int


Origins = Mapping[int, Origin]
"""By place in the batch."""
Failure = tuple[int, Exception]
"""The place of a record that makes no sense, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panes:
    """Closed panes in the order of the log; by pane its place in the batch, and whence it comes."""

    columns: PaneColumns
    at: Ints
    source_partition: Ints
    pane_ms: Ints

    @classmethod
    def of(cls, structs: Any, origins: Origins, at: Ints) -> Self:
        """From Arrow structs (`streams/wire/pane_columns.py`) and their places, one or more.

        Raises:
            ValueError: a pane makes no sense; which one is not known.
        """
        rows = [origins[row] for row in at.tolist()]
        pane_ms = np.array([row.pane_ms for row in rows], np.int64)
        columns = pane_columns(structs)
        check(columns, pane_ms)
        source = np.array([row.source_partition for row in rows], np.int64)
        return cls(columns=columns, at=at, source_partition=source, pane_ms=pane_ms)

    def spell(self, rows: Ints) -> tuple[int, int]:
        """Begin of the first and end of the last of these panes, one or more; event time, ms."""
        begin_ms, pane_ms = self.columns.pane[rows] * self.pane_ms[rows], self.pane_ms[rows]
        return int(begin_ms.min()), int((begin_ms + pane_ms).max())


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """A cohort or a breach."""

    at: int
    name: str
    body: Body


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """What a batch holds of one rollout, under the last of its specs."""

    rollout: str
    spec_hash: str
    anew: bool
    """Whether another spec was there before it in this batch."""
    rows: Ints
    """Of its panes."""
    others: Sequence[Other]
    last: int
    """Place of its last record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Records of `panes`, numbered in the order of the log."""

    partitions: Sequence[int]
    """Of `panes`, by place."""
    written_ms: Sequence[int]
    """Their timestamps, by place."""
    origins: Origins
    panes: Panes | None = None
    others: Sequence[Other] = ()
    closed_ms: Mapping[tuple[int, int], int | None] = field(default_factory=dict)
    """(partition of `panes`, source partition) -> end of its last closed pane; None: idle."""
    behind: frozenset[int] = frozenset()
    """Partitions of `panes` that are still read for the first time."""

    def bundles(self) -> list[Bundle]:
        """One for each rollout; the one that was heard of last comes last."""
        rows, others = _by_rollout(self.panes), dict[str, list[Other]]()
        for other in self.others:
            others.setdefault(other.body["rollout"], []).append(other)
        names = dict.fromkeys((*rows, *others))
        found = [
            _bundle(name, self.panes, rows.get(name, _NONE), others.get(name, [])) for name in names
        ]
        return sorted(found, key=lambda bundle: bundle.last)


_NONE = np.zeros(0, np.int64)


def _by_rollout(panes: Panes | None) -> dict[str, Ints]:
    if panes is None:
        return {}
    rollout = panes.columns.rollout
    codes = np.unique(rollout.codes).tolist()
    return {rollout.names[code]: np.flatnonzero(rollout.codes == code) for code in codes}


def _bundle(rollout: str, panes: Panes | None, rows: Ints, others: Sequence[Other]) -> Bundle:
    marks = [(other.at, str(other.body["spec_hash"])) for other in others]
    if panes is not None and rows.size:
        hashes = panes.columns.spec_hash
        codes = hashes.codes[rows].tolist()
        places = panes.at[rows].tolist()
        marks += [(at, hashes.names[code]) for at, code in zip(places, codes, strict=True)]
    last, spec_hash = max(marks)
    before = max((at for at, each in marks if each != spec_hash), default=-1)
    if before >= 0 and panes is not None:
        rows = rows[panes.at[rows] > before]
    return Bundle(
        rollout=rollout,
        spec_hash=spec_hash,
        anew=before >= 0,
        rows=rows,
        others=[other for other in others if other.at > before],
        last=last,
    )

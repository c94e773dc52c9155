"""What do the closed panes of one rollout add up to?

For each of its arms, in the whole and in at most 64 slices: traffic in buckets, and one sketch each
of latency, scores, confidences and classes; of the whole also one of the last minutes. About 20 kB
a segment and arm, so two arms without slices take 0.1 MB, with 64 slices 2 MB.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from streams.dashboard.pane_batch import BREACH, Other, Panes
from streams.dashboard.pane_groups import Group
from streams.dashboard.ripening import Ripening
from streams.dashboard.sums import Ints, Shape, Sums
from streams.panes.breaches import Breach
from streams.spec.dimensions import MOST_SLICES
from streams.spec.model import ALL_SEGMENT

Body = Mapping[str, Any]
MEASURED_S = 30
"""Of how much event time the measured share is told."""
MOST_BREACHES = 20
JOINT = ","
"""Stands in the names of combinations of slices, which are not shown."""


@dataclass(slots=True)
class Spell:
    """Which panes are in a sum: begin of the first and end of the last, event time."""

    from_ms: int | None = None
    through_ms: int | None = None

    def stretch(self, from_ms: int, through_ms: int) -> None:
        """One more pane."""
        before, after = self.from_ms, self.through_ms
        self.from_ms = from_ms if before is None else min(before, from_ms)
        self.through_ms = through_ms if after is None else max(after, through_ms)


@dataclass(slots=True)
class Half:
    """Ten minutes of the whole by arm."""

    spell: Spell = field(default_factory=Spell)
    shapes: dict[str, Shape] = field(default_factory=dict)


@dataclass(slots=True)
class PaneBook:
    """One rollout. Written by the thread that reads panes; read under the lock of `PaneBooks`."""

    spec_hash: str
    partition: int
    """Of `panes`."""
    spell: Spell = field(default_factory=Spell)
    sums: dict[tuple[str, str], Sums] = field(default_factory=dict)
    """By segment and arm."""
    halves: dict[int, Half] = field(default_factory=dict)
    """The last two, by their number."""
    lately: dict[int, dict[str, int]] = field(default_factory=dict)
    """Second -> arm -> exposures of the whole, of the last MEASURED_S seconds."""
    outcomes: dict[str, Ripening] = field(default_factory=dict)
    breaches: list[Breach] = field(default_factory=list)
    pane_ms: int = 0
    """How long a pane is; told with each record."""
    heard: float | None = None
    """When its last pane was written, monotonic seconds; None where none was read."""
    _last: dict[int, int] = field(default_factory=dict)
    """Source partition -> the last pane that was taken in."""

    def fresh(self, panes: Panes, rows: Ints) -> Ints:
        """The rows of panes that were not seen, in the order of the log; now they are.

        A broker without transactions repeats some.
        """
        found = np.zeros(len(rows), np.bool_)
        numbers, pane = panes.source_partition[rows], panes.columns.pane[rows]
        for number in np.unique(numbers).tolist():
            mine = numbers == number
            seen = np.maximum.accumulate(np.append(self._last.get(number, -1), pane[mine]))
            found[mine] = pane[mine] > seen[:-1]
            self._last[number] = int(seen[-1])
        return rows[found]

    def add(self, group: Group) -> None:
        """Fold cells of fresh panes in."""
        key, whole = (group.segment, group.arm), group.segment == ALL_SEGMENT
        if key not in self.sums and (whole or self._has_room(group.segment)):
            self.sums[key] = Sums.of(whole=whole)
        if key in self.sums:
            self.sums[key].add(group)
        if whole:
            self._measure(group)
            self._keep_recent(group)

    def other(self, other: Other, source_partition: int) -> None:
        """Take a cohort or a breach in; raises what comes of one that makes no sense."""
        if other.name == BREACH:
            self.breach(other.body)
        else:
            self.cohort(source_partition, other.body)

    def cohort(self, source_partition: int, body: Body) -> None:
        """What came of the exposures of some panes."""
        self.outcomes.setdefault(body["outcome"], Ripening()).take(source_partition, body)

    def breach(self, body: Body) -> None:
        """What keeps events from being counted."""
        found = Breach.from_state(body)
        if found not in self.breaches:
            self.breaches = [*self.breaches, found][-MOST_BREACHES:]

    def segments(self) -> list[str]:
        """Segments with sums, the whole first."""
        names = dict.fromkeys(segment for segment, _ in self.sums)
        return sorted(names, key=lambda name: (name != ALL_SEGMENT, name))

    def lately_exposures(self, since_s: float = 0.0) -> dict[str, float]:
        """Arm -> exposures of the whole in the last MEASURED_S seconds, none before `since_s`."""
        total: dict[str, float] = {}
        for second, arms in self.lately.items():
            for arm, exposures in arms.items() if second >= since_s else ():
                total[arm] = total.get(arm, 0.0) + exposures
        return total

    def _has_room(self, segment: str) -> bool:
        if JOINT in segment:
            return False
        known = {name for name, _ in self.sums} - {ALL_SEGMENT}
        return segment in known or len(known) < MOST_SLICES

    def _measure(self, group: Group) -> None:
        oldest = max([int(group.second.max()), *self.lately]) - MEASURED_S
        self.lately = {at: told for at, told in self.lately.items() if at > oldest}
        late = group.second > oldest
        counts = zip(group.second[late].tolist(), group.exposures[late].tolist(), strict=True)
        for second, exposures in counts:
            arms = self.lately.setdefault(second, {})
            arms[group.arm] = arms.get(group.arm, 0) + exposures

    def _keep_recent(self, group: Group) -> None:
        """Fold into its half, unless that is not recent any more."""
        newest = max([group.half, *self.halves])
        self.halves = {n: half for n, half in self.halves.items() if n >= newest - 1}
        if group.half >= newest - 1:
            half = self.halves.setdefault(group.half, Half())
            half.spell.stretch(group.from_ms, group.through_ms)
            half.shapes.setdefault(group.arm, Shape()).add(group)

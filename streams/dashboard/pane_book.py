"""What do the closed panes of one rollout add up to?

For each of its arms, in the whole and in at most 64 slices: traffic in buckets, and one sketch each
of latency, scores, confidences and classes; of the whole also one of the last minutes. About 20 kB
a segment and arm, so two arms without slices take 0.1 MB, with 64 slices 2 MB.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from streams.dashboard.ripening import Ripening
from streams.dashboard.sums import Shape, Sums
from streams.panes.breaches import Breach
from streams.spec.dimensions import MOST_SLICES
from streams.spec.model import ALL_SEGMENT

Body = Mapping[str, Any]
RECENT_MS = 600_000
"""A half of what is recent: the running half, and the one before it."""
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
    _last: dict[int, int] = field(default_factory=dict)
    """Source partition -> the last pane that was taken in."""

    def pane(self, source_partition: int, body: Body) -> None:
        """A closed pane; one that was seen is dropped (a broker without transactions repeats)."""
        pane = body["pane"]
        if pane <= self._last.get(source_partition, -1):
            return
        self._last[source_partition] = pane
        begin_ms, end_ms = pane * self.pane_ms, (pane + 1) * self.pane_ms
        self.spell.stretch(begin_ms, end_ms)
        half = self._half(begin_ms)
        for cell in body["cells"]:
            self._cell(begin_ms, cell)
            if half is not None and cell["segment"] == ALL_SEGMENT:
                half.spell.stretch(begin_ms, end_ms)
                half.shapes.setdefault(cell["arm"], Shape()).add(cell)

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

    def _cell(self, begin_ms: int, cell: Body) -> None:
        segment, arm = cell["segment"], cell["arm"]
        second, key = begin_ms // 1000, (segment, arm)
        whole = segment == ALL_SEGMENT
        if key not in self.sums and (whole or self._has_room(segment)):
            self.sums[key] = Sums.of(whole=whole)
        if key in self.sums:
            self.sums[key].add(second, cell)
        if whole:
            self._measure(second, arm, cell["exposures"])

    def _has_room(self, segment: str) -> bool:
        if JOINT in segment:
            return False
        known = {name for name, _ in self.sums} - {ALL_SEGMENT}
        return segment in known or len(known) < MOST_SLICES

    def _measure(self, second: int, arm: str, exposures: int) -> None:
        newest = max(self.lately, default=second)
        if second <= newest - MEASURED_S:
            return
        arms = self.lately.setdefault(second, {})
        arms[arm] = arms.get(arm, 0) + exposures
        if second > newest:
            self.lately = {at: told for at, told in self.lately.items() if at > second - MEASURED_S}

    def _half(self, begin_ms: int) -> Half | None:
        """The half that this pane lies in; None where it is not recent any more."""
        number = begin_ms // RECENT_MS
        newest = max(self.halves, default=number)
        if number < newest - 1:
            return None
        if number > newest:
            self.halves = {n: half for n, half in self.halves.items() if n >= number - 1}
        return self.halves.setdefault(number, Half())

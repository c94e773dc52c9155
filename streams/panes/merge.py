"""When may a rollout's next pane be judged, and what is in it?

Merges the closed panes of all source partitions of one rollout. The watermark is the minimum of
`closed_through` over the partitions that are not idle; a partition that has not activated, or
has no owner, blocks. What an idle partition brings later for judged panes is counted late.
Only `predictions` are waited for: outcomes have progress of their own (`cohort_merge`), and what
of them is complete goes with the next pane.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from streams.panes.cohort_merge import CohortMerge
from streams.panes.cohorts import Cohort
from streams.panes.facts import NONE, Cells, Source, cells_from_states, cells_to_states
from streams.spec.model import Outcome, RolloutSpec


@dataclass(slots=True)
class SourceProgress:
    """What one source partition has said so far."""

    closed_through: int = NONE
    idle: bool = False
    from_pane: int | None = None
    """First pane that counts; None until it has activated, -1 if it had seen no event then."""
    last_pane: int = NONE
    """Highest pane taken from it: anything up to it is a repetition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DuePane:
    """A pane that every partition has closed, or cannot close because it is idle."""

    pane: int
    cells: Cells
    idle: tuple[int, ...]
    cohorts: tuple[Cohort, ...] = ()
    """What of outcomes has become complete since the pane before."""
    joined_through: int = NONE
    """Up to the closing of which pane outcomes had been joined."""
    fates: Mapping[str, int] = field(default_factory=dict)
    """Outcomes by what became of them, since the beginning."""


@dataclass(slots=True)
class PaneMerge:
    """Panes of one rollout on their way to the judge."""

    sources: dict[int, SourceProgress] = field(default_factory=dict)
    partitions: int | None = None
    pane_ms: int | None = None
    next_pane: int | None = None
    pending: dict[int, Cells] = field(default_factory=dict)
    """Panes taken and not due. They grow while one source partition blocks: by one pane (some kB
    per segment and arm) each `pane_ms`, and `judge-state` holds them too.

    Without a bound on purpose. Not reading `panes` would also stop the progress that ends the
    block, and the other rollouts; reading the oldest again would need a second reader of the
    same log at another place. Whoever blocks is silent, so weights do not rise meanwhile.
    """
    late: int = 0
    """Panes that came after theirs had been judged."""
    joined: CohortMerge = field(default_factory=CohortMerge)
    hold_ms: int = 0
    """How long panes stay open behind the watermark, in wait of pairs (`RolloutSpec`)."""

    @classmethod
    def of(cls, spec: RolloutSpec) -> Self:
        """Nothing taken yet of a rollout."""
        return cls(joined=CohortMerge(spec.outcomes), hold_ms=spec.pair_hold_ms)

    def take(self, record: Mapping[str, Any], rollout: str, spec_hash: str) -> None:
        """Take a decoded record of `panes`; those of other rollouts do nothing."""
        if record["source"] != Source.PREDICTIONS:
            self.joined.take(record, rollout, spec_hash)
            return
        name, body = record["body"]
        partition = record["source_partition"]
        if name == "davy.Progress":
            self.progress(partition, body["closed_through"], idle=body["idle"])
        elif (body["rollout"], body["spec_hash"]) != (rollout, spec_hash):
            return
        elif name == "davy.Pane":
            self.pane(partition, body["pane"], cells_from_states(body["cells"]))
        elif body["until_offset"] is None:
            count, pane_ms = record["source_partitions"], record["pane_ms"]
            self.activation(partition, count, pane_ms, body["from_pane"])

    def activation(self, partition: int, partitions: int, pane_ms: int, from_pane: int) -> None:
        """A source partition counts from this pane on."""
        self.partitions, self.pane_ms = partitions, pane_ms
        self._source(partition).from_pane = from_pane

    def progress(self, partition: int, closed_through: int, *, idle: bool) -> None:
        """A source partition has closed panes up to here."""
        source = self._source(partition)
        source.closed_through = max(source.closed_through, closed_through)
        source.idle = idle

    def pane(self, partition: int, pane: int, cells: Cells) -> None:
        """Take one closed pane; repetitions are dropped, late ones counted."""
        source = self._source(partition)
        if pane <= source.last_pane:
            return
        source.last_pane = pane
        if self.next_pane is not None and pane < self.next_pane:
            self.late += 1
            return
        merged = self.pending.setdefault(pane, {})
        for key, cell in cells.items():
            if key in merged:
                merged[key].merge(cell)
            else:
                merged[key] = cell.copy()

    def take_due(self) -> DuePane | None:
        """Return the next pane to be judged and step past it; None while it is not due."""
        if self.next_pane is None:
            self.next_pane = self._first_pane()
        busy = [source.closed_through for source in self.sources.values() if not source.idle]
        if self.next_pane is None or not busy or min(busy) - self._lag < self.next_pane:
            return None
        pane, self.next_pane = self.next_pane, self.next_pane + 1
        idle = tuple(sorted(p for p, source in self.sources.items() if source.idle))
        return DuePane(
            pane=pane,
            cells=self.pending.pop(pane, {}),
            idle=idle,
            cohorts=self.joined.take_due(),
            joined_through=self.joined.joined_through,
            fates=self.joined.fates,
        )

    @property
    def _lag(self) -> int:
        """Panes by which closing follows the watermark."""
        return -(-self.hold_ms // self.pane_ms) if self.pane_ms else 0

    def _first_pane(self) -> int | None:
        """The first pane that is whole on every partition; None until all have activated."""
        starts = [source.from_pane for source in self.sources.values()]
        if self.partitions is None or len(starts) < self.partitions:
            return None
        known = [start for start in starts if start is not None]
        if len(known) < len(starts):
            return None
        seen = [start for start in known if start > NONE]
        first = max(seen) if seen else min(self.pending, default=None)
        if first is not None:
            for pane in [pane for pane in self.pending if pane < first]:
                del self.pending[pane]
        return first

    def _source(self, partition: int) -> SourceProgress:
        return self.sources.setdefault(partition, SourceProgress())

    def to_state(self) -> dict[str, Any]:
        """JSON-able state."""
        return {
            "sources": {
                str(p): [s.closed_through, s.idle, s.from_pane, s.last_pane]
                for p, s in sorted(self.sources.items())
            },
            "partitions": self.partitions,
            "pane_ms": self.pane_ms,
            "next_pane": self.next_pane,
            "pending": {
                str(pane): cells_to_states(cells) for pane, cells in sorted(self.pending.items())
            },
            "late": self.late,
            "joined": self.joined.to_state(),
            "hold_ms": self.hold_ms,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any], outcomes: Sequence[Outcome] = ()) -> Self:
        """Read what `to_state` wrote for the same outcomes."""
        joined = CohortMerge(outcomes)
        joined.restore(state["joined"])
        return cls(
            sources={int(p): SourceProgress(*s) for p, s in state["sources"].items()},
            partitions=state["partitions"],
            pane_ms=state["pane_ms"],
            next_pane=state["next_pane"],
            pending={
                int(pane): cells_from_states(cells) for pane, cells in state["pending"].items()
            },
            late=state["late"],
            joined=joined,
            hold_ms=state["hold_ms"],
        )

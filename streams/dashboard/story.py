"""What is remembered of one rollout, of all but its panes? Fed record by record.

At most 1000 turns and 200 other decisions, 500 changes of weights, 2000 entries of the trail, and
192 series of 600 buckets: 15 MB where all of it is used, and mostly below one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from streams.dashboard import trail
from streams.dashboard.changes import Changes
from streams.dashboard.claims import Claims
from streams.dashboard.decided import Decided
from streams.dashboard.told import (
    FullCommand,
    FullDecision,
    FullLease,
    FullRouting,
    FullSpec,
)
from streams.dashboard.trail import Trail
from streams.judge.weights import SEEN
from streams.spec.model import RolloutSpec


@dataclass(slots=True)
class Visit:
    """When a stage was entered and left, event time; None: not, or before what is remembered."""

    entered_s: float | None = None
    left_s: float | None = None


@dataclass(slots=True)
class Story:
    """One rollout. Written by the thread that follows the log; read under the lock of `Stories`."""

    spec: RolloutSpec
    decided: Decided = field(default_factory=Decided)
    claims: Claims = field(default_factory=Claims)
    trail: Trail = field(default_factory=Trail)
    wanted: Changes = field(default_factory=Changes)
    applied: Changes = field(default_factory=Changes)
    visits: dict[int, Visit] = field(default_factory=dict)
    """By index of the stage."""
    judged_pane: int = -1
    from_begin: bool = False
    """Whether its first decision was read."""

    @classmethod
    def begin(cls, record: FullSpec, spec: RolloutSpec) -> Story:
        """A rollout was applied."""
        story = cls(spec)
        story.trail.add(trail.applied(record, spec))
        return story

    def decide(self, fact: FullDecision) -> None:
        """A decision came into force."""
        through_s = fact.through_ms / 1000
        self._visit(fact, through_s)
        self.wanted.put(through_s, fact.weights_bp)
        self.claims.put(fact.through_ms, fact.decision.verdicts)
        if self.decided.put(fact):
            self.trail.add(trail.decided(fact))

    def doubt(self, fact: FullDecision, why: str) -> None:
        """A decision is not believed."""
        self.trail.add(trail.doubted(fact, why))

    def command(self, command: FullCommand) -> None:
        """A person said something."""
        self.trail.add(trail.commanded(command))

    def route(self, record: FullRouting) -> None:
        """Something was told of the target."""
        if record.phase in SEEN and record.applied_bp:
            self.applied.put(record.since / 1000, record.applied_bp)
        self.trail.route(record)

    def hear(self, lease: FullLease) -> None:
        """The judge was heard."""
        if lease.spec_hash == self.spec.spec_hash:
            self.judged_pane = max(self.judged_pane, lease.pane)

    def _visit(self, fact: FullDecision, at_s: float) -> None:
        last = self.decided.last
        before = None if last is None else last.stage
        if fact.stage == before:
            return
        if before in self.visits:
            self.visits[before].left_s = at_s
        if last is None:
            self.from_begin = fact.seq == 1
        if fact.stage >= 0:
            known = last is not None or self.from_begin
            self.visits[fact.stage] = Visit(entered_s=at_s if known else None)

"""Does the log hold all that was sent, where it is looked for?

Added partitions end belief in every verdict, for good: keys lie elsewhere from then on. Records
deleted unread are missing in all arms alike, whatever they answered, so harm is still believed;
but nothing is raised on what is left until a person resumes, which begins the stage afresh.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self, assert_never

from streams.judge.decision_facts import Finding, HealthCheck, Verdict
from streams.judge.health import told
from streams.panes.breaches import ROLLOUT_TOPICS, Breach, BreachKind

NAME = "log"
Stretch = tuple[str, int, int]
"""Topic, partition and first offset of what was deleted."""
Claim = tuple[str, str, str]
"""Metric, candidate and segment."""


@dataclass(slots=True)
class LogHealth:
    """What was heard of one rollout's topics."""

    rollout: str
    counts: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Topic -> partitions when the rollout began, and now, where they differ."""
    lost: dict[Stretch, int] = field(default_factory=dict)
    """Last offset of each stretch that was deleted; told twice, it counts once."""
    seen: int = 0
    """Offsets lost by the time a person resumed."""
    harm: tuple[Claim, ...] = ()
    """What had been found when partitions changed."""

    def hear(self, breaches: Iterable[Breach]) -> None:
        """What owners told."""
        for breach in breaches:
            match breach.kind:
                case BreachKind.PARTITIONS_CHANGED:
                    began, _ = self.counts.get(breach.topic, (breach.first, 0))
                    self.counts[breach.topic] = began, breach.last
                case BreachKind.RECORDS_LOST:
                    where = breach.topic, breach.partition, breach.first
                    self.lost[where] = max(breach.last, self.lost.get(where, -1))
                case _:
                    assert_never(breach.kind)

    def resume(self) -> None:
        """A person has looked: the stage begins afresh after what was lost."""
        self.seen = self.missing

    def keep_harm(self, verdicts: Iterable[Verdict]) -> None:
        """Remember what was found before a breach is heard."""
        if not self.failure:
            self.harm = tuple(_claim(v) for v in verdicts if v.finding is Finding.HARM)

    def with_harm(self, verdicts: tuple[Verdict, ...]) -> tuple[Verdict, ...]:
        """The verdicts; harm that was found before they became invalid stays found."""
        if not self.failure or not self.harm:
            return verdicts
        return tuple(
            replace(v, finding=Finding.HARM, reason="e_harm_crossed")
            if _claim(v) in self.harm
            else v
            for v in verdicts
        )

    @property
    def missing(self) -> int:
        """How many offsets were deleted unread."""
        return sum(last - first + 1 for (_, _, first), last in self.lost.items())

    @property
    def resumable(self) -> bool:
        """Whether records were lost since a person last resumed."""
        return self.missing > self.seen

    @property
    def failure(self) -> str:
        """Reason code that makes all verdicts invalid; empty if none does."""
        return BreachKind.PARTITIONS_CHANGED.value if self.counts else ""

    @property
    def changed(self) -> str:
        """Why nothing may ever be raised again, for a person; empty if something may."""
        if not self.counts:
            return ""
        each = (f"{_named(t)} from {a} to {b}" for t, (a, b) in sorted(self.counts.items()))
        return (
            f"{self.failure}: the count of partitions went while the rollout lived: "
            f"{', '.join(each)}; keys lie elsewhere since, nothing is raised any more: "
            f"run `davy rollout abort {self.rollout}` and apply a new rollout"
        )

    @property
    def incomplete(self) -> str:
        """Why nothing is raised until a person resumes; empty if nothing is missing."""
        if not self.resumable:
            return ""
        return (
            f"{self._missing}; give the topic a longer retention, then "
            f"`davy rollout resume {self.rollout}` begins the stage afresh"
        )

    @property
    def _missing(self) -> str:
        where = sorted({f"{topic}-{number}" for topic, number, _ in self.lost})
        return (
            f"{BreachKind.RECORDS_LOST}: {self.missing} records of {', '.join(where)} were deleted "
            "before they were read"
        )

    def check(self) -> HealthCheck:
        """The check; observed is how many offsets are missing."""
        seen = f"{self._missing}; the stage began afresh since" if self.lost else "whole"
        reason = self.changed or self.incomplete or seen
        ok = not self.counts and not self.resumable
        return told(NAME, reason, ok=ok, observed=float(self.missing), expected=0.0)

    def to_state(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "counts": [[topic, *pair] for topic, pair in sorted(self.counts.items())],
            "lost": [[*where, last] for where, last in sorted(self.lost.items())],
            "seen": self.seen,
            "harm": [list(claim) for claim in self.harm],
        }

    @classmethod
    def from_state(cls, rollout: str, state: Mapping[str, Any]) -> Self:
        """Read what `to_state` wrote."""
        counts = {topic: (began, now) for topic, began, now in state["counts"]}
        lost = {(topic, number, first): last for topic, number, first, last in state["lost"]}
        harm = tuple((metric, arm, segment) for metric, arm, segment in state["harm"])
        return cls(rollout, counts, lost, state["seen"], harm)


def _claim(verdict: Verdict) -> Claim:
    return verdict.metric, verdict.candidate, verdict.segment


def _named(topic: str) -> str:
    return f"{topic} and the others by rollout" if topic == ROLLOUT_TOPICS else topic

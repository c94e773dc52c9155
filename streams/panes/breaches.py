"""What kept a rollout from counting all that was sent? Facts on `panes`, written by owners.

Two things can: partitions that were added (keys go elsewhere from then on, so users, repetitions
and outcomes no longer meet) and records that retention deleted before they were read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from streams.panes.facts import NONE, Body

MEMBER = "davy.Breach"
ROLLOUT_TOPICS = "panes"
"""Stands for all topics that are kept by rollout."""


class BreachKind(StrEnum):
    """What happened."""

    PARTITIONS_CHANGED = "partitions_changed"
    RECORDS_LOST = "records_lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """One of them; topics are named without prefix."""

    kind: BreachKind
    topic: str
    partition: int = NONE
    """Whose records are lost; -1 where partitions changed."""
    first: int
    """First lost offset; how many partitions there must be."""
    last: int
    """Last lost offset; how many partitions there are."""

    @classmethod
    def of_partitions(cls, topic: str, planned: int, found: int) -> Breach:
        """A topic has another count of partitions than the rollout began with."""
        kind = BreachKind.PARTITIONS_CHANGED
        return cls(kind=kind, topic=topic, first=planned, last=found)

    @classmethod
    def of_records(cls, topic: str, partition: int, first: int, end: int) -> Breach:
        """Offsets from `first` on (included) to `end` (excluded) were deleted unread."""
        kind = BreachKind.RECORDS_LOST
        return cls(kind=kind, topic=topic, partition=partition, first=first, last=end - 1)

    def body(self, rollout: str, spec_hash: str) -> Body:
        """The union member that tells it to a rollout's judge."""
        return MEMBER, {"rollout": rollout, "spec_hash": spec_hash} | self.to_state()

    def to_state(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"kind": self.kind.value}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Breach:
        """Read what `to_state` or `body` wrote."""
        fields = {name: state[name] for name in cls.__slots__}
        return cls(**fields | {"kind": BreachKind(state["kind"])})


@dataclass(slots=True)
class BreachMerge:
    """Breaches of one rollout on their way to the judge.

    Owners tell them; that counts differ from those at its begin is also seen from what owners
    say of every record, for a worker may have been started with new settings.
    """

    counts: dict[str, int] = field(default_factory=dict)
    """Topic -> how many partitions it had when the rollout began."""
    waiting: list[Breach] = field(default_factory=list)

    def take(self, record: Mapping[str, Any], rollout: str, spec_hash: str) -> None:
        """Take a decoded record of `panes`; those of other rollouts do nothing."""
        name, body = record["body"]
        if name == MEMBER and (body["rollout"], body["spec_hash"]) == (rollout, spec_hash):
            self._hear(Breach.from_state(body))
        self._compare(record["source"], record["source_partitions"])
        self._compare(ROLLOUT_TOPICS, record.get("rollout_partitions", 0))

    def _compare(self, topic: str, count: int) -> None:
        """With the count heard before; 0 is no count."""
        before = self.counts.get(topic, 0) or count
        if count:
            self.counts[topic] = count
        if count and count != before:
            self._hear(Breach.of_partitions(topic, before, count))

    def _hear(self, breach: Breach) -> None:
        if breach not in self.waiting:  # owners repeat themselves, and panes may be long in coming
            self.waiting.append(breach)

    def take_all(self) -> tuple[Breach, ...]:
        """What was told since the last time this was asked, in order."""
        found, self.waiting = tuple(self.waiting), []
        return found

    def to_state(self) -> dict[str, Any]:
        """JSON-able state."""
        waiting = [breach.to_state() for breach in self.waiting]
        return {"counts": dict(sorted(self.counts.items())), "waiting": waiting}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> BreachMerge:
        """Read what `to_state` wrote."""
        waiting: Iterable[Mapping[str, Any]] = state["waiting"]
        return cls(dict(state["counts"]), [Breach.from_state(each) for each in waiting])

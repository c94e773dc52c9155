"""What does a record of the log mean here? The verdict server's facts, with all that people see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from streams.actuator.desk import Record, SpecRead
from streams.actuator.facts import CommandRead, LeaseFact, RoutingRecord
from streams.actuator.reader import Arrived
from streams.judge.decision_facts import Decision
from streams.judge.record import decision_from_record
from streams.verdicts.facts import ToldDecision
from streams.verdicts.told import told

Wider = TypeVar("Wider")


@dataclass(frozen=True, slots=True, kw_only=True)
class FullSpec(SpecRead):
    """A spec, and who applied it."""

    applied_by: str
    where: str
    """Topic, partition and offset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptDecision(ToldDecision):
    """What the board keeps of a decision, however many rollouts there are: nothing of slices."""

    healthy: bool
    """Whether all health checks held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FullDecision(ToldDecision):
    """A decision with all its evidence."""

    decision: Decision
    where: str

    def kept(self) -> KeptDecision:
        """The same without what only a story needs."""
        names = (field.name for field in fields(ToldDecision))
        known: dict[str, Any] = {name: getattr(self, name) for name in names}
        return KeptDecision(**known, healthy=all(check.ok for check in self.decision.health))

    @property
    def through_ms(self) -> int:
        """End of the pane that it follows from, event time."""
        return (self.decision.cut.pane + 1) * self.decision.pane_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class FullCommand(CommandRead):
    """What a person asks, and why."""

    reason: str
    stage: int | None
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FullLease(LeaseFact):
    """A heartbeat, and how far its judge has come."""

    pane: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FullRouting(RoutingRecord):
    """What is told of a target, and where."""

    where: str


def full(topic: str, record: dict[str, Any], arrived: Arrived) -> Record:
    """The fact of a decoded record of `topic`, named without prefix."""
    fact, where = told(topic, record, arrived), str(arrived)
    match fact:
        case SpecRead():
            return _wider(FullSpec, fact, applied_by=record["applied_by"], where=where)
        case ToldDecision():
            return _wider(FullDecision, fact, decision=decision_from_record(record), where=where)
        case CommandRead():
            reason, stage = record["reason"], record["stage"]
            return _wider(FullCommand, fact, reason=reason, stage=stage, where=where)
        case LeaseFact():
            return _wider(FullLease, fact, pane=record["pane"])
        case RoutingRecord():
            return _wider(FullRouting, fact, where=where)
        case _:
            raise TypeError(f"{where}: decisions come here in full, as ToldDecision")


def _wider(kind: Callable[..., Wider], fact: Record, **more: Any) -> Wider:
    """The same fact with more fields."""
    known: dict[str, Any] = {field.name: getattr(fact, field.name) for field in fields(fact)}
    return kind(**known, **more)

"""What does a record of the log mean here? The actuator's facts, and more of a decision."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from streams.actuator.desk import Record
from streams.actuator.facts import DecisionFact
from streams.actuator.reader import Arrived, made
from streams.judge.decision_facts import Finding, Verdict
from streams.spec.model import ALL_SEGMENT
from streams.verdicts.facts import ToldDecision


def told(topic: str, record: dict[str, Any], arrived: Arrived) -> Record:
    """The fact of a decoded record of `topic`, named without prefix."""
    fact = made(topic, record, arrived)
    if not isinstance(fact, DecisionFact):
        return fact
    known = {field.name: getattr(fact, field.name) for field in fields(DecisionFact)}
    return ToldDecision(
        **known,
        reason=record["reason"],
        stage=record["stage"],
        at_ms=arrived.at_ms,
        verdicts=tuple(
            Verdict(**row | {"finding": Finding(row["finding"])})
            for row in record["verdicts"]
            if row["segment"] == ALL_SEGMENT
        ),
    )

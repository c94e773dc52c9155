"""What does a record mean to whoever is told? The actuator's facts, and what people read of them.

A bad record means nothing, and stops nothing. Nor does a decision without its signature where
trusted keys are set: the actuator says in `routing` that it was refused, and that is told.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from confluent_kafka import Message

from streams.actuator.desk import Record, SpecRead
from streams.actuator.facts import CommandRead, DecisionFact, RoutingRecord
from streams.actuator.reader import Arrived, made
from streams.notify.decisions import DecisionRead, decision_read
from streams.notify.facts import Place
from streams.notify.story import CommandTold, Entry, Fact, SpecTold


def told(topic: str, record: dict[str, Any], arrived: Arrived) -> Record:
    """The fact of a decoded record of `topic`, named without prefix."""
    fact = made(topic, record, arrived)
    match fact:
        case SpecRead():
            return SpecTold(**_known(fact, SpecRead), actor=record["applied_by"])
        case DecisionFact():
            return decision_read(fact, record)
        case CommandRead():
            return CommandTold(**_known(fact, CommandRead), reason=record["reason"])
        case _:
            return fact


def entry_of(topic: str, message: Message, record: Record | None) -> Entry | None:
    """A record with its place and time; None where nobody is to be told of it."""
    fact = _believed(record)
    if fact is None:
        return None
    place = Place(topic=topic, partition=message.partition() or 0, offset=message.offset() or 0)
    return Entry(fact=fact, place=place, at_ms=max(message.timestamp()[1], 0))


def _believed(record: Record | None) -> Fact | None:
    match record:
        case DecisionRead() if record.doubted is None:
            return record
        case SpecRead() | RoutingRecord() | CommandTold():
            return record
        case _:
            return None


def _known(fact: object, kind: type[SpecRead | CommandRead]) -> dict[str, Any]:
    return {field.name: getattr(fact, field.name) for field in fields(kind)}

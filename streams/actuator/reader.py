"""What does a message mean to the actuator? A bad one means nothing, and stops nothing.

A decision that cannot be read is no link of the chain: raises that follow from it are refused
until a person says resume, lower weights are not. Where trusted keys are set, leases without their
signature are skipped, and decisions are passed on with the doubt, so that `routing` tells it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message

from streams.actuator.desk import Record, SpecRead
from streams.actuator.facts import DecisionFact, LeaseFact
from streams.actuator.lines import say, say_text
from streams.actuator.records import command_read, decision_fact, lease_fact, routing_record
from streams.errors import RegistryError
from streams.spec.model import RolloutSpec
from streams.tracing.context import traceparent
from streams.wire.codec import Codec
from streams.wire.own import Fault, OwnRecords
from streams.wire.signatures import SIGNED, TrustedKeys
from streams.wire.sparing import Sparing

STORE_RETRY_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A message as the readers of davy's own topics want it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, Any], ...]
    at_ms: int = 0
    """The record's timestamp; 0 where it has none."""

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition}@{self.offset}"


def made(topic: str, record: dict[str, Any], arrived: Arrived) -> Record:
    """The actuator's fact of a decoded record of `topic`, named without prefix."""
    match topic:
        case "rollouts":
            spec = RolloutSpec.from_json(record["spec"])
            return SpecRead(rollout=spec.rollout, spec=spec, at_ms=arrived.at_ms)
        case "decisions":
            return decision_fact(record, arrived.value or b"", traceparent(arrived.headers))
        case "leases":
            return lease_fact(record)
        case "commands":
            return command_read(record)
        case _:
            return routing_record(record)


class RecordReader:
    """Turns messages into facts; `make` says which, `name` begins its lines in the log."""

    def __init__(
        self,
        codec: Codec,
        trusted: TrustedKeys | None = None,
        waits: Callable[[], object] = lambda: None,
        *,
        make: Callable[[str, dict[str, Any], Arrived], Record] = made,
        name: str = "actuator",
    ) -> None:
        self.own = OwnRecords(codec, Sparing(partial(_skipped, name)))
        self._away = Sparing(partial(say_text, logging.ERROR, f"{name}.no_registry"))
        self._trusted = trusted
        self._make = make
        self._waits = waits
        """Called while a schema store that does not answer is waited for."""

    def read(self, topic: str, message: Message, stopping: threading.Event) -> Record | None:
        """The fact; None for a record that is no good, and when it is time to stop.

        A schema store that does not answer is waited for: the record may be good.
        """
        record = arrived_of(message)
        while True:
            try:
                return self._fact(topic, record)
            except RegistryError as error:
                self._away.say(str(error), f"{record}: {error}")
                self._waits()
                if stopping.wait(STORE_RETRY_S):
                    return None

    def remind(self) -> None:
        """Tell how much more was skipped; call it now and then."""
        self.own.remind()

    def _fact(self, topic: str, record: Arrived) -> Record | None:
        if topic == "rollouts" and record.value is None:
            key = (record.key or b"").decode(errors="replace")
            return SpecRead(rollout=key, spec=None)
        fact = self.own.made(topic, record, lambda read: self._make(topic, read, record))
        if topic not in SIGNED or self._trusted is None:
            return fact
        doubted = self._trusted.doubt(record.topic, record.key, record.value, record.headers)
        if fact is not None and doubted is not None:
            self.own.skip(record, Fault(code=doubted.code, detail=topic, advice=doubted.sentence))
        match fact:
            case DecisionFact():
                return replace(fact, doubted=doubted)
            case LeaseFact():
                return replace(fact, signed=True) if doubted is None else None
            case _:
                return fact


def arrived_of(message: Message) -> Arrived:
    """What a consumer gave, as `Arrived`."""
    headers: Any = message.headers()
    kind, at_ms = message.timestamp()
    return Arrived(
        topic=message.topic() or "",
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        key=_bytes(message.key()),
        value=_bytes(message.value()),
        headers=tuple(headers or ()),
        at_ms=0 if kind == TIMESTAMP_NOT_AVAILABLE else at_ms,
    )


def _bytes(raw: bytes | str | None) -> bytes | None:
    return raw.encode() if isinstance(raw, str) else raw


def _skipped(name: str, text: str) -> None:
    say(logging.WARNING, f"{name}.skipped", {"record": text})

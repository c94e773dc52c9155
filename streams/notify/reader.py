"""What does a message mean to whoever is told? A bad one means nothing, and stops nothing.

Where trusted keys are set, a decision without its signature tells nothing: the actuator says in
`routing` that it was refused, and that is told.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from confluent_kafka import Message

from streams.actuator.records import routing_record
from streams.errors import RegistryError
from streams.judge.facts import CommandKind
from streams.notify.decisions import decision_read
from streams.notify.facts import Place
from streams.notify.lines import say_text
from streams.notify.story import Arrived, CommandTold, Fact, SpecTold
from streams.spec.model import RolloutSpec
from streams.wire.codec import Codec
from streams.wire.own import Fault, OwnRecords
from streams.wire.signatures import SIGNED, TrustedKeys
from streams.wire.sparing import Sparing

STORE_RETRY_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Raw:
    """A message as the readers of davy's own topics want it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, Any], ...]

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition}@{self.offset}"


class RecordReader:
    """Turns messages into facts."""

    def __init__(
        self, codec: Codec, trusted: TrustedKeys | None, waits: Callable[[], object]
    ) -> None:
        """`waits` is called while a schema store that does not answer is waited for."""
        self._own = OwnRecords(codec, Sparing(partial(say_text, logging.WARNING, "skipped")))
        self._away = Sparing(partial(say_text, logging.ERROR, "no_registry"))
        self._trusted, self._waits = trusted, waits

    def read(self, topic: str, message: Message, stopping: threading.Event) -> Arrived | None:
        """The fact; None for a record that is no good, and when it is time to stop.

        A schema store that does not answer is waited for: the record may be good.
        """
        raw = _raw(message)
        while True:
            try:
                fact = self._fact(topic, raw)
            except RegistryError as error:
                self._away.say(str(error), f"{raw}: {error}")
                self._waits()
                if stopping.wait(STORE_RETRY_S):
                    return None
            else:
                place = Place(topic=topic, partition=raw.partition, offset=raw.offset)
                at_ms = max(message.timestamp()[1], 0)
                return None if fact is None else Arrived(fact=fact, place=place, at_ms=at_ms)

    def remind(self) -> None:
        """Tell how much more was skipped; call it now and then."""
        self._own.remind()

    def _fact(self, topic: str, raw: _Raw) -> Fact | None:
        if topic == "rollouts" and raw.value is None:
            return SpecTold(rollout=(raw.key or b"").decode(errors="replace"), spec=None)
        fact = self._own.made(topic, raw, partial(_made, topic))
        if topic not in SIGNED or self._trusted is None or fact is None:
            return fact
        doubted = self._trusted.doubt(raw.topic, raw.key, raw.value, raw.headers)
        if doubted is None:
            return fact
        self._own.skip(raw, Fault(code=doubted.code, detail=topic, advice=doubted.sentence))
        return None


def _made(topic: str, record: dict[str, Any]) -> Fact:
    match topic:
        case "rollouts":
            spec = RolloutSpec.from_json(record["spec"])
            return SpecTold(rollout=spec.rollout, spec=spec, actor=record["applied_by"])
        case "decisions":
            return decision_read(record)
        case "commands":
            return CommandTold(
                rollout=record["rollout"],
                kind=CommandKind(record["command"].lower()),
                actor=record["actor"],
                reason=record["reason"],
            )
        case _:
            return routing_record(record)


def _raw(message: Message) -> _Raw:
    headers: Any = message.headers()
    return _Raw(
        topic=message.topic() or "",
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        key=_bytes(message.key()),
        value=_bytes(message.value()),
        headers=tuple(headers or ()),
    )


def _bytes(raw: bytes | str | None) -> bytes | None:
    return raw.encode() if isinstance(raw, str) else raw

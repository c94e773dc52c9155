"""How is a command written? One record of `commands`, on the broker when it is answered."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, Protocol

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streams.broker import LIBRDKAFKA
from streams.errors import LogError
from streams.settings import Property, Settings
from streams.wire.codec import Codec
from streams.wire.store import open_store

TOPIC = "commands"
DELIVERY_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What a person asks; times are milliseconds since the epoch."""

    rollout: str
    kind: str
    """In capitals, as the schema names it."""
    actor: str
    reason: str
    at_ms: int
    stage: int | None = None
    until_ms: int | None = None

    def to_record(self) -> dict[str, Any]:
        """The Avro record `davy.Command`."""
        return {
            "rollout": self.rollout,
            "command": self.kind,
            "actor": self.actor,
            "reason": self.reason,
            "at": self.at_ms,
            "stage": self.stage,
            "until": self.until_ms,
        }


class Pen(Protocol):
    """Who writes commands."""

    def write(self, command: Command, partition: int) -> str:
        """Write one; returns where it stands.

        Raises:
            LogError: it was not delivered.
            RegistryError: our schema cannot be looked up.
        """
        ...


class KafkaPen:
    """Writes to the topic, with a client a command: they are few. For any thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._codec = Codec(open_store(settings), settings.prefix)
        self._lock = threading.Lock()

    def write(self, command: Command, partition: int) -> str:
        """See Pen."""
        place = f"{self._settings.topic(TOPIC)}-{partition}"
        with self._lock:
            value = self._codec.encode(TOPIC, command.to_record())
            try:
                error, offset = self._delivered(command.rollout, value, partition)
            except KafkaException as failure:
                error, offset = failure.args[0], None
        if error is not None or offset is None:
            why = error.str() if error is not None else f"no answer within {DELIVERY_S:.0f} s"
            raise LogError(f"{place}: the command was not delivered: {why}")
        return f"{place}@{offset}"

    def _delivered(
        self, key: str, value: bytes, partition: int
    ) -> tuple[KafkaError | None, int | None]:
        told: list[tuple[KafkaError | None, int | None]] = []

        def delivered(error: KafkaError | None, message: Message) -> None:
            told.append((error, message.offset()))

        producer = Producer(self._settings.confluent(**_CONFIG), logger=LIBRDKAFKA)
        topic = self._settings.topic(TOPIC)
        producer.produce(topic, value, key, partition, on_delivery=delivered)
        producer.flush(DELIVERY_S + 1)
        return told[0] if told else (None, None)


_CONFIG: dict[str, Property] = {"acks": "all", "message.timeout.ms": int(DELIVERY_S * 1000)}

"""What does a message mean to the actuator? A bad one means nothing, and stops nothing."""

from __future__ import annotations

import logging
import threading
from typing import Any

from confluent_kafka import Message

from streams.actuator.desk import Record, SpecRead
from streams.actuator.lines import say
from streams.actuator.records import command_read, decision_fact, lease_fact, routing_record
from streams.errors import RegistryError
from streams.spec.model import RolloutSpec
from streams.wire.codec import Codec

STORE_RETRY_S = 1.0


class RecordReader:
    """Turns messages into facts."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec

    def read(self, topic: str, message: Message, stopping: threading.Event) -> Record | None:
        """The fact; None for a record that is no good, and when it is time to stop.

        A schema store that does not answer is waited for: the record may be good.
        """
        while True:
            try:
                return self._fact(topic, message)
            except RegistryError as error:
                say(logging.ERROR, "actuator.no_registry", _where(message) | {"error": str(error)})
                if stopping.wait(STORE_RETRY_S):
                    return None
            except Exception as error:  # noqa: BLE001 - whatever is in it, it must not stop us
                facts = _where(message) | {"error": f"{type(error).__name__}: {error}"}
                say(logging.ERROR, "actuator.poison", facts)
                return None

    def _fact(self, topic: str, message: Message) -> Record | None:
        value: bytes | None = message.value()
        if value is None:
            rollout = (message.key() or b"").decode()
            return SpecRead(rollout=rollout, spec=None) if topic == "rollouts" else None
        record = self._codec.decode(topic, value)
        match topic:
            case "rollouts":
                spec = RolloutSpec.from_json(record["spec"])
                return SpecRead(rollout=spec.rollout, spec=spec)
            case "decisions":
                return decision_fact(record, value)
            case "leases":
                return lease_fact(record)
            case "commands":
                return command_read(record)
            case _:
                return routing_record(record)


def _where(message: Message) -> dict[str, Any]:
    return {"at": f"{message.topic()}-{message.partition()}@{message.offset()}"}

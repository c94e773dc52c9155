"""How do routing records reach Kafka, and how is it known that they are there?"""

from __future__ import annotations

import logging
import threading
from typing import Any

from confluent_kafka import KafkaException, Producer

from streams.actuator.facts import RoutingRecord
from streams.actuator.lines import say
from streams.actuator.records import routing_to_record
from streams.broker import LIBRDKAFKA
from streams.errors import WireError
from streams.judge.facts import RoutingPhase
from streams.settings import Settings
from streams.wire.codec import Codec

TOPIC = "routing"
POLL_S = 0.1
FLUSH_S = 5.0
BY_KEY = -1
"""The partitioner chooses."""


class KafkaJournal:
    """See Journal. One idempotent producer for all rollouts; used by many threads."""

    def __init__(self, settings: Settings, codec: Codec, *, idempotent: bool) -> None:
        self._topic = settings.topic(TOPIC)
        self._codec = codec
        config = {
            "acks": "all",
            "enable.idempotence": idempotent,
            "partitioner": "murmur2_random",
            "linger.ms": 0,
        }
        self._producer = Producer(settings.confluent() | config, logger=LIBRDKAFKA)
        self._lock = threading.Lock()
        self._stored: dict[str, int] = {}
        self.lost = 0
        """Records that the log did not take."""
        self._homes: dict[str, int] = {}
        self._closing = threading.Event()
        self._poller = threading.Thread(target=self._serve, name="journal", daemon=True)
        self._poller.start()

    def settle(self, rollout: str, partition: int) -> None:
        """A rollout's records go to the partition where its spec lies, whatever is added."""
        self._homes.setdefault(rollout, partition)

    def write(self, record: RoutingRecord, *, wait_s: float) -> int | None:
        """See Journal."""
        stored = threading.Event()
        offsets: list[int] = []

        def delivered(error: Any, message: Any) -> None:
            if error is None:
                self._note(record)
                offsets.append(message.offset())
                stored.set()
            else:
                self.lost += 1
                facts = {"rollout": record.rollout, "phase": record.phase, "error": error.str()}
                say(logging.ERROR, "actuator.record_lost", facts)

        try:
            with self._lock:
                value = self._codec.encode(TOPIC, routing_to_record(record))
            key = record.rollout.encode()
            home = self._homes.get(record.rollout, BY_KEY)
            self._producer.produce(self._topic, value, key, home, on_delivery=delivered)
        except (BufferError, KafkaException, WireError) as error:  # no reason not to go down
            self.lost += 1
            facts = {"rollout": record.rollout, "phase": record.phase, "error": str(error)}
            say(logging.ERROR, "actuator.record_lost", facts)
            return None
        return offsets[0] if wait_s > 0 and stored.wait(wait_s) else None

    def stored_fence(self, rollout: str) -> int:
        """See Journal."""
        return self._stored.get(rollout, 0)

    def close(self) -> None:
        """Wait a little for what is under way, then stop."""
        self._producer.flush(FLUSH_S)
        self._closing.set()
        self._poller.join()

    def _note(self, record: RoutingRecord) -> None:
        if record.phase is not RoutingPhase.REFUSED:
            self._stored[record.rollout] = max(record.fence, self.stored_fence(record.rollout))

    def _serve(self) -> None:
        """Call back as deliveries come in."""
        while not self._closing.is_set():
            self._producer.poll(POLL_S)

"""What do the log's decisions, routing records and leases say, as they come in?

Reads the topics from their beginning, without a group. Where the broker has no transactions a
decision may stand in the log twice; its number tells.
"""

from __future__ import annotations

import contextlib
from typing import Any, Self

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

from streams.demo.acts import Told, candidate_share
from streams.judge.record import decision_from_record
from streams.settings import Settings
from streams.wire.codec import Codec
from streams.wire.store import open_store

BATCH = 500
READER: dict[str, str | int | bool] = {
    "enable.auto.commit": False,
    "fetch.wait.max.ms": 100,
    "fetch.queue.backoff.ms": 10,
}
SEEN = ("applied", "observed")


class Feed:
    """The newest facts by rollout; `refresh` reads on. Use as a context manager."""

    def __init__(self, settings: Settings) -> None:
        self._codec = Codec(open_store(settings), settings.prefix)
        self._topics = {settings.topic(name): name for name in ("decisions", "routing", "leases")}
        self._told: dict[str, dict[int, Told]] = {}
        self._applied: dict[str, float] = {}
        self._released: set[str] = set()
        self._consumer = Consumer(
            settings.confluent(**{**READER, "group.id": f"{settings.group}-demo"})
        )
        self._consumer.assign(
            [
                TopicPartition(topic, partition, OFFSET_BEGINNING)
                for topic in self._topics
                for partition in range(settings.rollout_partitions)
            ]
        )

    def refresh(self, wait_s: float) -> None:
        """Read what has come in, for at most `wait_s` seconds."""
        for message in self._consumer.consume(BATCH, timeout=wait_s):
            if message.error() is not None:
                continue  # librdkafka goes on by itself
            topic = self._topics[message.topic() or ""]
            self._take(topic, self._codec.decode(topic, message.value()), message.timestamp()[1])

    def _take(self, topic: str, record: dict[str, Any], at_ms: int) -> None:
        rollout = record["rollout"]
        if topic == "decisions":
            told = Told(decision=decision_from_record(record), at_ms=at_ms)
            self._told.setdefault(rollout, {}).setdefault(told.decision.seq, told)
        elif topic == "leases" and record["state"] == "ENDED":
            self._released.add(rollout)
        elif topic == "routing" and record["phase"] in SEEN:
            self._applied[rollout] = candidate_share(record["applied_bp"])

    def told(self, rollout: str) -> tuple[Told, ...]:
        """The rollout's decisions in order."""
        return tuple(told for _, told in sorted(self._told.get(rollout, {}).items()))

    def applied(self, rollout: str) -> float | None:
        """The candidate's share at the target, as the actuator saw it last."""
        return self._applied.get(rollout)

    def released(self, rollout: str) -> bool:
        """Whether the judge has ended its lease."""
        return rollout in self._released

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(KafkaException):  # the broker may be gone already
            self._consumer.close()

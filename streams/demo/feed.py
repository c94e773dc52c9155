"""What do the log's decisions and routing records say, as they come in?

Reads the two topics from their beginning, without a group. Where the broker has no transactions a
decision may stand in the log twice; its number tells.
"""

from __future__ import annotations

import contextlib
from types import TracebackType
from typing import Self

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
        self._topics = {settings.topic(name): name for name in ("decisions", "routing")}
        self._told: dict[str, dict[int, Told]] = {}
        self._applied: dict[str, float] = {}
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
            record = self._codec.decode(topic, message.value())
            if topic == "decisions":
                decision = decision_from_record(record)
                told = Told(decision=decision, at_ms=message.timestamp()[1])
                self._told.setdefault(decision.rollout, {}).setdefault(decision.seq, told)
            elif record["phase"] in SEEN:
                self._applied[record["rollout"]] = candidate_share(record["applied_bp"])

    def told(self, rollout: str) -> tuple[Told, ...]:
        """The rollout's decisions in order."""
        return tuple(told for _, told in sorted(self._told.get(rollout, {}).items()))

    def applied(self, rollout: str) -> float | None:
        """The candidate's share at the target, as the actuator saw it last."""
        return self._applied.get(rollout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(KafkaException):  # the broker may be gone already
            self._consumer.close()

"""With which settings does an actuator join its group, and what must it be assigned there?"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from confluent_kafka import KafkaError, TopicPartition

from streams.errors import LogError
from streams.settings import Settings

STATISTICS_MS = 5000
DECISIONS = "decisions"
Answered = Callable[[KafkaError | None, list[TopicPartition]], None]


def consumer_config(
    settings: Settings, statistics: Callable[[str], None], answered: Answered
) -> dict[str, object]:
    """What librdkafka is told; `answered` hears of commits, `statistics` every few seconds."""
    config: dict[str, object] = {
        "group.id": f"{settings.group}-actuator",
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "earliest",
        "partition.assignment.strategy": "range",
        "statistics.interval.ms": STATISTICS_MS,
        "stats_cb": statistics,
        "fetch.queue.backoff.ms": 10,
        "fetch.wait.max.ms": 100,
        "fetch.error.backoff.ms": 50,
        "session.timeout.ms": int(settings.session_timeout_s * 1000),
        "heartbeat.interval.ms": int(settings.heartbeat_s * 1000),
        "on_commit": answered,
    }
    if settings.instance_id is not None:
        config["group.instance.id"] = f"{settings.instance_id}-actuator"
    return settings.confluent() | config


def complete(
    settings: Settings, topics: Iterable[str], partitions: list[TopicPartition]
) -> list[int]:
    """The assigned partition indexes; every topic must come with the same ones.

    Partitions that were added since the start hold nothing of a rollout that lives.
    """
    planned = range(settings.rollout_partitions)
    found = {
        topic: sorted(
            p.partition for p in partitions if p.topic == topic and p.partition in planned
        )
        for topic in topics
    }
    first = found[settings.topic(DECISIONS)]
    if any(numbers != first for numbers in found.values()):
        raise LogError(
            f"group {settings.group}-actuator: topics are shared out unevenly ({found}); "
            "every member needs the same prefix, every topic the same partition count"
        )
    return first

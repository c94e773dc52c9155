"""Where does one hook's consumer begin, and how is it committed how far it has come?"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streams.errors import LogError
from streams.notify.ledger import Mark
from streams.notify.lines import say
from streams.settings import Settings

Part = tuple[str, int]
"""Full name of a topic, and a partition's number."""
ASK_S = 10.0


def group_of(settings: Settings, hook: str) -> str:
    """The consumer group of a hook."""
    return f"{settings.group}-notify-{hook}"


def lane_config(
    settings: Settings,
    hook: str,
    answered: Callable[[KafkaError | None, list[TopicPartition]], None],
) -> dict[str, object]:
    """What librdkafka is told; `answered` hears of commits."""
    config: dict[str, object] = {
        "group.id": group_of(settings, hook),
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "earliest",
        "partition.assignment.strategy": "range",
        "queued.max.messages.kbytes": 4096,
        "fetch.wait.max.ms": 100,
        "fetch.error.backoff.ms": 50,
        "session.timeout.ms": int(settings.session_timeout_s * 1000),
        "heartbeat.interval.ms": int(settings.heartbeat_s * 1000),
        "on_commit": answered,
    }
    if settings.instance_id is not None:
        config["group.instance.id"] = f"{settings.instance_id}-notify-{hook}"
    return settings.confluent() | config


def begin_at(consumer: Consumer, parts: Iterable[Part]) -> dict[Part, Mark]:
    """Where each partition was left; one that was never read begins at its end, once for all.

    Raises:
        LogError: the broker does not say where.
    """
    asked = [TopicPartition(topic, number) for topic, number in parts]
    try:
        known = consumer.committed(asked, ASK_S)
        marks = {
            (part.topic, part.partition): Mark.read(part.offset, part.metadata)
            for part in known
            if part.offset >= 0
        }
        new = {
            (part.topic, part.partition): _end(consumer, part) for part in known if part.offset < 0
        }
        if new:  # before anything is read: one killed here would begin later the next time
            consumer.commit(offsets=commits(new), asynchronous=False)
    except KafkaException as error:
        raise LogError(
            f"the broker does not say where to go on with {_named(asked)}: {error.args[0].str()}; "
            "does it answer, and may this account read and commit the group of the hook? "
            "(`davy acls show notify`)"
        ) from error
    return marks | new


def tell_lost(consumer: Consumer, marks: Mapping[Part, Mark]) -> dict[Part, int]:
    """How many records retention deleted before they were told; said, and reading goes on."""
    lost = {}
    for (topic, number), mark in marks.items():
        try:
            first, _ = consumer.get_watermark_offsets(TopicPartition(topic, number), ASK_S)
        except KafkaException:
            continue  # not knowing is no reason not to go on
        if first > mark.through:
            lost[topic, number] = first - mark.through
            facts = {"at": f"{topic}-{number}", "offsets": f"{mark.through} to {first - 1}"}
            say(logging.ERROR, "records_lost", facts)
    return lost


def commits(marks: Mapping[Part, Mark]) -> list[TopicPartition]:
    """Marks as a consumer commits them."""
    return [
        TopicPartition(topic, number, mark.offset, mark.metadata)
        for (topic, number), mark in marks.items()
    ]


def _named(parts: Iterable[TopicPartition]) -> str:
    return ", ".join(sorted({str(part.topic) for part in parts}))


def _end(consumer: Consumer, part: TopicPartition) -> Mark:
    _, high = consumer.get_watermark_offsets(part, ASK_S)
    return Mark(offset=high, through=high)

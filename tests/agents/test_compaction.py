"""Compaction keeps the last record of a key: is it ever a zombie's?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from aiokafka.errors import ProducerFenced
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from streams.agents.writer import OutRecord, TransactionalWriter, send
from streams.demo.processes import wait_until
from streams.errors import FencedError
from streams.settings import Settings
from streams.topics import create_topics

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture
def settings(kafka: str, prefix: str) -> Settings:
    made = Settings(bootstrap=kafka, prefix=prefix, rollout_partitions=1, source_partitions=1)
    create_topics(made)
    return made


def state(settings: Settings, value: str, key: str = "digits-v2") -> OutRecord:
    topic = settings.topic("judge-state")
    return OutRecord(topic=topic, key=key, value=value.encode(), partition=0)


def compact_soon(settings: Settings) -> None:
    """Segments end at the next record, and whatever is in one that ended may be compacted."""
    wanted = {"segment.ms": "1", "min.cleanable.dirty.ratio": "0.0", "delete.retention.ms": "0"}
    entries = [
        ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
        for key, value in wanted.items()
    ]
    name = settings.topic("judge-state")
    resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries)
    admin = AdminClient(settings.confluent())
    for done in admin.incremental_alter_configs([resource]).values():
        done.result(30)


@contextmanager
def reader(settings: Settings, isolation: str) -> Iterator[Consumer]:
    config = {"group.id": "nobody", "isolation.level": isolation, "enable.partition.eof": True}
    consumer = Consumer(settings.confluent(**config, **{"auto.offset.reset": "earliest"}))
    try:
        yield consumer
    finally:
        consumer.close()


def held(settings: Settings, isolation: str) -> list[str]:
    """Values of the rollout's key that the log still holds, in order."""
    found: list[str] = []
    with reader(settings, isolation) as consumer:
        consumer.assign([TopicPartition(settings.topic("judge-state"), 0, 0)])
        while (message := consumer.poll(10)) is not None and message.error() is None:
            if message.key() == b"digits-v2":
                found.append((message.value() or b"").decode())
    return found


async def test_a_zombies_state_is_nowhere(settings: Settings) -> None:
    """Half-written, written later, tried again: what counts and what is left is the new owner's."""
    connection = settings.aiokafka()
    zombie = TransactionalWriter(connection, f"{settings.prefix}judge-0")
    owner = TransactionalWriter(connection, f"{settings.prefix}judge-0")
    await zombie.start()
    await zombie.write([state(settings, "first")])
    unfinished = zombie._producer.transaction()
    await unfinished.__aenter__()
    await (await send(zombie._producer, state(settings, "half")))
    await owner.start()
    await owner.write([state(settings, "owner")])
    with pytest.raises(ProducerFenced):
        await unfinished.__aexit__(None, None, None)
    assert held(settings, "read_committed") == ["first", "owner"]
    assert held(settings, "read_committed") == ["first", "owner"]
    compact_soon(settings)
    await owner.write([state(settings, "another rollout's", key="other")])
    await owner.write([state(settings, "another rollout's", key="other")])
    await asyncio.to_thread(
        wait_until,
        lambda: len(held(settings, "read_uncommitted")) == 1,
        what="compaction",
        deadline_s=90,
    )
    assert held(settings, "read_committed") == held(settings, "read_uncommitted") == ["owner"]
    await zombie.stop()
    await owner.stop()


async def test_a_zombie_is_told_each_time(settings: Settings) -> None:
    """Between its transactions: the next one is refused, and so are all after it."""
    connection = settings.aiokafka()
    zombie = TransactionalWriter(connection, f"{settings.prefix}judge-0")
    owner = TransactionalWriter(connection, f"{settings.prefix}judge-0")
    await zombie.start()
    await zombie.write([state(settings, "first")])
    await owner.start()
    for _ in range(2):
        with pytest.raises(FencedError, match="another owner has started"):
            await zombie.write([state(settings, "later")])
    await owner.write([state(settings, "owner")])
    assert held(settings, "read_committed") == ["first", "owner"]
    await zombie.stop()
    await owner.stop()

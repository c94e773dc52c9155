"""Real topics to publish to, and a reader of what arrived."""

import time
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, TopicPartition

from streams.publisher import Publisher
from streams.settings import Settings
from streams.topics import create_topics
from tests.conftest import Broker
from tests.publisher.arrivals import Arrived, Read, arrived


@pytest.fixture
def topics(broker: Broker, prefix: str) -> Settings:
    """Davy's topics under the test's prefix."""
    settings = Settings(bootstrap=broker.bootstrap, prefix=prefix, source_partitions=4)
    create_topics(settings)
    return settings


@pytest.fixture
def read(topics: Settings) -> Read:
    """`read(topic, count)`: the topic's records, once there are at least `count` of them."""

    def records(topic: str, count: int) -> list[Arrived]:
        consumer = Consumer(topics.confluent(**{"group.id": "reader", "enable.auto.commit": False}))
        name = topics.topic(topic)
        consumer.assign([TopicPartition(name, index, 0) for index in range(4)])
        found: list[Arrived] = []
        until = time.monotonic() + 20
        while len(found) < count and time.monotonic() < until:
            for message in consumer.consume(1000, 0.2):
                assert message.error() is None
                found.append(arrived(topic, message))
        consumer.close()
        assert len(found) >= count, f"{len(found)} of {count} records in {name}"
        return found

    return records


@pytest.fixture
def publisher(topics: Settings) -> Iterator[Publisher]:
    """A publisher on a real broker, with the ids shipped with davy."""
    with Publisher(
        bootstrap=topics.bootstrap,
        service="digits",
        model_version="v2",
        prefix=topics.prefix,
    ) as found:
        yield found

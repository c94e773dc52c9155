r"""Print davy's topics with Confluent's own deserializer; nothing of davy's is needed.

    pip install 'confluent-kafka[avro,schemaregistry]'
    python read.py --bootstrap localhost:9092 \
        --registry http://localhost:8081/apis/ccompat/v7 decisions routing

One JSON object a record, from the beginning of each topic to its end as it is now. Bytes where the
topic has no subject at the registry (`dead-letters`), or where a value is damaged.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient, SchemaRegistryError
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext, SerializationError

ANSWER_S = 10.0
NOT_FOUND = 404
DAMAGED = (SerializationError, EOFError, ValueError, IndexError)
# The id in front of a value names its schema; the subject is asked for nothing.
BY_TOPIC = {"subject.name.strategy.type": "TOPIC"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A record of a topic, decoded."""

    topic: str
    partition: int
    offset: int
    key: str | None
    headers: dict[str, bytes]
    value: Any
    """The Avro record; None: the key was deleted; bytes where the topic has no schema, or where
    the value is none of a schema that the registry knows."""


def records(
    bootstrap: str, registry: str, topics: Sequence[str], kafka: Mapping[str, str] | None = None
) -> Iterator[Record]:
    """Every committed record of the topics, partition by partition as they come."""
    with contextlib.closing(SchemaRegistryClient({"url": registry})) as client:
        avro = AvroDeserializer(client, conf=BY_TOPIC)
        with_schema = {topic for topic in topics if _has_schema(client, topic)}
        for message in _messages(bootstrap, topics, kafka or {}):
            yield _record(message, avro if message.topic() in with_schema else None)


def _has_schema(client: SchemaRegistryClient, topic: str) -> bool:
    try:
        client.get_versions(f"{topic}-value")
    except SchemaRegistryError as refusal:
        if refusal.http_status_code == NOT_FOUND:
            return False
        raise
    return True


def _record(message: Any, avro: AvroDeserializer | None) -> Record:
    topic, value, key = message.topic(), message.value(), message.key()
    if avro is not None:
        with contextlib.suppress(*DAMAGED):
            value = avro(value, SerializationContext(topic, MessageField.VALUE))
    return Record(
        topic=topic,
        partition=message.partition(),
        offset=message.offset(),
        key=None if key is None else key.decode("utf-8"),
        headers=dict(message.headers() or ()),
        value=value,
    )


def _messages(bootstrap: str, topics: Sequence[str], kafka: Mapping[str, str]) -> Iterator[Any]:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "reader",  # the client wants one; nothing is committed
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            **kafka,
        }
    )
    try:
        places = [place for topic in topics for place in _places(consumer, topic)]
        consumer.assign(places)
        open_places = len(places)
        while open_places:
            message: Any = consumer.poll(ANSWER_S)
            if message is None:
                raise TimeoutError(f"{bootstrap} does not answer within {ANSWER_S:g} s")
            if message.error() is None:
                yield message
            elif message.error().code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its name
                open_places -= 1
            else:
                raise KafkaException(message.error())
    finally:
        consumer.close()


def _places(consumer: Consumer, topic: str) -> list[TopicPartition]:
    found = consumer.list_topics(topic, timeout=ANSWER_S).topics[topic]
    if found.error is not None:
        raise KafkaException(found.error)
    return [TopicPartition(topic, number, 0) for number in found.partitions]


def printable(value: Any) -> Any:
    """What JSON has no words for: times in ISO 8601, bytes in base 64."""
    match value:
        case datetime():
            return value.isoformat()
        case bytes():
            return base64.b64encode(value).decode()
        case _:
            raise TypeError(f"{type(value).__name__} has no JSON")


def main() -> None:
    """Print what was asked for."""
    raw = argparse.RawDescriptionHelpFormatter
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    asked.add_argument("topics", nargs="+", help="full names, with their prefix")
    asked.add_argument("--bootstrap", default="localhost:9092")
    asked.add_argument("--registry", default="http://localhost:8081/apis/ccompat/v7")
    given = asked.parse_args()
    for record in records(given.bootstrap, given.registry, given.topics):
        print(json.dumps(asdict(record), default=printable))


if __name__ == "__main__":
    main()

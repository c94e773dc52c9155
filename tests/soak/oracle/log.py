"""What do the topics hold? Read whole, committed records only, decoded with fastavro alone."""

from __future__ import annotations

import io
import json
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import fastavro
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streams.settings import Settings
from streams.wire.schemas import load_schema, schema_folder, subject_of, without

HEADER = 5
ANSWER_S = 30.0
NO_END = 1 << 63
NO_TYPES = "logicalType"
UNREADABLE = (
    EOFError,
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    OverflowError,
    AttributeError,
    fastavro.read.SchemaResolutionError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A record as it lies in the log."""

    topic: str
    """Without prefix."""
    partition: int
    offset: int
    at_ms: int
    """The broker's time where the topic has append time, else the producer's."""
    key: str
    value: bytes | None
    headers: dict[str, str]

    @property
    def body(self) -> bytes:
        """The Avro body behind the framing."""
        return (self.value or b"")[HEADER:]

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition}@{self.offset}"


def read_topic(
    settings: Settings, topic: str, below: Mapping[int, int] | None = None
) -> list[Record]:
    """Every committed record of a topic, by partition and offset.

    `below`: partition -> offset that need not be read any more; for topics that still grow.
    """
    config = {
        "group.id": "soak-oracle",
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
        "auto.offset.reset": "earliest",
        "fetch.wait.max.ms": 50,
        "fetch.queue.backoff.ms": 5,
        "log_level": 0,
    }
    consumer = Consumer(settings.confluent(**config))
    try:
        name = settings.topic(topic)
        partitions = consumer.list_topics(name, timeout=ANSWER_S).topics[name].partitions
        consumer.assign([TopicPartition(name, number, 0) for number in partitions])
        messages = _until_end(consumer, len(partitions), below or {})
        found = [_record(topic, message) for message in messages]
    finally:
        consumer.close()
    return sorted(found, key=lambda record: (record.partition, record.offset))


def _until_end(consumer: Consumer, partitions: int, below: Mapping[int, int]) -> Iterator[Any]:
    ended: set[int] = set()
    heard_s = time.monotonic()
    while len(ended) < partitions:
        for message in consumer.consume(1000, timeout=0.05):
            heard_s = time.monotonic()
            error = message.error()
            if error is None:
                number = message.partition()
                ended.discard(number)
                if message.offset() < below.get(number, NO_END):
                    yield message
                if message.offset() + 1 >= below.get(number, NO_END):
                    ended.add(number)
            elif error.code() == KafkaError._PARTITION_EOF:
                ended.add(message.partition())
            else:
                raise KafkaException(error)
        if time.monotonic() - heard_s > ANSWER_S:
            raise RuntimeError(f"the broker did not answer for {ANSWER_S:g} s")


def _record(topic: str, message: Any) -> Record:
    headers = {name: value.decode(errors="replace") for name, value in message.headers() or ()}
    return Record(
        topic=topic,
        partition=message.partition(),
        offset=message.offset(),
        at_ms=message.timestamp()[1],
        key=(message.key() or b"").decode(errors="replace"),
        value=message.value(),
        headers=headers,
    )


class Avro:
    """Reads and writes bodies by the schemas that stand beside the code or in a registry."""

    def __init__(self, registry: str | None = None) -> None:
        self._registry = registry
        listed = json.loads((schema_folder() / "ids.json").read_text())["schemas"]
        self._schemas: dict[int, Any] = {entry["id"]: entry["schema"] for entry in listed}
        self._subjects = {entry["id"]: entry["subject"] for entry in listed}
        self._parsed: dict[tuple[str, int], Any] = {}
        self._ours: dict[str, Any] = {}

    def read(self, topic: str, value: bytes | None) -> dict[str, Any] | None:
        """The record in the topic's own schema; None where these bytes are none."""
        if value is None or len(value) < HEADER or value[0] != 0:
            return None
        writer = self._writer(topic, int.from_bytes(value[1:HEADER], "big"))
        if writer is None:
            return None
        body = io.BytesIO(value[HEADER:])
        try:
            found: Any = fastavro.schemaless_reader(
                body,
                writer,
                self.ours(topic),
                return_record_name=True,
                return_record_name_override=True,
            )
        except UNREADABLE:
            return None
        return None if body.read(1) else found

    def write(self, topic: str, record: dict[str, Any]) -> bytes:
        """The body that this record has."""
        out = io.BytesIO()
        fastavro.schemaless_writer(out, self.ours(topic), record, strict_allow_default=True)
        return out.getvalue()

    def ours(self, topic: str) -> Any:
        """The topic's schema as it is now."""
        if topic not in self._ours:
            schema = without(load_schema(subject_of(topic).schema), "doc", NO_TYPES)
            self._ours[topic] = fastavro.parse_schema(schema)
        return self._ours[topic]

    def _writer(self, topic: str, number: int) -> Any:
        if (topic, number) not in self._parsed:
            schema = self._schemas.get(number) if self._registry is None else self._asked(number)
            self._parsed[topic, number] = None if schema is None else _meant(topic, schema)
        return self._parsed[topic, number]

    def _asked(self, number: int) -> Any:
        try:
            with urllib.request.urlopen(f"{self._registry}/schemas/ids/{number}") as answer:
                return json.loads(json.load(answer)["schema"])
        except urllib.error.HTTPError:
            return None


def _meant(topic: str, schema: Any) -> Any:
    """The writer's schema, if it is one of this topic's records."""
    ours = load_schema(subject_of(topic).schema)
    if schema.get("name") != ours["name"]:
        return None
    return fastavro.parse_schema(without(schema, "doc", NO_TYPES))

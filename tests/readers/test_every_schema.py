"""Every record that a schema of davy's can hold is read by readers that are not ours, equal."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from confluent_kafka import Producer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra.readers.read import records
from infra.rigs import java_reader
from infra.rigs.cache import Absent
from streams.access_settings import RegistrySettings
from streams.agents.cells import stamp_headers
from streams.settings import Settings
from streams.topics import DEAD_LETTERS, create_topics
from streams.wire.codec import Codec
from streams.wire.deadletter import dead_letter
from streams.wire.reasons import Reason
from streams.wire.registry import RegistrySchemaStore
from streams.wire.schemas import SUBJECTS
from streams.wire.signatures import Signer
from tests.conftest import Absence
from tests.readers.seen import avro_json, latin, plain, with_milliseconds
from tests.wire.samples import RECORDS

Headers = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A record as it was sent; `record` is None where there is no schema, or no value."""

    topic: str
    key: str
    value: bytes | None
    record: dict[str, Any] | None
    headers: Headers


@dataclass(frozen=True, slots=True, kw_only=True)
class Poison:
    """A record that nobody can use."""

    offset: int = 7
    key: bytes | None = "ключ".encode()
    value: bytes | None = b"\x00\x00\xff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Topics that hold one of everything."""

    settings: Settings
    registry: str
    sent: list[Sent]

    @property
    def topics(self) -> list[str]:
        """Their full names, in order of the records."""
        return [self.settings.topic(name) for name in (*RECORDS, DEAD_LETTERS)]


SIGNER = Signer(Ed25519PrivateKey.generate())


def beside(topic: str, name: str, key: str, value: bytes) -> Headers:
    """The headers that davy's writers put to a record of the topic (`name`: without prefix)."""
    match name:
        case "cells":
            return stamp_headers((3, 7))
        case "decisions":
            return (("issued_at", b"1790000000000"), *SIGNER.headers(topic, key.encode(), value))
        case "leases":
            return SIGNER.headers(topic, key.encode(), value)
        case _:
            return ()


def one_of_everything(settings: Settings, codec: Codec) -> list[Sent]:
    sent = []
    for name, examples in RECORDS.items():
        topic = settings.topic(name)
        for number, record in enumerate(examples):
            key, value = f"{name}/ü/{number}", codec.encode(name, record)
            headers = beside(topic, name, key, value)
            sent.append(Sent(topic=topic, key=key, value=value, record=record, headers=headers))
    cells = settings.topic("cells")
    gone = Sent(topic=cells, key="gone", value=None, record=None, headers=stamp_headers((3, 8)))
    source = (settings.topic("predictions"), 0)
    topic = settings.topic(DEAD_LETTERS)
    letter = dead_letter(topic, source, Poison(), Reason.TRUNCATED, "3 of 5 bytes, größer")
    raw = Sent(topic=topic, key="ключ", value=letter.value, record=None, headers=letter.headers)
    return [*sent, gone, raw]


@pytest.fixture(scope="module")
def site(kafka: str, registry: str) -> Site:
    """One of everything, written by davy's codec with the ids that a real registry gave."""
    prefix = f"t{uuid.uuid4().hex[:10]}-"
    settings = Settings(bootstrap=kafka, prefix=prefix, source_partitions=1, rollout_partitions=1)
    create_topics(settings)
    codec = Codec(RegistrySchemaStore(RegistrySettings(url=registry)), prefix)
    assert codec.register().keys() == SUBJECTS.keys()
    sent = one_of_everything(settings, codec)
    producer = Producer(settings.confluent(**{"linger.ms": 5}))
    for each in sent:
        producer.produce(each.topic, each.value, each.key, headers=list(each.headers))
    assert producer.flush(30) == 0
    return Site(settings=settings, registry=registry, sent=sent)


def as_json(one: Sent, names: Mapping[str, str]) -> Any:
    """The value as the Java reader tells it; `names` are without prefix by full name."""
    if one.record is None:
        return latin(one.value)
    return avro_json(names[one.topic], one.record)


def by_topic(found: list[tuple[str, Any]]) -> dict[str, list[Any]]:
    """The order between topics is nobody's."""
    told: dict[str, list[Any]] = {}
    for topic, what in found:
        told.setdefault(topic, []).append(what)
    return told


def test_confluents_deserializer(site: Site) -> None:
    """Keys as strings, headers, and every value equal to what was written."""
    found = [
        (one.topic, (one.key, one.headers, with_milliseconds(one.value)))
        for one in records(site.settings.bootstrap, site.registry, site.topics)
    ]
    wanted = [
        (one.topic, (one.key, dict(one.headers), plain(one.record or one.value)))
        for one in site.sent
    ]
    assert by_topic(found) == by_topic(wanted)


def test_java_with_plain_avro(site: Site, absent: Absence) -> None:
    """The same in Avro's own JSON encoding, which names the branches of unions."""
    try:
        found = java_reader.read(site.settings.bootstrap, site.registry, site.topics)
    except Absent as missing:
        absent("kafka", str(missing))
    names = {site.settings.topic(name): name for name in SUBJECTS}
    wanted = [
        (one.topic, (one.key, {name: latin(raw) for name, raw in one.headers}, as_json(one, names)))
        for one in site.sent
    ]
    read = [(one["topic"], (one["key"], one["headers"], one["value"])) for one in found]
    assert by_topic(read) == by_topic(wanted)

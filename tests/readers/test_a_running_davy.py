"""Davy at work on Apache Kafka with a registry: readers that are not ours read all it wrote."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest

from infra.readers.read import Record, records
from infra.rigs import java_reader
from infra.rigs.cache import Absent
from streams.cli.main import run
from streams.demo.processes import Part, Parts
from streams.publisher import Publisher
from streams.topics import DEAD_LETTERS, TopicPlan, topic_plans
from streams.wire.codec import Codec
from streams.wire.envelope import SIGNED_ONLY, headers_of
from streams.wire.keys import new_pair
from streams.wire.store import open_store
from tests.agents.pipeline import Pipeline
from tests.conftest import Absence
from tests.exporter.test_export import process_page
from tests.readers.seen import avro_json, latin, plain, with_milliseconds

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ROLLOUT = "digits-v2"
SPEC = """\
service: digits
baseline: v1
candidate: v2
route: {memory: {name: digits}}
stages: [{weight: 50%, min_time: 1s, min_exposures: 20}, 100%]
outcomes: {label: {kind: label, window: 2m, delivery: 5s}}
guardrails: {errors: 2x, accuracy: 2x}
timeout: 1s
routing_lag: 1s
report_every: 2s
"""
WAIT_S = 90
POISON = b"poison"


def davy(*arguments: str) -> None:
    """Run a command to its good end."""
    with pytest.raises(SystemExit) as end:
        run(arguments)
    assert not end.value.code


@pytest.fixture
def pipeline(
    kafka: str,
    registry: str,
    prefix: str,
    parts: Parts,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Pipeline:
    """Topics, schemas at the registry, and an environment for all of davy's programs."""
    told = {
        "BOOTSTRAP": kafka,
        "PREFIX": prefix,
        "GROUP": f"{prefix}davy",
        "SOURCE_PARTITIONS": "2",
        "ROLLOUT_PARTITIONS": "2",
        "LATENESS_MS": "500",
        "FLUSH_MS": "100",
        "REGISTRY__URL": registry,
        "SIGNING__KEY": str(new_pair(tmp_path / "keys").private),
    }
    for name, value in told.items():
        monkeypatch.setenv(f"DAVY_{name}", value)
    davy("topics", "create")
    davy("schemas", "register")
    made = Pipeline(kafka, prefix, parts)
    made.codec = Codec(open_store(made.settings), prefix)
    return made


def start(parts: Parts, name: str, *arguments: str) -> Part:
    return parts.start(name, [sys.executable, "-m", "streams.cli", *arguments])


def publish() -> None:
    """Eight seconds of answers with their labels, through the SDK."""
    now_ms = time.time_ns() // 1_000_000
    with Publisher.from_env(service="digits", model_version="v1") as publisher:
        for number in range(200):
            publisher.prediction(
                request_id=f"r-{number}",
                latency_ms=10.0,
                predicted_class="7",
                model_version="v2" if number % 2 else "v1",
                segments={"city": "Zürich"},
                completed_at_ms=now_ms - 8000 + number * 40,
            )
            publisher.outcome(request_id=f"r-{number}", label="7")
        assert publisher.flush(60)
        assert publisher.counters().lost == 0


@pytest.fixture
def written(pipeline: Pipeline, parts: Parts, tmp_path: Path) -> Pipeline:
    """A rollout under way, until every topic has records; then all programs have ended."""
    spec = tmp_path / "digits.yaml"
    spec.write_text(SPEC)
    davy("rollout", "apply", str(spec))
    with process_page() as page:
        scrape = ["--scrape", f"v1={page}", "--service", "digits", "--every", "1s"]
        limits = ["--cpu-limit", "1", "--memory-limit", "1Gi"]
        running = [
            start(parts, "worker", "worker"),
            start(parts, "actuator", "actuator"),
            start(parts, "exporter", "resources", "export", *scrape, *limits),
        ]
        pipeline.eventually(
            lambda: len(pipeline.bodies("davy.Activation")) == 2,
            what="activation",
            parts=running,
            deadline_s=WAIT_S,
        )
        pipeline.produce("predictions", "poison", POISON)
        pipeline.settle()
        publish()
        davy("rollout", "pause", ROLLOUT, "--reason", "lunch")
        await_all(pipeline, running)
        for part in running:
            part.stop()
    return pipeline


def await_all(pipeline: Pipeline, running: list[Part]) -> None:
    """Until every topic has a record."""
    waiting = {plan.name.removeprefix(pipeline.settings.prefix) for plan in plans(pipeline)}

    def all_there() -> bool:
        waiting.difference_update([name for name in sorted(waiting) if pipeline.raw(name)])
        return not waiting

    pipeline.eventually(all_there, what="a record in every topic", parts=running, deadline_s=WAIT_S)


def plans(pipeline: Pipeline) -> tuple[TopicPlan, ...]:
    return topic_plans(pipeline.settings)


def test_every_topic_is_read(written: Pipeline, registry: str, absent: Absence) -> None:
    """By Confluent's deserializer, and in Java with plain Avro: keys, headers and values."""
    topics = [plan.name for plan in plans(written)]
    bootstrap = written.settings.bootstrap
    try:
        in_java = java_reader.read(bootstrap, registry, topics)
    except Absent as missing:
        absent("kafka", str(missing))
    in_python = list(records(bootstrap, registry, topics))
    for topic in topics:
        name = topic.removeprefix(written.settings.prefix)
        ours = list(our_view(written, name))
        assert ours
        assert by_place(from_python(one) for one in in_python if one.topic == topic) == [
            (one.place, one.key, one.headers, plain(one.value)) for one in ours
        ]
        assert by_place(from_java(one) for one in in_java if one["topic"] == topic) == [
            (one.place, one.key, {n: latin(raw) for n, raw in one.headers.items()}, one.told)
            for one in ours
        ]
        wanted = {h.name for h in headers_of(name) if h.only in ("", SIGNED_ONLY)}
        assert [one for one in ours if one.headers.keys() != wanted] == []


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """A record by davy's own reader; `told` is the value in Avro's JSON."""

    place: tuple[int, int]
    key: str
    headers: dict[str, bytes]
    value: Any
    told: Any


def our_view(pipeline: Pipeline, name: str) -> Iterator[Ours]:
    """Every record of a topic, by partition and offset."""
    for message in pipeline.raw(name):
        value, told = ours_of(pipeline.codec, name, message.value())
        yield Ours(
            place=(message.partition(), message.offset()),
            key=message.key().decode(),
            headers=dict(message.headers() or ()),
            value=value,
            told=told,
        )


def ours_of(codec: Codec, name: str, raw: bytes | None) -> tuple[Any, Any]:
    """The value, decoded where it can be, and what the Java reader must tell of it."""
    if raw is None or name == DEAD_LETTERS or raw == POISON:
        return raw, latin(raw)
    value = codec.decode(name, raw)
    return value, avro_json(name, value)


def from_python(one: Record) -> tuple[Any, ...]:
    return (one.partition, one.offset), one.key, one.headers, with_milliseconds(one.value)


def from_java(one: dict[str, Any]) -> tuple[Any, ...]:
    return (one["partition"], one["offset"]), one["key"], one["headers"], one["value"]


def by_place(found: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """In the order of partitions and offsets."""
    return sorted(found, key=itemgetter(0))

"""Odd events, and odd ways to publish and to read them."""

from __future__ import annotations

import json
import random

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from streams.wire.framing import frame
from streams.wire.schemas import load_schema, subject_of
from streams.wire.store import open_store
from tests.soak.facts import Fleet, Need, Scenario
from tests.soak.requests import SENSELESS
from tests.soak.scenarios.workers import killed_once
from tests.soak.stage import Stage, now_ms
from tests.wire.evolved import body
from tests.wire.neighbours import ahead, behind

BATCHES = (1, 7, 5000)
FLOOD = 12_000
ANSWER_S = 20.0


def odd(stage: Stage) -> None:
    """The generator of this fleet makes a third of its events odd; a worker is killed amid them."""
    killed_once(stage)


def disorder(stage: Stage) -> None:
    """Old events, events of tomorrow, and the same ones again, in one go on each partition."""
    fault = stage.fault("events out of order")
    for partition in range(stage.settings.source_partitions):
        events = [stage.made_up() for _ in range(60)]
        stage.dice.shuffle(events)
        for event in events:
            back_ms = stage.dice.choice((0, 0, 100, 400, 499, 501, 1_500, 10_000, -70_000))
            event["completed_at"] = now_ms() - back_ms
            stage.publish(event, partition=partition)
        for event in stage.dice.sample(events, 30):
            stage.publish(event, partition=partition, again=True)
    stage.await_progress(fault)
    killed_once(stage)


def poison(stage: Stage) -> None:
    """Bytes that are no event, between events and in batches of their own."""
    fault = stage.fault("poison records")
    for value in _poison(stage.dice):
        for partition in range(stage.settings.source_partitions):
            stage.write_raw("predictions", "poison", value, partition)
    stage.await_progress(fault)
    killed_once(stage)


def _poison(dice: random.Random) -> list[bytes | None]:
    header = b"\0\0\0\0\1"
    return [
        None,
        b"",
        b"\0\0\0",
        b"{}",
        header,
        header + dice.randbytes(40),
        b"\0\0\0\0\2" + dice.randbytes(40),
        b"\0\x7f\xff\xff\xff" + dice.randbytes(20),
        header + b"\xff" * 30,
        header + b"\x08abc\xff",
        b"\0" * 1_100_000,
    ]


def senseless(stage: Stage) -> None:
    """NaN, infinities, negative and huge numbers, empty names."""
    fault = stage.fault("senseless numbers")
    for changes in (*SENSELESS, {"latency_ms": 1e7}, {"latency_ms": 0.0}, {"score": 1.0}):
        for _ in range(4):
            stage.publish(stage.made_up(**changes))
    stage.await_progress(fault)
    killed_once(stage)


def strangers(stage: Stage) -> None:
    """A flood of versions, services and slices that nobody has registered."""
    fault = stage.fault("a flood of unknown versions")
    event = stage.made_up()
    for number in range(FLOOD):
        changes = {
            "request_id": f"flood-{number}",
            "model_version": f"v-{number}",
            "completed_at": now_ms(),
            "segments": {"tier": f"t{number}", f"d{number}": "x"},
        }
        if number % 3 == 0:
            changes |= {"model_version": event["model_version"]}
        if number % 3 == 1:
            changes |= {"service": f"s-{number}"}
        stage.publish(event | changes)
    stage.await_progress(fault)
    killed_once(stage)


def from_zero(stage: Stage) -> None:
    """All workers stop, the group's offsets go back to 0, and workers read everything again."""
    fault = stage.fault("the group's offsets are 0")
    count = len(stage.workers)
    for worker in list(stage.workers):
        stage.stop(worker)
    settings = stage.settings
    zero = [
        TopicPartition(settings.topic(topic), number, 0)
        for topic, partitions in (
            ("predictions", settings.source_partitions),
            ("panes", settings.rollout_partitions),
        )
        for number in range(partitions)
    ]
    admin = AdminClient(settings.confluent())
    asked = [ConsumerGroupTopicPartitions(settings.group, zero)]
    for answer in admin.alter_consumer_group_offsets(asked).values():
        answer.result(ANSWER_S)
    for _ in range(count):
        stage.start_worker()
    stage.await_progress(fault)


def evolved(stage: Stage) -> None:
    """Producers one version behind and one ahead publish among the others."""
    assert stage.settings.registry.url, "only a registry takes further schemas"
    fault = stage.fault("older and newer schemas")
    store = open_store(stage.settings)
    subject = subject_of("predictions")
    ours = load_schema(subject.schema)
    for schema in (behind(ours), ahead(ours)):
        name = subject.name(stage.settings.prefix)
        number = store.register(name, json.dumps(schema), subject.compatibility)
        events = [stage.made_up() for _ in range(100)]
        values = [frame(number, body(schema, event)) for event in events]
        keys = [event["request_id"] for event in events]
        stage.write_many("predictions", list(zip(keys, values, strict=True)))
    stage.await_progress(fault)
    killed_once(stage)


def _batches(size: int) -> Scenario:
    return Scenario(
        name=f"batches-of-{size}",
        says=f"Batches hold at most {size} records, and a worker is killed.",
        inject=killed_once,
        settings={"max_poll_records": size},
        fleet=Fleet(rate=150 if size == 1 else 600),
        seconds=22,
    )


SCENARIOS = (
    Scenario(
        name="odd-events",
        says="A third of all events are late, repeated, unknown, unreadable or senseless.",
        inject=odd,
        fleet=Fleet(oddities=9.0),
        seconds=25,
        ci=True,
    ),
    Scenario(
        name="disorder",
        says="Events come out of order, from the past and the future, and again.",
        inject=disorder,
        seconds=25,
        mixes=True,
    ),
    Scenario(
        name="poison",
        says="Records that are no events lie among events.",
        inject=poison,
        seconds=25,
        mixes=True,
    ),
    Scenario(
        name="senseless",
        says="NaN, infinities, negative and huge numbers come.",
        inject=senseless,
        seconds=25,
        mixes=True,
    ),
    Scenario(
        name="strangers",
        says="A flood of unknown versions, services and slices comes.",
        inject=strangers,
        seconds=30,
        mixes=True,
    ),
    Scenario(
        name="transactional-input",
        says="Events come in transactions, every fifth is aborted, and a worker is killed.",
        inject=killed_once,
        fleet=Fleet(transactional=True, rate=300),
        seconds=25,
        ci=True,
    ),
    Scenario(
        name="evolved",
        says="Producers with an older and with a newer schema publish too.",
        inject=evolved,
        needs=frozenset({Need.REGISTRY}),
        seconds=30,
    ),
    Scenario(
        name="from-zero",
        says="The group's offsets are set back to 0.",
        inject=from_zero,
        seconds=25,
        mixes=True,
    ),
    *map(_batches, BATCHES),
)

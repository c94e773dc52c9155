"""Nobody reads for so long that retention deletes what nobody has read."""

from __future__ import annotations

from typing import Any

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from tests.soak.facts import Scenario, Until
from tests.soak.oracle.deleted import Deleted
from tests.soak.oracle.log import Avro, read_topic
from tests.soak.rollouts import ROLLOUT
from tests.soak.stage import RECOVER_S, Stage

BEHIND = 800
"""Unread records of each partition before some are deleted: more than repetitions reach over."""


def overtaken(stage: Stage) -> None:
    """What was lost is told, and holds raises until a person goes on."""
    for worker in list(stage.workers):
        stage.stop(worker)
    marked = markers(stage)
    delete(stage, marked, await_behind(stage, marked))
    fault = stage.fault("retention has overtaken the markers", Until.DECISIONS)
    for _ in range(stage.fleet.workers):
        stage.start_worker()
    stage.until(lambda: held(stage), "raises held")
    stage.command("resume")
    stage.until(lambda: not held(stage), "the rollout to go on")
    stage.await_decision(fault)


def delete(stage: Stage, marked: dict[int, int], ends: dict[int, int]) -> None:
    """Keep the log aside, and delete half of what nobody has read of each partition."""
    upto = {number: (first + ends[number]) // 2 for number, first in marked.items()}
    log = read_topic(stage.settings, "predictions", below=upto)
    topic = stage.settings.topic("predictions")
    admin = AdminClient(stage.settings.confluent(log_level=0))
    wanted = [TopicPartition(topic, number, end) for number, end in upto.items()]
    for done in admin.delete_records(wanted).values():
        done.result(RECOVER_S)
    stage.deleted = Deleted(
        records=tuple(log),
        unread={number: (first, upto[number]) for number, first in marked.items()},
    )


def markers(stage: Stage) -> dict[int, int]:
    """Source partition -> first offset of `predictions` that is not durably counted."""
    avro, found = Avro(stage.settings.registry.url), dict[int, int]()
    for record in read_topic(stage.settings, "cells"):
        body = avro.read("cells", record.value)
        source, partition, _ = record.key.split("/", 2)
        if body and source == "predictions" and body["body"][0] == "davy.Marker":
            found[int(partition)] = body["body"][1]["next_offset"]
    return found


def await_behind(stage: Stage, marked: dict[int, int]) -> dict[int, int]:
    """Wait until enough records lie beyond the marker on each partition; where each ends."""
    config: dict[str, Any] = {"group.id": "soak-look", "log_level": 0}
    reader, topic = Consumer(stage.settings.confluent(**config)), "predictions"
    places = {n: TopicPartition(stage.settings.topic(topic), n) for n in marked}
    ends: dict[int, int] = {}

    def behind() -> bool:
        for number, place in places.items():
            ends[number] = reader.get_watermark_offsets(place, RECOVER_S)[1]
        return min(ends[number] - first for number, first in marked.items()) >= BEHIND

    try:
        stage.until(behind, "unread records")
    finally:
        reader.close()
    return ends


def held(stage: Stage) -> bool:
    """Whether the last decision holds because records were lost."""
    decision = stage.watch.decision(ROLLOUT)
    return decision is not None and "records_lost" in decision["reason"]


SCENARIOS = (
    Scenario(
        name="retention",
        says="All workers stop, retention deletes what nobody has read, and a person goes on.",
        inject=overtaken,
        seconds=40,
    ),
)

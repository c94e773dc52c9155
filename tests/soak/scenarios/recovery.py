"""State that is compacted away, full disks, partitions that are added, rolling restarts."""

from __future__ import annotations

import signal

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    ResourceType,
)

from tests.soak.facts import Fleet, Scenario, Until
from tests.soak.rollouts import ROLLOUT
from tests.soak.stage import RECOVER_S, Stage

COMPACTED = ("cells", "judge-state", "rollouts", "leases")
EAGER = {
    "segment.ms": "500",
    "min.cleanable.dirty.ratio": "0.001",
    "max.compaction.lag.ms": "500",
    "delete.retention.ms": "0",
}


def compacted(stage: Stage) -> None:
    """A frozen worker wakes up on topics that hold the newest record of each key alone."""
    configure(stage, COMPACTED, EAGER)
    fault = stage.fault("SIGSTOP")
    zombie = stage.workers[0]
    zombie.signal(signal.SIGSTOP)
    stage.await_progress(fault)
    await_compaction(stage)
    fault = stage.fault("a zombie wakes on compacted topics")
    zombie.signal(signal.SIGCONT)
    stage.await_progress(fault)
    fault = stage.fault("every worker is new, and reads compacted state")
    for worker in list(stage.workers):
        stage.kill(worker)
    for _ in range(stage.fleet.workers):
        stage.start_worker()
    stage.await_progress(fault)
    stage.await_decision()


def configure(stage: Stage, topics: tuple[str, ...], config: dict[str, str]) -> None:
    """Change settings of topics, as `kafka-configs --alter` does."""
    admin = AdminClient(stage.settings.confluent(log_level=0))
    entries = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        for name, value in config.items()
    ]
    wanted = [
        ConfigResource(ResourceType.TOPIC, stage.settings.topic(t), incremental_configs=entries)
        for t in topics
    ]
    for done in admin.incremental_alter_configs(wanted).values():
        done.result(RECOVER_S)


def await_compaction(stage: Stage) -> None:
    """Until the log cleaner has thrown most of `cells` away on every partition."""
    stage.until(
        lambda: all(kept(stage, n) < 0.5 for n in range(stage.settings.source_partitions)),
        "a compacted `cells`",
        RECOVER_S,
    )


def kept(stage: Stage, partition: int) -> float:
    """The part of the records ever written to a partition of `cells` that is still there."""
    config = {"group.id": "soak-look", "enable.auto.commit": False, "log_level": 0}
    place = TopicPartition(stage.settings.topic("cells"), partition, 0)
    reader = Consumer(stage.settings.confluent(**config))
    try:
        _, end = reader.get_watermark_offsets(place, RECOVER_S)
        reader.assign([place])
        records = 0
        while (message := reader.poll(RECOVER_S)) is not None and (message.offset() or 0) < end:
            records += message.error() is None
        return records / max(1, end)
    finally:
        reader.close()


def full_disk(stage: Stage) -> None:
    """Workers that can write no file start, are killed, and start again."""
    stage.await_progress()
    for _ in range(2):
        fault = stage.fault("SIGKILL on a full disk")
        stage.kill(stage.dice.choice(stage.workers))
        stage.start_worker()
        stage.await_progress(fault)


def partitions_added(stage: Stage) -> None:
    """Somebody adds a partition to `outcomes`; then a person rolls back."""
    fault = stage.fault("a partition is added", Until.DECISIONS)
    admin = AdminClient(stage.settings.confluent(log_level=0))
    count = stage.settings.source_partitions + 1
    wanted = NewPartitions(stage.settings.topic("outcomes"), count)
    for done in admin.create_partitions([wanted]).values():
        done.result(RECOVER_S)

    def told(word: str) -> bool:
        decision = stage.watch.decision(ROLLOUT)
        return decision is not None and word in decision["reason"]

    stage.until(lambda: told("partitions_changed"), "invalid verdicts")
    stage.await_progress(fault)
    stage.command("abort")
    stage.until(lambda: told("aborted"), "the rollback that was asked for")


def rolling(stage: Stage) -> None:
    """Every worker is restarted, one after the other, as an upgrade does."""
    for worker in list(stage.workers):
        fault = stage.fault("a worker is restarted", Until.DECISIONS)
        stage.stop(worker)
        stage.start_worker()
        stage.await_decision(fault)


SCENARIOS = (
    Scenario(
        name="compacted",
        says="The log cleaner leaves one record of each key, a zombie wakes, all workers are new.",
        inject=compacted,
        seconds=60,
    ),
    Scenario(
        name="full-disk",
        says="Workers that can write to no file are killed and replaced.",
        inject=full_disk,
        fleet=Fleet(worker=("-m", "tests.soak.planted.full_disk", "worker")),
        seconds=25,
    ),
    Scenario(
        name="partitions-added",
        says="A partition is added to a topic while the rollout lives, and a person rolls back.",
        inject=partitions_added,
        seconds=25,
    ),
    Scenario(
        name="rolling-restart",
        says="The workers are restarted one after the other.",
        inject=rolling,
        seconds=30,
        mixes=True,
    ),
)

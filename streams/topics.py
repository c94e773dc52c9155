"""Which topics does davy need, and are they there as they must be?

Topics are created here and nowhere else, so that partition counts are a decision and never an
accident. Topics that are read by one owner together share one count.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ConfigResource,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from streams.broker import LIBRDKAFKA, Patience, cause, metadata
from streams.errors import LogError, SettingsError
from streams.settings import Settings

MINUTE_MS = 60 * 1000
DAY_MS = 24 * 60 * MINUTE_MS
ANSWER_S = 10.0
SETTLE_S = 15.0
# What a record means depends on these; a difference in any other setting is the operator's choice.
BINDING = ("cleanup.policy", "message.timestamp.type")
DEAD_LETTERS = "dead-letters"


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicPlan:
    """A topic as it must be; `name` carries the prefix."""

    name: str
    partitions: int
    setting: str
    """Which setting tells how many; topics of one setting are read together."""
    config: Mapping[str, str]
    schema: str | None
    """Name of the schema in `schemas/`; None for raw bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    schema: str | None
    by_source: bool
    """Counted by source_partitions, else by rollout_partitions."""
    days: int | None
    """Retention; None compacts."""
    append_time: bool = False
    large: bool = False
    """Holds sketches or evidence: records of more than a megabyte are possible."""
    fleeting: bool = False
    """Most keys are deleted seconds after they were written."""


_SHAPES: dict[str, _Shape] = {
    "predictions": _Shape(schema="prediction", by_source=True, days=7, append_time=True),
    "outcomes": _Shape(schema="outcome", by_source=True, days=30, append_time=True),
    "resources": _Shape(schema="resource_sample", by_source=True, days=7, append_time=True),
    "rollouts": _Shape(schema="rollout_spec", by_source=False, days=None),
    "commands": _Shape(schema="command", by_source=False, days=365),
    "cells": _Shape(schema="cell", by_source=True, days=None, large=True, fleeting=True),
    "panes": _Shape(schema="pane", by_source=False, days=90, large=True),
    "judge-state": _Shape(schema="judge_state", by_source=False, days=None, large=True),
    "decisions": _Shape(schema="decision", by_source=False, days=365, large=True),
    "leases": _Shape(schema="lease", by_source=False, days=None),
    "routing": _Shape(schema="routing_state", by_source=False, days=365),
    DEAD_LETTERS: _Shape(schema=None, by_source=True, days=14, large=True),
}


def topic_plans(settings: Settings) -> tuple[TopicPlan, ...]:
    """Every topic of the design, with the counts and the prefix of these settings."""
    return tuple(
        TopicPlan(
            name=settings.topic(name),
            partitions=(
                settings.source_partitions if shape.by_source else settings.rollout_partitions
            ),
            setting=_setting(shape),
            config=_config(shape, settings),
            schema=shape.schema,
        )
        for name, shape in _SHAPES.items()
    )


def _setting(shape: _Shape) -> str:
    return "source_partitions" if shape.by_source else "rollout_partitions"


def _config(shape: _Shape, settings: Settings) -> dict[str, str]:
    largest = settings.max_event_bytes * (8 if shape.large else 2)
    config = {
        "compression.type": "producer",
        "message.timestamp.type": "LogAppendTime" if shape.append_time else "CreateTime",
        "max.message.bytes": str(max(1_048_588, largest)),
    }
    if shape.days is None:
        # Readers go through these from the beginning at every start: keep them short. What is in
        # the segment that is written to is never compacted.
        config |= {
            "cleanup.policy": "compact",
            "min.cleanable.dirty.ratio": "0.1",
            "segment.ms": str(5 * MINUTE_MS),
        }
        if shape.fleeting:  # longer than anybody reads, shorter than Kafka's day
            config["delete.retention.ms"] = str(60 * MINUTE_MS)
    else:
        config |= {"cleanup.policy": "delete", "retention.ms": str(shape.days * DAY_MS)}
    if settings.replication > 2:  # noqa: PLR2004 - one replica may be away
        config["min.insync.replicas"] = "2"
    return config


def create_topics(settings: Settings, patience: Patience | None = None) -> tuple[str, ...]:
    """Create what is missing, then `check_topics`; returns the names that were created.

    `patience` is how long the broker is waited for, ANSWER_S throughout if left out.

    Raises:
        LogError: the broker does not answer or refuses, or a topic differs from its plan.
    """
    admin = _admin(settings)
    plans = topic_plans(settings)
    there = _partition_counts(admin, settings, patience)
    missing = [plan for plan in plans if plan.name not in there]
    created = _create(admin, missing, settings) if missing else ()
    _await_topics(admin, settings, {plan.name for plan in plans})
    check_topics(settings)
    return created


def check_topics(settings: Settings, patience: Patience | None = None) -> None:
    """Raise LogError that names every topic that is missing or differs from its plan."""
    if problems := topic_problems(settings, patience):
        raise LogError("\n".join(chain(*problems.values())))


def topic_problems(settings: Settings, patience: Patience | None = None) -> dict[str, list[str]]:
    """Topic -> in what it differs from its plan and what to do; those without fault are left out.

    Raises:
        LogError: no broker answers.
    """
    admin = _admin(settings)
    there = _partition_counts(admin, settings, patience)
    plans = topic_plans(settings)
    described = _described(admin, [plan for plan in plans if plan.name in there])
    found = {plan.name: _problems(plan, there, described) for plan in plans}
    return {name: problems for name, problems in found.items() if problems}


class _Admin(AdminClient):
    """A client that remembers the troubles it heard of."""

    def __init__(self, settings: Settings, **more: Any) -> None:
        self.heard: list[KafkaError] = []
        config: dict[str, Any] = {**settings.confluent(), "error_cb": self.heard.append}
        super().__init__(config | more)


def _admin(settings: Settings, **more: Any) -> _Admin:
    try:
        return _Admin(settings, **more)
    except KafkaException as failure:
        raise SettingsError(f"kafka: {failure.args[0].str()}; mend it in the settings") from failure


class PartitionCounts:
    """Compares the topics whose keys owners look for in one place with the plan, again and again.

    Not `cells` and `dead-letters`: their readers and writers name the partition themselves.
    """

    def __init__(self, settings: Settings) -> None:
        """Raise SettingsError where no client can be made of these settings."""
        self._settings = settings
        self._admin = _admin(settings, logger=LIBRDKAFKA)
        self._planned = {
            plan.name.removeprefix(settings.prefix): plan.partitions
            for plan in topic_plans(settings)
        }
        for name in ("cells", DEAD_LETTERS):
            del self._planned[name]

    def changed(self) -> dict[str, tuple[int, int]]:
        """Topic without prefix -> planned and actual count, where they differ.

        A topic that the broker does not tell of is left out: the broker may be starting.

        Raises:
            LogError: no broker answers.
        """
        self._admin.heard.clear()
        there = _partition_counts(self._admin, self._settings)
        return {
            name: (planned, count)
            for name, planned in self._planned.items()
            if (count := there.get(self._settings.topic(name), planned)) != planned
        }


def _create(admin: AdminClient, plans: Iterable[TopicPlan], settings: Settings) -> tuple[str, ...]:
    requests = [
        NewTopic(
            plan.name,
            num_partitions=plan.partitions,
            replication_factor=settings.replication,
            config=dict(plan.config),
        )
        for plan in plans
    ]
    created = []
    for name, answer in admin.create_topics(requests, operation_timeout=ANSWER_S).items():
        try:
            answer.result(ANSWER_S + 5)
        except KafkaException as failure:
            error = failure.args[0]
            if error.code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise LogError(f"topic {name}: cannot be created: {error.str()}") from failure
        else:
            created.append(name)
    return tuple(created)


def _partition_counts(
    admin: _Admin, settings: Settings, patience: Patience | None = None
) -> dict[str, int]:
    lasting = Patience(connect_s=ANSWER_S, refused_s=ANSWER_S, answer_s=ANSWER_S)
    try:
        topics = metadata(admin, admin.heard, patience or lasting).topics
    except KafkaException as failure:
        raise LogError(
            f"no broker answers at {settings.bootstrap}: {failure.args[0].str()}"
            f"{cause(admin.heard)}; check `bootstrap` (--bootstrap, DAVY_BOOTSTRAP) "
            "and the security settings"
        ) from failure
    return {name: len(topic.partitions) for name, topic in topics.items() if topic.partitions}


def _await_topics(admin: _Admin, settings: Settings, names: set[str]) -> None:
    """The controller has answered; wait until every partition's leader answers too."""
    deadline = time.monotonic() + SETTLE_S
    pause_s = 0.02
    while waiting := _unready(admin, settings, names):
        if time.monotonic() > deadline:
            raise LogError(f"created, but not ready after {SETTLE_S:.0f} s: {sorted(waiting)}")
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, 0.5)


def _unready(admin: _Admin, settings: Settings, names: set[str]) -> set[str]:
    """Topics that are not told of yet, or of whose partitions one has no leader that answers."""
    counts = _partition_counts(admin, settings)
    asked = {
        TopicPartition(name, number): OffsetSpec.earliest()  # type: ignore[no-untyped-call]
        for name in names & counts.keys()
        for number in range(counts[name])
    }
    unready = names - counts.keys()
    if not asked:
        return unready
    answers = admin.list_offsets(asked, request_timeout=ANSWER_S)
    return unready | {place.topic for place, answer in answers.items() if answer.exception()}


def _count_problem(plan: TopicPlan, there: Mapping[str, int]) -> str | None:
    if plan.name not in there:
        return f"topic {plan.name}: is missing; run `davy topics create` (or grant Describe)"
    if there[plan.name] == plan.partitions:
        return None
    alike = sorted(name for name, shape in _SHAPES.items() if _setting(shape) == plan.setting)
    return (
        f"topic {plan.name}: has {there[plan.name]} partitions, {plan.setting} asks for "
        f"{plan.partitions}; {', '.join(alike)} are read together: where all of them have "
        f"{there[plan.name]}, set {plan.setting}, else create this one anew, or use another prefix "
        "(counts cannot change while a rollout lives)"
    )


def _described(admin: AdminClient, plans: Iterable[TopicPlan]) -> dict[str, dict[str, str]]:
    """Topic -> settings as the broker tells them; a broker that does not tell is left alone."""
    resources = [ConfigResource(ResourceType.TOPIC, plan.name) for plan in plans]
    if not resources:
        return {}
    found: dict[str, dict[str, str]] = {}
    for resource, answer in admin.describe_configs(resources).items():
        try:
            entries = answer.result(ANSWER_S)
        except KafkaException:
            continue  # no right to describe is no reason to refuse work
        found[resource.name] = {key: entry.value for key, entry in entries.items()}
    return found


def _problems(
    plan: TopicPlan, there: Mapping[str, int], described: Mapping[str, Mapping[str, str]]
) -> list[str]:
    """Of its count, then of its settings; what the broker does not tell is none."""
    wrong = _count_problem(plan, there)
    differs = [
        f"topic {plan.name}: {key} is {actual}, must be {plan.config[key]}; "
        f"run `kafka-configs --alter --topic {plan.name} --add-config {key}={plan.config[key]}`"
        for key in BINDING
        if (actual := described.get(plan.name, {}).get(key)) not in (None, plan.config[key])
    ]
    return [*([wrong] if wrong else []), *differs]

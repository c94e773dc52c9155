"""Partitions that are added while a rollout lives end belief in its verdicts, and say so."""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka.admin import AdminClient, NewPartitions

from streams.agents.desk import command_fact, routing_fact
from streams.cli.log import Log
from streams.judge.record import decision_from_record
from streams.replay.rollout import rejudged
from streams.spec.model import Stage
from tests.agents.pipeline import Pipeline, Traffic, spec
from tests.agents.test_worker import await_closed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.demo.processes import Parts

pytestmark = pytest.mark.timeout(180)

ROLLOUT = "digits-v2"
STAGES = (Stage(weight_bp=2500, min_time_s=3, min_exposures=1_000_000), Stage(weight_bp=10_000))
SPEC = spec(stages=STAGES)
BY_ROLLOUT = ("panes", "commands", "decisions", "routing", "rollouts", "leases", "judge-state")


def add_partition(pipeline: Pipeline, topics: Iterable[str]) -> None:
    """What somebody does who wants more throughput: one partition more of each."""
    admin = AdminClient(pipeline.settings.confluent())
    wanted = [NewPartitions(pipeline.settings.topic(topic), 3) for topic in topics]
    for done in admin.create_partitions(wanted).values():
        done.result(30)


def ask(pipeline: Pipeline, command: str) -> None:
    """What `davy rollout abort` writes."""
    record = {"rollout": ROLLOUT, "command": command, "actor": "ada", "reason": "", "at": 1}
    Log(pipeline.settings).write("commands", ROLLOUT, record)


class Live:
    """A rollout in its first stage, and traffic that goes on."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        pipeline.apply(SPEC)
        self.worker = pipeline.worker()
        pipeline.eventually(
            lambda: len(pipeline.bodies("davy.Activation")) >= 2,
            what="activation",
            parts=[self.worker],
        )
        self.start = time.time_ns() // 1_000_000 - 100_000
        pipeline.routed(ROLLOUT, "observed", 0, self.start - 60_000, 0)
        self._events = Traffic(seconds=90.0, rate=100.0).events(self.start)
        self._pane = self.start // 1000
        self.go_on_until(lambda decision: decision["seq"] == 1)
        pipeline.routed(ROLLOUT, "applied", 2500, self.start + 3000, 1)

    def go_on_until(self, wanted: Any) -> dict[str, Any]:
        """Publish a second of events after the other until there is such a decision."""
        while not (found := [d for d in self.pipeline.decisions() if wanted(d)]):
            batch = list(islice(self._events, 100))
            assert batch, f"traffic ended; {self.pipeline.decisions()[-1]}\n{self.worker.tail()}"
            self.pipeline.publish(batch)
            self._pane += 1
            await_closed(self.pipeline, self._pane - 4, self.worker)
        return found[-1]

    def rejudged(self) -> list[bytes]:
        """Decisions from `panes`, `routing` and `commands` along the recorded cuts."""
        read = self.pipeline.read
        decisions = read("decisions")
        home = decisions[0][0].partition()
        return rejudged(
            SPEC,
            [r for m, r in read("panes") if m.partition() == home],
            [routing_fact(m.offset(), r) for m, r in read("routing") if m.partition() == home],
            [command_fact(m.offset(), r) for m, r in read("commands") if m.partition() == home],
            [decision_from_record(record) for _, record in decisions],
        )


def invalid(decision: dict[str, Any]) -> bool:
    return decision["reason"].startswith("invalid: ")


@pytest.mark.parametrize(
    "topics",
    [("outcomes",), ("predictions", "resources"), BY_ROLLOUT],
    ids=["outcomes", "predictions", "by rollout"],
)
def test_added_under_a_running_worker(
    kafka: str, prefix: str, parts: Parts, topics: tuple[str, ...]
) -> None:
    """Every verdict is invalid with the reason, nothing is raised, a person can roll back."""
    live = Live(Pipeline(kafka, prefix, parts))
    add_partition(live.pipeline, topics)
    told = live.go_on_until(invalid)
    assert (
        f"{min(topics)} from 2 to 3" in told["reason"] or "panes and the others" in told["reason"]
    )
    assert f"`davy rollout abort {ROLLOUT}`" in told["reason"]
    assert {v["finding"] for v in told["verdicts"]} == {"invalid"}
    assert {v["reason"].split(":")[0] for v in told["verdicts"]} == {"partitions_changed"}
    ask(live.pipeline, "ABORT")
    last = live.go_on_until(lambda decision: decision["terminal"])
    assert (last["action"], last["reason"].split(":")[0]) == ("rollback", "aborted")
    bodies = [message.value()[5:] for message in live.pipeline.raw("decisions")]
    assert bodies == live.rejudged()


def test_a_worker_with_new_settings(kafka: str, prefix: str, parts: Parts) -> None:
    """The old settings are refused at the start; with new ones the rollout is invalid."""
    live = Live(pipeline := Pipeline(kafka, prefix, parts))
    live.worker.stop()
    add_partition(pipeline, ("predictions", "outcomes", "resources", "cells", "dead-letters"))
    refused = pipeline.worker("refused")
    pipeline.eventually(lambda: not refused.running, what="an end")
    assert "predictions: has 3 partitions, source_partitions asks for 2" in refused.tail()
    live.pipeline = Pipeline(kafka, prefix, parts, source_partitions=3)
    live.worker = live.pipeline.worker("new")
    told = live.go_on_until(invalid)
    assert "predictions from 2 to 3" in told["reason"]

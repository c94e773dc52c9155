"""A worker joins outcomes to predictions, once, whatever happens to it."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from streams.agents.outcome_records import cohort_body
from streams.panes.facts import PaneClock
from streams.replay.cohorts import replay_cohorts
from streams.replay.partition import LogRecord, RecordedActivation
from streams.spec.outcome_facts import Outcome, OutcomeKind
from tests.agents.pipeline import Pipeline, Traffic, spec

if TYPE_CHECKING:
    from streams.demo.processes import Part, Parts
    from tests.conftest import Broker

pytestmark = pytest.mark.timeout(180)

WINDOW_S = 3.0
SPEC = spec(
    outcomes=(
        Outcome(name="label", kind=OutcomeKind.LABEL, window_s=WINDOW_S, delivery_s=0.5),
        Outcome(name="buy", kind=OutcomeKind.RATE, window_s=WINDOW_S),
    )
)
Key = tuple[int, str, int, int]
"""Source partition, outcome, first pane, complete delay bins."""


@pytest.fixture
def pipeline(broker: Broker, prefix: str, parts: Parts) -> Pipeline:
    return Pipeline(broker.bootstrap, prefix, parts)


def with_outcomes(events: list[dict[str, Any]], seed: int = 5) -> list[tuple[str, dict[str, Any]]]:
    """Predictions and what becomes of them by time: late, double, contradicting and stray too."""
    dice = np.random.default_rng(seed)
    log: list[tuple[int, str, dict[str, Any]]] = []
    for number, event in enumerate(events):
        at_ms = event["completed_at"]
        log.append((at_ms, "predictions", event))
        for again in range(int(dice.choice([0, 1, 1, 1, 2]))):
            delay_ms = int(dice.exponential(800.0))
            said = {
                "outcome_id": f"o{seed}-{number}-{again}",
                "request_id": event["request_id"] if dice.random() < 0.95 else f"stray-{number}",
                "service": event["service"],
                "occurred_at": at_ms + delay_ms,
                "metric": str(dice.choice(["label", "buy"])),
                "label": str(int(dice.integers(0, 4))),
                "value": float(dice.choice([0.0, 1.0, np.nan], p=[0.6, 0.38, 0.02])),
            }
            log.append((at_ms + delay_ms, "outcomes", said))
    return [(topic, event) for _, topic, event in sorted(log, key=lambda each: each[0])]


def publish(pipeline: Pipeline, log: list[tuple[str, dict[str, Any]]]) -> None:
    """In order, a few at a time: what was said later is received later."""
    for first in range(0, len(log), 50):
        for topic, event in log[first : first + 50]:
            pipeline.produce(topic, event["request_id"], pipeline.codec.encode(topic, event))
        pipeline.settle()


def told(pipeline: Pipeline) -> dict[Key, bytes]:
    """Avro bytes of what cohorts told; a repetition must be the same bytes."""
    found: dict[Key, bytes] = {}
    for message, record in pipeline.read("panes"):
        kind, body = record["body"]
        if kind == "davy.Cohort":
            key = (record["source_partition"], body["outcome"], body["first_pane"],
                   body["complete"])  # fmt: skip
            assert record["source"] == "outcomes"
            assert found.setdefault(key, message.value()) == message.value()
    return found


def joined_through(pipeline: Pipeline) -> int:
    """Lowest pane through which outcomes are joined, over the source partitions."""
    last: dict[int, int] = {}
    for _, record in pipeline.read("panes"):
        if record["body"][0] == "davy.Progress" and record["source"] == "outcomes":
            last[record["source_partition"]] = record["body"][1]["closed_through"]
    complete = len(last) == pipeline.settings.source_partitions
    return min(last.values()) if complete else -1


def await_joined(pipeline: Pipeline, pane: int, worker: Part) -> None:
    pipeline.eventually(
        lambda: joined_through(pipeline) >= pane, what=f"pane {pane} joined", parts=[worker]
    )


def await_activation(pipeline: Pipeline, worker: Part) -> None:
    count = pipeline.settings.source_partitions
    pipeline.eventually(
        lambda: len(pipeline.bodies("davy.Activation")) >= count,
        what="activation on every partition",
        parts=[worker],
    )


def logs(pipeline: Pipeline, topic: str, partition: int) -> list[LogRecord]:
    return [
        LogRecord(offset=m.offset(), append_ms=m.timestamp()[1], value=m.value())
        for m in pipeline.raw(topic)
        if m.partition() == partition
    ]


def replayed(pipeline: Pipeline, batch_size: int) -> dict[Key, bytes]:
    """The same from both logs alone."""
    settings, found = pipeline.settings, {}
    clock = PaneClock(
        pane_ms=settings.pane_ms, lateness_ms=settings.lateness_ms, future_ms=settings.future_ms
    )
    records = [record for _, record in pipeline.read("panes")]
    for partition in range(settings.source_partitions):
        (begun,) = (
            record["body"][1]
            for record in records
            if (record["body"][0], record["source"]) == ("davy.Activation", "predictions")
            and record["source_partition"] == partition
        )
        activation = RecordedActivation(
            spec=SPEC,
            first_offset=begun["first_offset"],
            outcomes_offset=begun["outcomes_offset"],
        )
        for cohort in replay_cohorts(
            logs(pipeline, "predictions", partition),
            logs(pipeline, "outcomes", partition),
            [activation],
            clock,
            pipeline.codec,
            batch_size=batch_size,
        ):
            record = {
                "source": "outcomes",
                "source_partition": partition,
                "source_partitions": settings.source_partitions,
                "rollout_partitions": settings.rollout_partitions,
                "pane_ms": settings.pane_ms,
                "body": cohort_body(cohort),
            }
            key = (partition, cohort.outcome, cohort.first_pane, cohort.complete)
            found[key] = pipeline.codec.encode("panes", record)
    return found


class TestJoin:
    def test_live_and_replayed_cohorts_are_the_same_bytes(self, pipeline: Pipeline) -> None:
        """Batches of 1, 7 and 5000, either log first: nothing leaves a trace."""
        pipeline.apply(SPEC)
        worker = pipeline.worker()
        await_activation(pipeline, worker)
        start = time.time_ns() // 1_000_000 - 12_000
        publish(pipeline, with_outcomes(list(Traffic(seconds=10.0, rate=120).events(start))))
        await_joined(pipeline, (start + 8000) // 1000, worker)
        live = told(pipeline)
        assert len({key for key in live if key[3] == 8}) >= 8
        for size in (1, 7, 5000):
            again = replayed(pipeline, size)
            assert {key: again[key] for key in live} == live

    def test_outcomes_that_cannot_be_used_are_told_with_a_reason(self, pipeline: Pipeline) -> None:
        """NaN and outcomes without metric go to dead-letters, once, though a worker is killed."""
        pipeline.apply(SPEC)
        worker = pipeline.worker("before")
        await_activation(pipeline, worker)
        start = time.time_ns() // 1_000_000 - 20_000
        log = with_outcomes(list(Traffic(seconds=16.0, rate=60).events(start)))
        half = len(log) // 2
        publish(pipeline, log[:half])
        await_joined(pipeline, (start + 5000) // 1000, worker)
        worker.signal(signal.SIGKILL)
        publish(pipeline, log[half:])
        after = pipeline.worker("after")
        await_joined(pipeline, (start + 14_000) // 1000, after)
        bad = sum(topic == "outcomes" and np.isnan(event["value"]) for topic, event in log)

        def letters() -> list[bytes]:
            found = [dict(m.headers() or []) for m in pipeline.raw("dead-letters")]
            return [headers["reason"] for headers in found]

        pipeline.eventually(lambda: len(letters()) >= bad, what="dead letters", parts=[after])
        assert letters() == [b"bad_value"] * bad

    def test_keys_in_the_wrong_partition_are_told_with_the_setting(
        self, pipeline: Pipeline
    ) -> None:
        """They join nothing, and nobody would know why."""
        pipeline.apply(SPEC)
        worker = pipeline.worker()
        await_activation(pipeline, worker)
        start = time.time_ns() // 1_000_000 - 6000
        for topic, event in with_outcomes(list(Traffic(seconds=5.0, rate=60).events(start))):
            key, value = event["request_id"], pipeline.codec.encode(topic, event)
            pipeline.produce(topic, key, value, partition=0 if topic == "outcomes" else -1)
        pipeline.settle()
        await_joined(pipeline, (start + 3000) // 1000, worker)

        def counted() -> int:
            found = (b["outcomes"] for b in pipeline.bodies("davy.Progress", "outcomes"))
            return max((o["count"] for each in found for o in each
                        if o["name"] == "mispartitioned"), default=0)  # fmt: skip

        pipeline.eventually(lambda: counted() > 0, what="a count", parts=[worker])
        assert "partitioner=murmur2_random" in worker.tail(400)

    def test_killed_in_a_flood_of_outcomes(self, pipeline: Pipeline) -> None:
        """SIGKILL twice while outcomes pour in changes no count."""
        pipeline.apply(SPEC)
        worker = pipeline.worker("before")
        await_activation(pipeline, worker)
        start = time.time_ns() // 1_000_000 - 26_000
        log = with_outcomes(list(Traffic(seconds=22.0, rate=200).events(start)))
        third = len(log) // 3
        publish(pipeline, log[:third])
        await_joined(pipeline, (start + 3000) // 1000, worker)
        worker.signal(signal.SIGKILL)
        publish(pipeline, log[third : 2 * third])
        after = pipeline.worker("after")
        await_joined(pipeline, (start + 9000) // 1000, after)
        after.signal(signal.SIGKILL)
        again = pipeline.worker("again")
        publish(pipeline, log[2 * third :])
        await_joined(pipeline, (start + 20_000) // 1000, again)
        live, whole = told(pipeline), replayed(pipeline, 5000)
        assert {key: whole[key] for key in live} == live
        last = (start + 20_000) // 1000 - 5
        assert {k for k in live if k[2] < last and k[3] == 8} == {
            k for k in whole if k[2] < last and k[3] == 8
        }

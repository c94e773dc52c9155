"""A log may end in what no reader gets: aborted transactions, and the marker behind each."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from streams.spec.outcome_facts import Outcome, OutcomeKind
from tests.agents.pipeline import Pipeline, Traffic, spec
from tests.agents.test_decisions import ROLLOUT, await_decision
from tests.agents.test_retention import idle_at_end, markers
from tests.agents.test_worker import (
    await_activation,
    await_closed,
    closed_panes,
    replayed_panes,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.demo.processes import Parts

pytestmark = pytest.mark.timeout(180)

Event = dict[str, Any]
QUIET, BUSY = 0, 1
"""Source partitions: one whose producer has transactions, and one that goes on."""


class Transactions:
    """Writes to the quiet partition of a source, a transaction at a time."""

    def __init__(self, pipeline: Pipeline, topic: str = "predictions") -> None:
        self._pipeline, self._topic = pipeline, topic
        own = {"transactional.id": f"{pipeline.settings.prefix}{topic}"}
        self._producer = Producer(pipeline.settings.confluent(**own))
        self._producer.init_transactions(30)

    def commit(self, events: Sequence[Event]) -> None:
        """Write these."""
        self._fill(events)
        self._producer.commit_transaction(30)

    def abort(self, events: Sequence[Event]) -> None:
        """Write these, and take them back."""
        self._fill(events)
        self._producer.abort_transaction(30)

    def _fill(self, events: Sequence[Event]) -> None:
        name = self._pipeline.settings.topic(self._topic)
        self._producer.begin_transaction()
        for event in events:
            value = self._pipeline.codec.encode(self._topic, event)
            self._producer.produce(name, value, event["request_id"], partition=QUIET)
        assert self._producer.flush(30) == 0


def publish(pipeline: Pipeline, events: Sequence[Event], partition: int) -> None:
    for event in events:
        value = pipeline.codec.encode("predictions", event)
        pipeline.produce("predictions", event["request_id"], value, partition=partition)
    pipeline.settle()


def ends(pipeline: Pipeline) -> tuple[int, int]:
    """Where the quiet partition ends, and where the group would go on with it."""
    config = {"group.id": pipeline.settings.group, "isolation.level": "read_committed"}
    reader = Consumer(pipeline.settings.confluent(**config))
    try:
        place = TopicPartition(pipeline.settings.topic("predictions"), QUIET)
        (committed,) = reader.committed([place], 10)
        return reader.get_watermark_offsets(place, 10)[1], committed.offset
    finally:
        reader.close()


def traffic() -> tuple[int, list[Event]]:
    """When it begins, and events."""
    start = time.time_ns() // 1_000_000 - 40_000
    return start, list(Traffic(seconds=36.0, rate=200.0).events(start))


class TestIdleness:
    """Such a partition is idle like any other, and the others' panes are judged."""

    @pytest.mark.parametrize("end", ["nothing but aborted", "aborted", "committed"])
    def test_of_a_log_that_was_there_before(
        self, kafka: str, prefix: str, parts: Parts, end: str
    ) -> None:
        """With single records in a poll, what is behind the last one comes in one of its own."""
        pipeline = Pipeline(kafka, prefix, parts, idle_ms=500, max_poll_records=1)
        start, events = traffic()
        writes = Transactions(pipeline)
        if end != "nothing but aborted":
            writes.commit(events[:5])
        if end != "committed":
            writes.abort(events[5:20])
        pipeline.apply(spec())
        worker = pipeline.worker()
        await_activation(pipeline, worker)
        pipeline.routed(ROLLOUT, "observed", 0, start - 60_000, 0)
        publish(pipeline, events[20:600], BUSY)
        await_decision(pipeline, worker, seq=1)
        assert QUIET in idle_at_end(pipeline)

    @pytest.mark.slow
    def test_of_a_log_that_is_being_read(self, kafka: str, prefix: str, parts: Parts) -> None:
        """What is durable follows, while it is idle too; a worker that was killed goes on there."""
        pipeline = Pipeline(kafka, prefix, parts, idle_ms=3000)
        start, events = traffic()
        writes = Transactions(pipeline)
        pipeline.apply(spec())
        worker = pipeline.worker("before")
        await_activation(pipeline, worker)
        pipeline.routed(ROLLOUT, "observed", 0, start - 60_000, 0)
        publish(pipeline, events[:200], QUIET)
        publish(pipeline, events[200:600], BUSY)
        pipeline.eventually(
            lambda: markers(pipeline)[QUIET] == 200, what="events folded", parts=[worker]
        )
        writes.abort(events[:20])
        publish(pipeline, events[600:1200], BUSY)
        await_decision(pipeline, worker, seq=1)
        pipeline.eventually(lambda: ends(pipeline) == (221, 221), what="a commit", parts=[worker])
        writes.abort(events[:20])
        pipeline.eventually(lambda: ends(pipeline) == (242, 242), what="a commit", parts=[worker])
        worker.signal(signal.SIGKILL)
        writes.abort(events[:20])
        again = pipeline.worker("again")
        pipeline.eventually(lambda: ends(pipeline) == (263, 263), what="a commit", parts=[again])
        assert markers(pipeline)[QUIET] == 263
        assert QUIET in idle_at_end(pipeline)
        assert "records missing" not in again.log.read_text()


@pytest.mark.slow
def test_what_was_aborted_counts_nowhere(kafka: str, prefix: str, parts: Parts) -> None:
    """Whichever transactions end how, and though a worker is killed among them."""
    pipeline = Pipeline(kafka, prefix, parts, idle_ms=500)
    start, events = traffic()
    pipeline.apply(spec())
    worker = pipeline.worker("before")
    await_activation(pipeline, worker)
    writes = Transactions(pipeline)
    for number, first in enumerate(range(0, 3000, 50)):
        part = events[first : first + 50]
        (writes.abort if number % 3 else writes.commit)(part)
        if number == 30:
            worker.signal(signal.SIGKILL)
            worker = pipeline.worker("after")
    publish(pipeline, events[3000:4000], QUIET)
    publish(pipeline, events[3000:4000], BUSY)
    await_closed(pipeline, (start + 18_000) // 1000, worker)
    live, replayed = closed_panes(pipeline), replayed_panes(pipeline, 5000)
    assert {key: replayed[key] for key in live} == live
    assert {pane for partition, _, pane in live if partition == QUIET} >= {
        pane for partition, _, pane in replayed if partition == QUIET and pane < start // 1000 + 17
    }


def test_outcomes_are_joined_through_the_ends_of_both_logs(
    kafka: str, prefix: str, parts: Parts
) -> None:
    """They wait for what was received before them, and what a dead letter says waits for them."""
    pipeline = Pipeline(kafka, prefix, parts, max_poll_records=1)
    start, events = traffic()
    predictions = Transactions(pipeline)
    predictions.commit(events[:2000:5])
    predictions.abort(events[:20])
    labels = Transactions(pipeline, "outcomes")
    labels.commit([*map(label, events[:1000:5]), label(events[0]) | {"label": None}])
    labels.abort([*map(label, events[:100:5])])
    window = Outcome(name="label", kind=OutcomeKind.LABEL, window_s=3.0, delivery_s=0.5)
    pipeline.apply(spec(outcomes=(window,)))
    worker = pipeline.worker()
    pipeline.eventually(
        lambda: len(pipeline.raw("dead-letters")) == 1, what="a dead letter", parts=[worker]
    )
    told = (body["closed_through"] for body in pipeline.bodies("davy.Progress", "outcomes"))
    assert max(told) >= (start + 9000) // 1000 - 1


def label(event: Event) -> Event:
    """What becomes of a prediction."""
    return {
        "outcome_id": f"of-{event['request_id']}",
        "request_id": event["request_id"],
        "service": event["service"],
        "occurred_at": event["completed_at"],
        "metric": "label",
        "label": "1",
        "value": None,
    }

"""Strangers' records on davy's own topics stop nothing; what may be state stops its partition."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from streams.demo.processes import wait_until
from streams.wire.reasons import BadRecord
from tests.agents.pipeline import Pipeline, Traffic
from tests.agents.test_decisions import ROLLOUT, await_decision, begin, rejudged_bodies

if TYPE_CHECKING:
    from confluent_kafka import Message

    from streams.demo.processes import Part, Parts

pytestmark = [pytest.mark.flow, pytest.mark.timeout(240)]

OWN = ("cells", "judge-state", "panes", "rollouts", "commands", "routing", "leases", "decisions")
STRANGER = "digits"
"""A key that is no rollout's."""
UNKNOWN_SCHEMA = b"\x00\x00\x0f\x42\x3fwhatever it is"


class Lenient(Pipeline):
    """Passes over what cannot be read, as `davy` commands do."""

    def read(self, topic: str) -> list[tuple[Message, dict[str, Any]]]:
        """See Pipeline."""
        found = []
        for message in self.raw(topic):
            try:
                found.append((message, self.codec.decode(topic, message.value())))
            except BadRecord:
                continue
        return found


@pytest.fixture
def pipeline(tansu: str, prefix: str, parts: Parts) -> Lenient:
    return Lenient(tansu, prefix, parts)


def foreign_values() -> list[bytes]:
    """Without registry framing."""
    noise = np.random.default_rng(3).bytes(100_000)
    return [
        b"",
        b"\x00",
        b"\x00\x00\x00",
        b"\x01magic",
        b'{"a": 1}',
        b"\xff" + noise[:80],
        b"\xff" + noise,
    ]


def unreadable_values(pipeline: Pipeline) -> list[bytes]:
    """Framed, but with an unknown schema, another topic's, cut, and with noise for a body."""
    event = next(Traffic(seconds=1.0).events(1_790_000_000_000))
    prediction = pipeline.codec.encode("predictions", event)
    noise = np.random.default_rng(4).bytes(60)
    return [UNKNOWN_SCHEMA, prediction, prediction[:-2], prediction[:5] + noise]


def litter(pipeline: Pipeline, topic: str) -> None:
    """Every kind of garbage in every partition of a topic."""
    for partition in range(2):
        for value in foreign_values():
            for key in (STRANGER, ROLLOUT):
                pipeline.produce(topic, key, value, partition)
        for value in unreadable_values(pipeline):
            pipeline.produce(topic, STRANGER, value, partition)
        name = pipeline.settings.topic(topic)
        pipeline.producer.produce(name, None, STRANGER, partition=partition)
    pipeline.settle()


def restarted(pipeline: Pipeline, worker: Part) -> Part:
    """Another worker after this one's orderly end."""
    worker.signal(signal.SIGTERM)
    wait_until(lambda: not worker.running, what="the worker's end", deadline_s=30)
    return pipeline.worker("again")


def log_of(*workers: Part) -> str:
    """What they logged, whole."""
    return "".join(worker.log.read_text() for worker in workers)


class TestForeign:
    @pytest.mark.parametrize("topic", OWN)
    def test_garbage_stops_nothing(self, pipeline: Lenient, topic: str) -> None:
        """Before, during and after a restart: same verdict, replayed alike, told in one line."""
        worker, start, chunks = begin(pipeline)
        pipeline.publish(next(chunks))
        await_decision(pipeline, worker, seq=1)
        litter(pipeline, topic)
        pipeline.routed(ROLLOUT, "applied", 2500, start + 3000, 1)
        for chunk in [next(chunks) for _ in range(3)]:
            pipeline.publish(chunk)
        again = restarted(pipeline, worker)
        for chunk in chunks:
            pipeline.publish(chunk)
        last = await_decision(pipeline, again, terminal=True)
        assert (last["action"], last["reason"].split(":")[0]) == ("promote", "no_harm_shown")
        assert again.running
        readable = [message.value()[5:] for message, _ in pipeline.read("decisions")]
        assert readable == rejudged_bodies(pipeline)
        told = log_of(worker, again)
        assert "Traceback" not in told
        lines = [line for line in told.splitlines() if ": skipped, " in line]
        assert (lines == []) == (topic == "decisions")  # nobody of the worker reads these
        assert all(f"{pipeline.settings.topic(topic)}-" in line for line in lines)

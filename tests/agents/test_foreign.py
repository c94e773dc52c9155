"""Strangers' records on davy's own topics stop nothing; what may be state stops its partition."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from aiokafka.partitioner import murmur2

from streams.demo.processes import wait_until
from streams.wire.reasons import BadRecord
from tests.agents.pipeline import Pipeline, Traffic, spec
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
    def test_garbage_stops_nothing(self, pipeline: Lenient) -> None:
        """Before, during and after a restart: same verdict, replayed alike, told in one line."""
        worker, start, chunks = begin(pipeline)
        pipeline.publish(next(chunks))
        await_decision(pipeline, worker, seq=1)
        for topic in OWN:
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
        named = {topic for topic in OWN for line in lines if pipeline.settings.topic(topic) in line}
        assert named == set(OWN) - {"decisions"}  # nobody of the worker reads these
        # Each kind of fault of a topic at once, the others counted.
        assert len(lines) < len(OWN) * 2 * (
            len(foreign_values()) + len(unreadable_values(pipeline))
        )


def two_rollouts(pipeline: Pipeline) -> tuple[str, str]:
    """Rollouts on partitions 0 and 1, applied."""
    places: dict[int, str] = {}
    for number in range(64):
        name = f"r{number}"
        place = (murmur2(name.encode()) & 0x7FFFFFFF) % 2
        if place not in places:
            places[place] = name
            pipeline.apply(spec(name, service=name))
    return places[0], places[1]


class Running:
    """Two rollouts under way on one worker, one on each partition."""

    def __init__(self, pipeline: Lenient) -> None:
        self.pipeline = pipeline
        self.rollouts = two_rollouts(pipeline)
        self.worker = pipeline.worker()
        self.at_ms = time.time_ns() // 1_000_000 - 120_000
        pipeline.eventually(
            lambda: len(pipeline.bodies("davy.Activation")) >= 4, what="live", parts=[self.worker]
        )
        for rollout in self.rollouts:
            self.go_on(rollout)

    def publish(self) -> None:
        """Five seconds of events of both services."""
        streams = [
            Traffic(service=name, seconds=5.0, rate=60.0, seed=n).events(self.at_ms)
            for n, name in enumerate(self.rollouts)
        ]
        self.pipeline.publish(event for events in zip(*streams, strict=True) for event in events)
        self.at_ms += 5_000

    def decided(self, rollout: str) -> int:
        """How often a rollout was decided upon."""
        return sum(record["rollout"] == rollout for record in self.pipeline.decisions())

    def go_on(self, rollout: str) -> None:
        """Publish, and wait until it is decided upon once more."""
        before = self.decided(rollout)
        self.publish()
        self.pipeline.eventually(
            lambda: self.decided(rollout) > before, what=rollout, parts=[self.worker]
        )

    def told(self, line: str) -> None:
        """Wait until the worker has logged this."""
        self.pipeline.eventually(
            lambda: line in log_of(self.worker), what=line, parts=[self.worker]
        )

    def put(self, topic: str, key: str, value: bytes | None) -> None:
        """Write to partition 0, stamped as the newest flush of all."""
        name, stamp = self.pipeline.settings.topic(topic), {"epoch": b"1", "flush": b"1"}
        self.pipeline.producer.produce(name, value, key, partition=0, headers=stamp)
        self.pipeline.settle()


class TestUnreadable:
    """What may be davy's own of another version is never passed over."""

    def test_panes_stop_one_partition(self, pipeline: Lenient) -> None:
        """Its rollout is judged no more and has no heartbeat; the other's is judged on."""
        now = Running(pipeline)
        halted, other = now.rollouts
        now.put("panes", halted, UNKNOWN_SCHEMA)
        now.publish()
        now.told("stands still")
        before, beats = now.decided(halted), self.beats(pipeline, halted)
        for _ in range(3):
            now.go_on(other)
        assert now.decided(halted) == before
        assert self.beats(pipeline, halted) <= beats + 1
        line = next(x for x in log_of(now.worker).splitlines() if "stands still" in x)
        for part in (f"{pipeline.settings.topic('panes')}-0@", "schema id 999999", "delete"):
            assert part in line
        assert "Traceback" not in log_of(now.worker)

    def test_panes_without_sense_stop_it_too(self, pipeline: Lenient) -> None:
        """Right in form, and no worker's: a bucket below the first."""
        now = Running(pipeline)
        halted, other = now.rollouts
        found = [r for _, r in pipeline.read("panes") if r["body"][0] == "davy.Pane"]
        mine = [r for r in found if r["body"][1]["rollout"] == halted and r["body"][1]["cells"]]
        mine[-1]["body"][1]["pane"] += 1
        mine[-1]["body"][1]["cells"][0]["latency"] = {"index": [-1], "count": [7]}
        now.put("panes", halted, pipeline.codec.encode("panes", mine[-1]))
        now.publish()
        now.told("makes no sense")
        before = now.decided(halted)
        now.go_on(other)
        assert now.decided(halted) == before
        assert "Traceback" not in log_of(now.worker)

    def beats(self, pipeline: Lenient, rollout: str) -> int:
        """Heartbeats of a rollout so far."""
        return sum(record["rollout"] == rollout for _, record in pipeline.read("leases"))

    def test_judge_state_until_it_is_deleted(self, pipeline: Lenient) -> None:
        """After a restart its partition stands still; deleting the record's key lets it go on."""
        now = Running(pipeline)
        halted, other = now.rollouts
        now.put("judge-state", halted, UNKNOWN_SCHEMA)
        now.worker = restarted(pipeline, now.worker)
        now.told("stands still")
        before = now.decided(halted)
        now.go_on(other)
        assert now.decided(halted) == before
        now.put("judge-state", halted, None)
        now.go_on(halted)
        assert "Traceback" not in log_of(now.worker)
        seqs = [r["seq"] for r in pipeline.decisions() if r["rollout"] == halted]
        assert seqs == list(range(1, len(seqs) + 1))

    def test_judge_state_that_was_replaced(self, pipeline: Lenient) -> None:
        """The judge's next record of the same rollout holds all there is: nothing is missing."""
        now = Running(pipeline)
        now.put("judge-state", now.rollouts[0], UNKNOWN_SCHEMA)
        now.go_on(now.rollouts[0])
        now.worker = restarted(pipeline, now.worker)
        now.go_on(now.rollouts[0])
        assert "stands still" not in log_of(now.worker)

    def test_cells_until_they_are_deleted(self, pipeline: Lenient) -> None:
        """No pane closes without its partition; the worker lives, and goes on when it can."""
        now = Running(pipeline)
        key = f"predictions/0/live/{now.rollouts[0]}"
        now.put("cells", key, UNKNOWN_SCHEMA)
        now.worker = restarted(pipeline, now.worker)
        now.told("stands still")
        now.put("cells", key, None)
        now.go_on(now.rollouts[0])
        now.go_on(now.rollouts[1])
        assert "Traceback" not in log_of(now.worker)

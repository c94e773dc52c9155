"""A worker tells how it is from its own progress, and what stands still begins anew."""

from __future__ import annotations

import re
import sys
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from streams.demo.broker import start_tansu
from streams.serving.pulse import HUNG
from tests.agents.pipeline import Pipeline, Traffic, spec
from tests.environment import environment_of

if TYPE_CHECKING:
    from pathlib import Path

    from streams.demo.processes import Part, Parts

pytestmark = pytest.mark.timeout(900)  # on a busy machine a worker takes minutes to start

STALL_S = 4.0
QUICK = {"stall_s": STALL_S, "hang_s": 8.0, "load_s": 8.0}
BOUND_S = 240.0
"""Within which a partition that stood still must go on, the start of a process included."""
EVENTS = 2000


@pytest.fixture
def in_memory(tansu: str, prefix: str, parts: Parts) -> Pipeline:
    """With the waits that everybody has: on a busy machine a healthy worker rests for seconds."""
    return Pipeline(tansu, prefix, parts)


@pytest.fixture
def impatient(tansu: str, prefix: str, parts: Parts) -> Pipeline:
    return Pipeline(tansu, prefix, parts, **QUICK)


def url_of(part: Part) -> str:
    """Where a process says that it answers."""
    text = part.log.read_text(errors="replace")
    found = re.findall(r"health, readiness and metrics at (\S+)", text)
    return found[-1] if found else ""


def asked(part: Part, path: str) -> tuple[int, str]:
    """Status and body; (0, "") while nobody answers."""
    url = url_of(part)
    try:
        answer = httpx.get(f"{url}/{path}", timeout=5.0) if url else None
    except httpx.TransportError:
        answer = None
    return (0, "") if answer is None else (answer.status_code, answer.text)


def await_ready(pipeline: Pipeline, worker: Part) -> None:
    pipeline.eventually(
        lambda: asked(worker, "readyz") == (200, "ok\n"),
        what="a ready worker",
        parts=[worker],
        deadline_s=240,
    )


def values(part: Part, name: str) -> dict[str, float]:
    """Labels as written -> value, of one metric."""
    lines = re.findall(rf"^{name}(\{{.*\}})? (\S+)$", asked(part, "metrics")[1], re.MULTILINE)
    return {labels: float(value) for labels, value in lines}


def folded(pipeline: Pipeline) -> int:
    """How many events the flushed markers of the two partitions tell."""
    told: dict[bytes, int] = {}
    for message, record in pipeline.read("cells"):
        if record and record["body"][0] == "davy.Marker" and b"predictions" in message.key():
            told[message.key()] = record["body"][1]["accepted"]
    return sum(told.values())


def publish(pipeline: Pipeline, seed: int) -> None:
    start_ms = time.time_ns() // 1_000_000 - 60_000
    published = pipeline.publish(Traffic(seconds=10, seed=seed).events(start_ms))
    assert published == EVENTS


def of_topic(found: dict[str, float], pipeline: Pipeline, topic: str) -> float:
    """The sum over the partitions of one topic."""
    label = f'topic="{pipeline.settings.topic(topic)}"'
    return sum(value for labels, value in found.items() if label in labels)


def hanging(pipeline: Pipeline, how: str, name: str = "hanging") -> Part:
    """A worker with a fault, started like any other."""
    env = environment_of(pipeline.settings)
    return pipeline.parts.start(name, [sys.executable, "-m", "tests.agents.hanging", how], env=env)


class TestWorker:
    def test_it_tells_how_it_is(self, in_memory: Pipeline) -> None:
        pipeline = in_memory
        pipeline.apply(spec())
        worker = pipeline.worker()
        await_ready(pipeline, worker)
        publish(pipeline, seed=1)
        pipeline.produce("predictions", "k", b"no framing")
        pipeline.settle()

        def read() -> bool:
            nexts = values(worker, "davy_worker_partition_next_offset")
            lags = values(worker, "davy_worker_partition_lag_records")
            return of_topic(nexts, pipeline, "predictions") == EVENTS + 1 and not any(lags.values())

        pipeline.eventually(read, what="all read", parts=[worker])
        assert asked(worker, "healthz") == (200, "ok\n")
        letters = values(worker, "davy_worker_dead_letters_total")
        assert of_topic(letters, pipeline, "predictions") == 1
        accepted = values(worker, "davy_worker_accepted_events_total")
        assert of_topic(accepted, pipeline, "predictions") == EVENTS
        label = '{rollout="digits-v2"}'
        pipeline.eventually(
            lambda: values(worker, "davy_judge_last_decision_seq").get(label, 0) >= 1,
            what="a decision",
            parts=[worker],
        )
        assert sum(values(worker, "davy_worker_decisions_total").values()) >= 1
        assert values(worker, "davy_judge_lease_age_seconds")[label] < 60
        assert of_topic(values(worker, "davy_worker_epoch"), pipeline, "predictions") == 2

    def test_what_is_read_from_a_broker_that_is_away_is_not_stalled(
        self, tmp_path: Path, prefix: str, parts: Parts
    ) -> None:
        """It is alive and not ready: to start it again would not help."""
        broker = start_tansu(tmp_path)
        try:
            pipeline = Pipeline(broker.bootstrap, prefix, parts, stall_s=STALL_S)
            worker = pipeline.worker()
            await_ready(pipeline, worker)
        finally:
            broker.part.stop()
        pipeline.eventually(
            lambda: "the broker has not answered" in asked(worker, "readyz")[1],
            what="a worker that knows of no broker",
            parts=[worker],
        )
        assert asked(worker, "healthz") == (200, "ok\n")
        pipeline.producer.purge()

    def test_a_halted_partition_is_told_and_no_reason_to_start_again(
        self, in_memory: Pipeline
    ) -> None:
        pipeline = in_memory
        pipeline.apply(spec())
        newer = b"\x00\x7f\x00\x00\x00"  # framed, of a schema that nobody has registered
        pipeline.produce("panes", "digits-v2", newer, partition=0)
        pipeline.settle()
        worker = pipeline.worker()
        name = f"{pipeline.settings.prefix}panes-0"
        pipeline.eventually(
            lambda: f"{name}: halted" in asked(worker, "readyz")[1],
            what="a partition that waits for a person",
            parts=[worker],
            deadline_s=240,
        )
        halted = values(worker, "davy_worker_partition_halted")
        assert of_topic(halted, pipeline, "panes") == 1
        assert asked(worker, "healthz") == (200, "ok\n")


class TestStalls:
    """A partition that stands still goes on: in the process, or in one that is started again."""

    def test_a_feed_that_never_ends_is_built_anew(self, impatient: Pipeline) -> None:
        pipeline = impatient
        pipeline.apply(spec())
        worker = hanging(pipeline, "once")
        await_ready(pipeline, worker)
        publish(pipeline, seed=1)
        pipeline.eventually(
            lambda: folded(pipeline) == EVENTS,
            what="every event folded",
            parts=[worker],
            deadline_s=BOUND_S,
        )
        assert "hangs" in worker.tail(400)
        assert "no progress for" in worker.tail(400)
        assert sum(values(worker, "davy_worker_stalls_total").values()) >= 1

    def test_a_main_loop_that_hangs_ends_and_the_next_worker_goes_on(
        self, impatient: Pipeline
    ) -> None:
        pipeline = impatient
        pipeline.apply(spec())
        worker = hanging(pipeline, "busy")
        await_ready(pipeline, worker)
        publish(pipeline, seed=1)
        assert worker.wait(deadline_s=BOUND_S) == HUNG
        assert "the_fold_that_hangs" in worker.tail(400)
        started = pipeline.worker("started-again")
        pipeline.eventually(
            lambda: folded(pipeline) == EVENTS,
            what="every event folded",
            parts=[started],
            deadline_s=BOUND_S,
        )

    def test_state_that_is_never_read_ends_the_worker(self, impatient: Pipeline) -> None:
        """Faust would stay in the group, and fetch nothing, without a word."""
        worker = hanging(impatient, "load")
        assert worker.wait(deadline_s=BOUND_S) == HUNG
        assert "was not read within" in worker.tail(400)

    def test_another_member_takes_over(self, kafka: str, prefix: str, parts: Parts) -> None:
        pipeline = Pipeline(kafka, prefix, parts, **QUICK)
        pipeline.apply(spec())
        sick = hanging(pipeline, "always", "sick")
        await_ready(pipeline, sick)
        well = pipeline.worker("well")
        await_ready(pipeline, well)
        publish(pipeline, seed=1)
        pipeline.eventually(
            lambda: folded(pipeline) == EVENTS,
            what="every event folded",
            parts=[well],
            deadline_s=BOUND_S,
        )
        assert sick.wait(deadline_s=BOUND_S) == HUNG
        assert "building it anew from the log did not help" in sick.tail(400)

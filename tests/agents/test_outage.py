"""Kafka goes away for some seconds: davy goes on afterwards, and its logs stay readable."""

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.rigs import cluster as rig
from infra.rigs.cache import Absent
from infra.rigs.cluster import Cluster
from streams.agents.writer import OutRecord, TransactionalWriter
from streams.demo.processes import Part, Parts
from streams.errors import LogError
from streams.spec.model import Stage
from tests.agents.pipeline import Pipeline, Traffic, spec
from tests.environment import environment_of

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(240)]
FEW = 40
"""Lines that a person reads."""
LONG = spec(stages=(Stage(weight_bp=2500, min_time_s=3600), Stage(weight_bp=10_000)))


@pytest.fixture
def cluster(tmp_path: Path, absent) -> Iterator[Cluster]:
    try:
        started = rig.start(tmp_path, nodes=1)
    except Absent as error:
        absent("kafka", str(error))
    with started:
        yield started


@pytest.fixture
def pipeline(cluster: Cluster, prefix: str, parts: Parts) -> Pipeline:
    return Pipeline(cluster.bootstrap(), prefix, parts)


async def test_a_flush_is_not_awaited_for_ever(cluster: Cluster, prefix: str, parts: Parts) -> None:
    """The broker freezes; whoever begins anew afterwards finds out whether the flush is there."""
    pipeline = Pipeline(cluster.bootstrap(), prefix, parts)
    connection = dict(pipeline.settings.aiokafka())
    before = TransactionalWriter(connection, f"{prefix}owner", patience_s=2.0)
    after = TransactionalWriter(connection, f"{prefix}owner")
    record = OutRecord(topic=f"{prefix}cells", key="k", value=b"v", partition=0)
    await before.start()
    await before.write([record])
    cluster.nodes[0].pause()
    try:
        began = time.monotonic()
        with pytest.raises(LogError, match="is not known"):
            await before.write([record])
        assert time.monotonic() - began < 4.0
    finally:
        cluster.nodes[0].resume()
    await after.start()
    await after.write([record])
    await after.stop()
    await before.stop()
    assert len(pipeline.raw("cells")) in {2, 3}


class Stream(threading.Thread):
    """Predictions as time goes on, until it is ended."""

    def __init__(self, pipeline: Pipeline) -> None:
        super().__init__(daemon=True)
        self._pipeline = pipeline
        self._ended = threading.Event()

    def run(self) -> None:
        for second in range(1000):
            begins_ms = time.time_ns() // 1_000_000
            for event in Traffic(seconds=1, rate=100, seed=second).events(begins_ms):
                value = self._pipeline.codec.encode("predictions", event)
                self._pipeline.produce("predictions", event["request_id"], value)
            if self._ended.wait(1):
                return

    def __enter__(self) -> None:
        self.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()


def actuator(pipeline: Pipeline) -> Part:
    command = [sys.executable, "-m", "streams.cli", "actuator"]
    return pipeline.parts.start("actuator", command, env=environment_of(pipeline.settings))


def closes_panes_from_now(pipeline: Pipeline, *parts: Part) -> None:
    now_ms = time.time_ns() // 1_000_000

    def closed() -> bool:
        panes = pipeline.bodies("davy.Pane")
        return any(body["pane"] * 1000 > now_ms for body in panes)

    pipeline.eventually(closed, what="panes close", parts=parts, deadline_s=90)


class TestOutage:
    def test_a_broker_that_dies_and_comes_back(self, cluster, pipeline):
        """Worker and actuator live through it, and say what happened in a few lines."""
        parts = (pipeline.worker(), actuator(pipeline))
        pipeline.apply(LONG)
        with Stream(pipeline):
            closes_panes_from_now(pipeline, *parts)
            cluster.nodes[0].kill()
            refused_for_s = time.monotonic() + 8  # as long as is told: that is the flood
            pipeline.eventually(
                lambda: time.monotonic() > refused_for_s, what="some seconds", parts=parts
            )
            cluster.nodes[0].start()
            closes_panes_from_now(pipeline, *parts)
        told = {part.name: len(troubles(part)) for part in parts}
        assert all(0 < count <= FEW for count in told.values()), told


def troubles(part: Part) -> list[str]:
    """All lines but the news."""
    return [line for line in part.log.read_text().splitlines() if " INFO " not in line]

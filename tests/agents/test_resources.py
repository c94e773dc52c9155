"""Samples of pods become minutes on the log, once, whatever happens to the worker."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from streams.agents.sources import RESOURCES, minute_clock
from streams.replay.partition import LogRecord, RecordedActivation, replay_partition
from streams.sketches.usage import usages_to_states
from tests.agents.pipeline import Pipeline, spec
from tests.panes.use import sample, traffic

if TYPE_CHECKING:
    from streams.demo.processes import Parts
    from tests.conftest import Broker

pytestmark = pytest.mark.timeout(180)
HOUR_AGO_MS = 3_600_000


def publish(pipeline: Pipeline, samples: list[dict]) -> None:
    for each in samples:
        pipeline.produce("resources", each["pod"], pipeline.codec.encode("resources", each))
    pipeline.settle()


def minutes(pipeline: Pipeline) -> dict[tuple[int, int], list]:
    """(source partition, minute) -> use; a repetition must be the same."""
    found: dict[tuple[int, int], list] = {}
    for _, record in pipeline.read("panes"):
        kind, body = record["body"]
        if kind == "davy.ResourcePane":
            key = (record["source_partition"], body["pane"])
            assert found.setdefault(key, body["usages"]) == body["usages"]
    return found


def replayed(pipeline: Pipeline, batch_size: int) -> dict[tuple[int, int], list]:
    """The same from the log of samples alone, in batches of this size."""
    found = {}
    for partition in range(pipeline.settings.source_partitions):
        log = [
            LogRecord(offset=m.offset(), append_ms=m.timestamp()[1], value=m.value())
            for m in pipeline.raw("resources")
            if m.partition() == partition
        ]
        begun = [RecordedActivation(spec=spec(), first_offset=0)]
        clock = minute_clock(pipeline.settings)
        for pane in replay_partition(
            log, begun, clock, pipeline.codec, batch_size=batch_size, form=RESOURCES
        ):
            found[partition, pane.pane] = usages_to_states(pane.cells)
    return found


@pytest.mark.flow
class TestResources:
    def test_a_killed_worker_loses_and_repeats_nothing(
        self, broker: Broker, prefix: str, parts: Parts
    ) -> None:
        """Killed between two halves of a log; bad samples beside the good ones."""
        pipeline = Pipeline(broker.bootstrap, prefix, parts)
        pipeline.apply(spec())
        worker = pipeline.worker()
        pipeline.eventually(
            lambda: len(pipeline.bodies("davy.Activation", "resources")) >= 2,
            what="activation on both partitions",
            parts=[worker],
        )
        samples = [*traffic(30, pods=8), sample(60, cpu=float("nan")), sample(70, pod="")]
        half = len(samples) // 2
        publish(pipeline, samples[:half])
        pipeline.eventually(lambda: len(minutes(pipeline)) > 10, what="minutes", parts=[worker])
        worker.signal(signal.SIGKILL)
        publish(pipeline, samples[half:])
        again = pipeline.worker("again")
        wanted = replayed(pipeline, 5000)
        pipeline.eventually(
            lambda: len(minutes(pipeline)) >= len(wanted), what="all minutes", parts=[again]
        )
        assert minutes(pipeline) == wanted == replayed(pipeline, 1) == replayed(pipeline, 7)
        letters = [dict(m.headers())["reason"] for m in pipeline.raw("dead-letters")]
        assert sorted(letters) == [b"bad_share", b"no_pod"]

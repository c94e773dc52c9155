"""A worker turns predictions into panes and decisions, once, whatever happens to it."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from streams.demo.processes import wait_until
from streams.panes.facts import PaneClock, cells_to_states
from streams.replay.partition import LogRecord, RecordedActivation, replay_partition
from tests.agents.pipeline import Pipeline, Traffic, spec, user_spec

if TYPE_CHECKING:
    from streams.demo.processes import Part, Parts
    from tests.conftest import Broker

pytestmark = pytest.mark.timeout(180)

USERS = user_spec(route="users")


@pytest.fixture
def pipeline(broker: Broker, prefix: str, parts: Parts) -> Pipeline:
    return Pipeline(broker.bootstrap, prefix, parts)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def closed_panes(pipeline: Pipeline) -> dict[tuple[int, str, int], bytes]:
    """(source partition, rollout, pane) -> Avro bytes; a repetition must be the same bytes."""
    found: dict[tuple[int, str, int], bytes] = {}
    for message, record in pipeline.read("panes"):
        kind, body = record["body"]
        if kind == "davy.Pane":
            key = (record["source_partition"], body["rollout"], body["pane"])
            assert found.setdefault(key, message.value()) == message.value()
    return found


def replayed_panes(pipeline: Pipeline, batch_size: int) -> dict[tuple[int, str, int], bytes]:
    """The same from the log alone, read again in batches of this size."""
    settings = pipeline.settings
    clock = PaneClock(
        pane_ms=settings.pane_ms, lateness_ms=settings.lateness_ms, future_ms=settings.future_ms
    )
    specs = {s.rollout: s for s in (spec(), spec("digits-other"), USERS)}
    found = {}
    for partition in range(settings.source_partitions):
        log = [
            LogRecord(offset=m.offset(), append_ms=m.timestamp()[1], value=m.value())
            for m in pipeline.raw("predictions")
            if m.partition() == partition
        ]
        activations = {
            body["rollout"]: RecordedActivation(
                spec=specs[body["rollout"]],
                first_offset=body["first_offset"],
                until_offset=body["until_offset"],
            )
            for _, record in pipeline.read("panes")
            for kind, body in [record["body"]]
            if (kind, record["source"]) == ("davy.Activation", "predictions")
            and record["source_partition"] == partition
        }
        for pane in replay_partition(
            log, list(activations.values()), clock, pipeline.codec, batch_size=batch_size
        ):
            record = {
                "source": "predictions",
                "source_partition": partition,
                "source_partitions": settings.source_partitions,
                "rollout_partitions": settings.rollout_partitions,
                "pane_ms": settings.pane_ms,
                "body": (
                    "davy.Pane",
                    {
                        "rollout": pane.rollout,
                        "spec_hash": pane.spec_hash,
                        "pane": pane.pane,
                        "cells": cells_to_states(pane.cells),
                    },
                ),
            }
            key = (partition, pane.rollout, pane.pane)
            found[key] = pipeline.codec.encode("panes", record)
    return found


def last_closed(pipeline: Pipeline) -> int:
    """Lowest `closed_through` over the source partitions."""
    last: dict[int, int] = {}
    for _, record in pipeline.read("panes"):
        kind, body = record["body"]
        if (kind, record["source"]) == ("davy.Progress", "predictions"):
            last[record["source_partition"]] = body["closed_through"]
    complete = len(last) == pipeline.settings.source_partitions
    return min(last.values()) if complete else -1


def await_activation(pipeline: Pipeline, worker: Part, rollouts: int = 1) -> None:
    def active() -> bool:
        bodies = pipeline.bodies("davy.Activation")
        return len(bodies) >= pipeline.settings.source_partitions * rollouts

    pipeline.eventually(active, what="activation on every partition", parts=[worker])


def await_closed(pipeline: Pipeline, pane: int, worker: Part) -> None:
    pipeline.eventually(
        lambda: last_closed(pipeline) >= pane, what=f"pane {pane} closed", parts=[worker]
    )


REPEATED = 60
"""Events, a quarter of a second."""


class TestPanes:
    @pytest.mark.parametrize("max_poll_records", [1, 7, 5000])
    def test_batches_and_replay_give_the_same_bytes(
        self, broker: Broker, prefix: str, parts: Parts, max_poll_records: int
    ) -> None:
        """However the log is cut into batches, now or later, the closed panes are the same."""
        pipeline = Pipeline(broker.bootstrap, prefix, parts, max_poll_records=max_poll_records)
        pipeline.apply(spec())
        worker = pipeline.worker()
        await_activation(pipeline, worker)
        start = now_ms() - 6000
        pipeline.publish(Traffic(seconds=5.0, rate=150).events(start))
        await_closed(pipeline, (start + 3000) // 1000, worker)
        live = closed_panes(pipeline)
        assert len(live) >= 6
        for size in (1, 7, 5000):
            replayed = replayed_panes(pipeline, size)
            assert {key: replayed[key] for key in live} == live
        libraries = Path(f"/proc/{worker.pid}/maps").read_text()
        assert "/pyarrow/" in libraries
        assert "/pandas/" not in libraries  # though the tests' environment has it

    def test_killed_in_the_middle(self, pipeline: Pipeline) -> None:
        """SIGKILL under load, and a producer that sends again what it had sent: all count once.

        Users too: whoever has erred before has erred for those who come after.
        """
        pipeline.apply(spec())
        pipeline.apply(USERS)
        worker = pipeline.worker("before")
        await_activation(pipeline, worker, rollouts=2)
        start = now_ms() - 30_000
        traffic = Traffic(seconds=24.0, rate=250, users=400, error_rates=(0.1, 0.1))
        events = list(traffic.events(start))
        third = len(events) // 3
        pipeline.publish(events[:third])
        await_closed(pipeline, (start + 4000) // 1000, worker)
        worker.signal(signal.SIGKILL)
        pipeline.publish(events[third - REPEATED : 2 * third])
        after = pipeline.worker("after")
        await_closed(pipeline, (start + 12_000) // 1000, after)
        after.signal(signal.SIGKILL)
        again = pipeline.worker("again")
        pipeline.publish(events[2 * third :])
        await_closed(pipeline, (start + 22_000) // 1000, again)
        live, replayed = closed_panes(pipeline), replayed_panes(pipeline, 5000)
        assert {key: replayed[key] for key in live} == live
        last = min(last_closed(pipeline), (start + 22_000) // 1000)
        assert {k for k in live if k[2] <= last} == {k for k in replayed if k[2] <= last}
        found = [pipeline.codec.decode("panes", value)["body"][1] for value in live.values()]
        cells = [
            cell for body in found if body["rollout"] == USERS.rollout for cell in body["cells"]
        ]
        erred = {event["unit"] for event in events if event["status"] == "ERROR"}
        assert len(erred) // 2 < sum(cell["units"]["errors"] for cell in cells) <= len(erred)
        told = {}
        for _, record in pipeline.read("panes"):
            if (record["body"][0], record["source"]) == ("davy.Progress", "predictions"):
                told[record["source_partition"]] = record["body"][1]
        repeated = sum(body["duplicates"] for body in told.values())
        assert repeated > 0
        assert repeated + sum(body["late"] for body in told.values()) >= REPEATED


class TestEnd:
    def test_state_that_does_not_fit_the_settings(self, pipeline: Pipeline) -> None:
        """A worker that cannot own its partitions ends and says why; it does not sit there."""
        pipeline.apply(spec())
        worker = pipeline.worker("before")
        await_activation(pipeline, worker)
        worker.signal(signal.SIGTERM)
        wait_until(lambda: not worker.running, what="the worker's end", deadline_s=30)
        other = pipeline.worker("after", DAVY_LATENESS_MS="700")
        wait_until(lambda: not other.running, what="the worker's end", deadline_s=60)
        assert "keep the old values until the live rollouts have ended" in other.tail()

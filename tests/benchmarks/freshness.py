"""How soon after a pane is over is its decision there, at half the load that a worker can bear?

Events end when they are sent, so a pane is over, by this machine's clock, when its end and the
allowed lateness have passed. From there to the decision in the hands of a reader of committed
records: the events' own way to the broker is in it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition

from streams.demo.processes import Part, Parts
from streams.spec.model import Stage
from tests.agents.pipeline import Pipeline, spec
from tests.benchmarks.contest import GRACE_S
from tests.benchmarks.results import Row, spread
from tests.load.bed import pipeline, published, streaming, total

LIVE = spec(
    report_every_s=1.0, stages=(Stage(weight_bp=2500, min_time_s=1e6), Stage(weight_bp=10_000))
)
"""Decides each second and stays where it is."""
WARM = 30
"""Decisions that are left out: the worker starts among the first events."""
NEARLY = 0.97
"""Share of the events, and of the decisions, that must be there."""
OPEN = 4
"""Panes that are not closed when the last event has come."""
LOOK_S = 0.05
AFTER_S = 5.0
"""For the last panes, which no later event closes."""


def rows(bootstrap: str, folder: Path, per_s: float, seconds: float) -> list[Row]:
    """The median, and the slowest in a hundred, of decisions in so many seconds of this load."""
    with Parts(folder) as parts:
        flow = pipeline(bootstrap, parts)
        flow.apply(LIVE)
        flow.routed(LIVE.rollout, "observed", 2500, time.time_ns() // 1_000_000 - 60_000, 0)
        worker = flow.worker()
        feeder = streaming(flow, per_s=per_s, seconds=seconds)
        spent = _spent(flow, worker, feeder)
        assert worker.stop(grace_s=GRACE_S) == 0, worker.tail()
        assert total(flow, "accepted") == published(flow)
        assert published(flow) >= NEARLY * per_s * seconds, "the load was not reached"
    return told(spent, seconds, per_s)


def told(spent: list[float], seconds: float, per_s: float) -> list[Row]:
    """The rows of so many waits (ms) in order; the first `WARM` are no measure."""
    kept = spent[WARM:]
    assert len(kept) >= NEARLY * (seconds - WARM - OPEN), f"{len(kept)} decisions are too few"
    note = f"{len(kept)} decisions at {per_s:,.0f} events/s"
    return spread("end of a pane to its decision", [kept], "ms", must=250, moonshot=100, note=note)


def over_ms(pane: int, pane_ms: int, lateness_ms: int) -> int:
    """When the watermark can pass a pane at the soonest, by the events' clock.

    >>> over_ms(9, 1000, 2000)
    12000
    """
    return (pane + 1) * pane_ms + lateness_ms


def _spent(flow: Pipeline, worker: Part, feeder: Part) -> list[float]:
    """Milliseconds that each decision came after its pane was over, in order of arrival."""
    found, ended_at = list[float](), None
    with _reader(flow) as reader:
        while ended_at is None or time.monotonic() < ended_at + AFTER_S:
            assert worker.running, worker.tail()
            if ended_at is None and not feeder.running:
                assert feeder.exit_code == 0, feeder.tail()
                ended_at = time.monotonic()
            message = reader.poll(LOOK_S)
            if message is not None and message.error() is None:
                found.append(_waited_ms(flow, message.value() or b""))
    return found


def _waited_ms(flow: Pipeline, decision: bytes) -> float:
    """How long ago the decision's pane was over."""
    came_ms = time.time_ns() / 1e6
    pane = flow.codec.decode("decisions", decision)["cut"]["pane"]
    return came_ms - over_ms(pane, flow.settings.pane_ms, flow.settings.lateness_ms)


@contextmanager
def _reader(flow: Pipeline) -> Iterator[Consumer]:
    """Of everything on `decisions`, as soon as it is committed."""
    config = {"group.id": "reader", "enable.auto.commit": False, "fetch.wait.max.ms": 20}
    consumer = Consumer(flow.settings.confluent(**config, **{"isolation.level": "read_committed"}))
    name = flow.settings.topic("decisions")
    numbers = range(flow.settings.rollout_partitions)
    consumer.assign([TopicPartition(name, number, 0) for number in numbers])
    try:
        yield consumer
    finally:
        consumer.close()

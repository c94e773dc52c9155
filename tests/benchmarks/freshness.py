"""How soon after a pane can be closed is its decision there, at half of what a worker can bear?

A pane can be closed once each partition holds an event that ended so much later that nothing of the
pane may come any more: the broker's clock tells when. From there to the decision in the hands of a
reader of committed records. Told beside it: from the time at which such an event could have ended
at the soonest, in which the way of the events to the broker is, and what made them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition

from streams.demo.processes import Part, Parts
from streams.settings import Property, Settings
from streams.wire.columns import decode_predictions
from tests.agents.pipeline import Pipeline
from tests.benchmarks.contest import GRACE_S
from tests.benchmarks.plans import LIVE, check_promotion, confirm
from tests.benchmarks.results import Row, spread
from tests.load.bed import pipeline, published, streaming, total

Came = tuple[int, float]
"""A decision's pane, and when it came, epoch ms."""
WARM = 30
"""Panes that are left out: the worker starts among the first events."""
NEARLY, REACHED = 0.97, 0.9
"""Shares of the panes, and of the events, that must be there."""
OPEN = 4
"""Panes that are not closed when the last event has come."""
SAMPLED, READ = 40, 10_000
"""Of so many events one is looked at: some of each millisecond. So many are read at once."""
LOOK_S = 0.05
AFTER_S = 5.0
"""For the last panes, which no later event closes."""


def rows(bootstrap: str, folder: Path, per_s: float, seconds: float) -> list[Row]:
    """The median, and the slowest in a hundred, of decisions in so many seconds of this load."""
    with Parts(folder) as parts:
        flow = pipeline(bootstrap, parts)
        flow.apply(LIVE)
        confirm(flow, LIVE.rollout, time.time_ns() // 1_000_000)
        worker = flow.worker()
        feeder = streaming(flow, per_s=per_s, seconds=seconds)
        came = _came(flow, worker, feeder)
        assert worker.stop(grace_s=GRACE_S) == 0, worker.tail()
        sent, asked = published(flow), per_s * seconds
        assert total(flow, "accepted") == sent
        assert sent >= REACHED * asked, f"only {sent / seconds:,.0f} of {per_s:,.0f} events/s came"
        check_promotion(flow)
        closable = _closable(flow)
    return told(came, closable, flow.settings, seconds, sent / seconds)


def told(
    came: Sequence[Came],
    closable: Mapping[int, float],
    settings: Settings,
    seconds: float,
    per_s: float,
) -> list[Row]:
    """The rows of all panes but the first `WARM`, by decisions in order of arrival."""
    kept = decided(came, sorted(closable)[WARM:])
    assert len(kept) >= NEARLY * (seconds - WARM - OPEN), f"{len(kept)} panes are too few"
    close = [at_ms - closable[pane] for pane, at_ms in kept]
    end = [at_ms - over_ms(pane, settings.pane_ms, settings.lateness_ms) for pane, at_ms in kept]
    way = [all_ms - close_ms for all_ms, close_ms in zip(end, close, strict=True)]
    note = f"{len(kept)} panes at {per_s:,.0f} events/s"
    asked = spread(
        "close of a pane to its decision", [close], "ms", must=250, moonshot=100, note=note
    )
    beside = (("end of a pane to its decision", end), ("end of a pane until it can be closed", way))
    for name, ms in beside:
        asked += spread(name, [ms], "ms", must=0, moonshot=None, note=note)
    return asked


def decided(came: Sequence[Came], panes: Sequence[int]) -> list[Came]:
    """Each pane, and when the first decision that takes it into account was there; up to the last
    pane of all decisions.

    >>> decided([(1, 10.0), (3, 30.0)], [1, 2, 3, 4])
    [(1, 10.0), (2, 30.0), (3, 30.0)]
    """
    found = []
    for pane in panes:
        at_ms = next((at_ms for last, at_ms in came if last >= pane), None)
        if at_ms is not None:
            found.append((pane, at_ms))
    return found


def over_ms(pane: int, pane_ms: int, lateness_ms: int) -> int:
    """When the watermark can pass a pane at the soonest, by the events' clock.

    >>> over_ms(9, 1000, 2000)
    12000
    """
    return (pane + 1) * pane_ms + lateness_ms


def _came(flow: Pipeline, worker: Part, feeder: Part) -> list[Came]:
    """Each decision, in order of arrival."""
    found, ended_at = list[Came](), None
    with _reader(flow) as reader:
        while ended_at is None or time.monotonic() < ended_at + AFTER_S:
            assert worker.running, worker.tail()
            if ended_at is None and not feeder.running:
                assert feeder.exit_code == 0, feeder.tail()
                ended_at = time.monotonic()
            message = reader.poll(LOOK_S)
            if message is not None and message.error() is None:
                decision = flow.codec.decode("decisions", message.value() or b"")
                found.append((decision["cut"]["pane"], time.time_ns() / 1e6))
    return found


def _closable(flow: Pipeline) -> dict[int, float]:
    """Pane -> when the last partition held an event behind it and what may be late, epoch ms."""
    partitions = range(flow.settings.source_partitions)
    found = [_crossed(flow, number) for number in partitions]
    panes = set.intersection(*map(set, found))
    return {pane: max(each[pane] for each in found) for pane in panes}


def _crossed(flow: Pipeline, number: int) -> dict[int, float]:
    """The same of one partition, as far as one event in `SAMPLED` tells."""
    settings, found = flow.settings, dict[int, float]()
    config: dict[str, Property] = {"group.id": "reader", "fetch.queue.backoff.ms": 10}
    consumer = Consumer(settings.confluent(**config))
    place = TopicPartition(settings.topic("predictions"), number, 0)
    try:
        end = consumer.get_watermark_offsets(place, timeout=10)[1]
        consumer.assign([place])
        done = 0
        while done < end:
            records = [each for each in consumer.consume(READ, 1.0) if each.error() is None]
            done = 1 + (records[-1].offset() or 0) if records else done
            some = records[::SAMPLED]
            columns = decode_predictions([each.value() for each in some], flow.codec)
            panes = (columns.event_ms - settings.lateness_ms) // settings.pane_ms - 1
            for row, pane in zip(columns.row.tolist(), panes.tolist(), strict=True):
                found.setdefault(pane, float(some[row].timestamp()[1]))
    finally:
        consumer.close()
    return found


@contextmanager
def _reader(flow: Pipeline) -> Iterator[Consumer]:
    """Of everything on `decisions`, as soon as it is committed."""
    config: dict[str, Property] = {"group.id": "reader", "enable.auto.commit": False}
    config |= {"isolation.level": "read_committed", "fetch.wait.max.ms": 20}
    consumer = Consumer(flow.settings.confluent(**config))
    name = flow.settings.topic("decisions")
    numbers = range(flow.settings.rollout_partitions)
    consumer.assign([TopicPartition(name, number, 0) for number in numbers])
    try:
        yield consumer
    finally:
        consumer.close()

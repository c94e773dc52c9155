"""How does a worker drain a backlog? Peak memory, and how long decisions keep others waiting.

A topic of an Apache Kafka of its own is filled and a worker started; what it did is read from the
topics, with the times that producers wrote on the records.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer

from streams.demo.processes import Part
from tests.agents.pipeline import Pipeline, spec
from tests.benchmarks.meter import committed, cpu_s
from tests.benchmarks.results import Row
from tests.load.bed import PARTITIONS, bed, fill, filled, peak_mb, pipeline, total

FULL = 50_000_000
REDUCED = 2_000_000
SPAN_S = 600
"""Of event time."""
LIVE, OTHER = "digits-v2", "digits-other"


DISK_BYTES = 60
"""That an event may take, twice as much as it does compressed."""
MOST_MB = 1024
"""Of a worker with four partitions: twice what one takes with all its queues full, about."""
PATIENT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """What came of one backlog."""

    events: int
    counted: int
    per_s: float
    per_cpu_s: float
    rss_mb: float
    decisions: int
    gap_s: float
    """Longest time without a decision or lease."""
    wait_s: float
    """Longest time from the moment at which a decision's pane was due to the decision."""
    abort_s: float
    """From a person's abort, in the middle, to the decision that ends the rollout."""


def rows(events: int, behind: float) -> list[Row]:
    """What is said of one backlog, where all of it was counted."""
    folder, needed = Path(tempfile.gettempdir()), events * DISK_BYTES
    room = shutil.disk_usage(folder).free
    assert room > needed, f"{folder}: {room:,} bytes are free, {needed:,} needed: set TMPDIR"
    with bed() as (bootstrap, parts):
        told = drain(pipeline(bootstrap, parts), events=events, behind=behind)
    assert told.counted == events, f"{told.counted:,} of {events:,} events were counted"
    name = f"backlog of {events / 1e6:g} million"

    def lower(what: str, value: float, unit: str, must: float) -> Row:
        return Row(
            name=f"{name}: {what}",
            value=value,
            unit=unit,
            must=must,
            moonshot=None,
            better="lower",
            rounds=(value,),
        )

    speed = Row(
        name=f"{name}: drained",
        value=told.per_s,
        unit="events/s",
        must=0,
        moonshot=None,
        better="higher",
        rounds=(told.per_s,),
        note=f"{told.per_cpu_s:,.0f} events/CPU-s, {told.decisions} decisions",
    )
    return [
        speed,
        lower("peak memory", told.rss_mb, "MiB", MOST_MB),
        lower("longest time without a sign of the judge", told.gap_s, "s", PATIENT_S),
        lower("longest wait of a decision for its turn", told.wait_s, "s", PATIENT_S),
        lower("from a person's abort to its decision", told.abort_s, "s", PATIENT_S),
    ]


def drain(flow: Pipeline, *, events: int, behind: float) -> Drained:
    """Publish, start a worker, wait until all is committed; read what it wrote."""
    flow.apply(spec(LIVE))
    flow.apply(spec(OTHER, route="other"))
    extra = int(events * behind)
    feeders = [fill(flow, events=events - extra, span_s=SPAN_S)]
    if extra:
        feeders.append(fill(flow, events=extra, span_s=SPAN_S, partition=0, first=events))
    filled(flow, *feeders)
    worker = flow.worker()
    aborted_ms, per_s, per_cpu_s = _watch(flow, worker, events)
    rss_mb = peak_mb(worker)
    worker.stop()
    progress, decisions, beats = _written(flow)
    return Drained(
        events=events,
        counted=total(flow, "accepted"),
        per_s=per_s,
        per_cpu_s=per_cpu_s,
        rss_mb=rss_mb,
        decisions=len(decisions),
        gap_s=_longest_gap(sorted([at for at, _ in decisions] + beats)),
        wait_s=max(_waits(progress, decisions), default=0.0),
        abort_s=_abort_s(decisions, aborted_ms),
    )


def _watch(pipeline: Pipeline, worker: Part, events: int) -> tuple[int, float, float]:
    settings = pipeline.settings
    consumer = Consumer({"bootstrap.servers": settings.bootstrap, "group.id": settings.group})
    topic = settings.topic("predictions")
    samples: list[tuple[float, float, int]] = []
    aborted_ms = 0
    deadline = time.monotonic() + 1800
    try:
        while not samples or samples[-1][2] < events:
            assert worker.running, worker.tail()
            assert time.monotonic() < deadline, f"stuck at {samples[-1:]}: {worker.tail()}"
            done = committed(consumer, topic, PARTITIONS)
            if done and (not samples or done > samples[-1][2]):
                samples.append((time.monotonic(), cpu_s(worker), done))
            if not aborted_ms and done > events // 2:
                aborted_ms = time.time_ns() // 1_000_000
                record: dict[str, Any] = {"rollout": OTHER, "command": "ABORT", "actor": "a test"}
                record |= {"reason": "load", "at": aborted_ms}
                value = pipeline.codec.encode("commands", record)
                pipeline.produce("commands", OTHER, value)
                pipeline.settle()
            time.sleep(0.05)
    finally:
        consumer.close()
    first, last = samples[0], samples[-1]
    done = last[2] - first[2]
    return aborted_ms, done / (last[0] - first[0]), done / (last[1] - first[1])


Timed = tuple[int, Any]


def _written(pipeline: Pipeline) -> tuple[list[Timed], list[Timed], list[int]]:
    progress = [
        (m.timestamp()[1], (record["source_partition"], record["body"][1]["closed_through"]))
        for m, record in pipeline.read("panes")
        if (record["source"], record["body"][0]) == ("predictions", "davy.Progress")
    ]
    decisions = [(m.timestamp()[1], record) for m, record in pipeline.read("decisions")]
    beats = [m.timestamp()[1] for m in pipeline.raw("leases")]
    return sorted(progress, key=lambda each: each[0]), decisions, beats


def _longest_gap(times_ms: list[int]) -> float:
    pairs = pairwise(times_ms)
    return max((b - a for a, b in pairs), default=0) / 1000


def _waits(progress: list[Timed], decisions: list[Timed]) -> Iterator[float]:
    """Seconds from each pane's last closing to its decision."""
    for at, decision in decisions:
        pane = decision["cut"]["pane"]
        closed: dict[int, int] = {}
        for told_at, (partition, through) in progress:
            if through >= pane:
                closed.setdefault(partition, told_at)
        if len(closed) == PARTITIONS:
            yield (at - max(closed.values())) / 1000


def _abort_s(decisions: list[Timed], aborted_ms: int) -> float:
    ends = [at for at, d in decisions if d["rollout"] == OTHER and d["terminal"]]
    assert all(at >= aborted_ms for at in ends), f"{OTHER} ended before it was aborted"
    return (ends[0] - aborted_ms) / 1000 if ends else float("inf")

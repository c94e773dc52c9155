"""How does a worker drain a backlog? Peak memory, and how long decisions keep others waiting.

`python -m tests.load.backlog`: fills `predictions` on an Apache Kafka of its own, starts a worker,
and reads from the topics what it did: times are those that producers wrote on the records.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer

from infra.rigs import kafka as kafka_rig
from streams.demo.processes import Part, Parts
from tests.agents.pipeline import Pipeline, spec
from tests.benchmarks.meter import committed, cpu_s

PARTITIONS = 4
FULL = 50_000_000
REDUCED = 2_000_000
LIVE, OTHER = "digits-v2", "digits-other"


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


def main() -> None:
    """Fill, drain, tell."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=REDUCED)
    parser.add_argument("--full", action="store_true", help=f"{FULL:,} events")
    parser.add_argument("--span-s", type=int, default=600, help="of event time")
    parser.add_argument("--behind", type=float, default=0.0, help="share in partition 0 alone")
    asked = parser.parse_args()
    events = FULL if asked.full else asked.events
    folder = Path(tempfile.mkdtemp(prefix="davy-backlog-"))
    try:
        with Parts(folder) as parts:
            broker = kafka_rig.start(folder / "kafka")
            try:
                pipeline = _pipeline(broker.bootstrap, parts)
                told = drain(pipeline, events=events, span_s=asked.span_s, behind=asked.behind)
            finally:
                broker.part.stop()
    finally:
        shutil.rmtree(folder)
    print(json.dumps(asdict(told), indent=2))


def _pipeline(bootstrap: str, parts: Parts) -> Pipeline:
    prefix = f"b{uuid.uuid4().hex[:8]}-"
    counts = {"source_partitions": PARTITIONS, "rollout_partitions": PARTITIONS}
    return Pipeline(
        bootstrap, prefix, parts, **counts, flush_ms=500, lateness_ms=2000, idle_ms=10_000
    )


def fill(
    pipeline: Pipeline,
    *,
    events: int,
    span_s: int,
    partition: int = -1,
    first: int = 0,
    strange: tuple[str, ...] = (),
) -> Part:
    """Start to publish a backlog that ends now."""
    command = [sys.executable, "-m", "tests.load.feeder", "--bootstrap"]
    command += [pipeline.settings.bootstrap, "--topic", pipeline.settings.topic("predictions")]
    from_ms = time.time_ns() // 1_000_000 - span_s * 1000
    command += ["--from-ms", str(from_ms), "--span-ms", str(span_s * 1000)]
    command += ["--events", str(events), "--first", str(first), "--partition", str(partition)]
    return pipeline.parts.start(f"feeder-{first}", [*command, "--strange", *strange])


def drain(pipeline: Pipeline, *, events: int, span_s: int, behind: float) -> Drained:
    """Publish, start a worker, wait until all is committed; read what it wrote."""
    pipeline.apply(spec(LIVE))
    pipeline.apply(spec(OTHER, route="other"))
    extra = int(events * behind)
    start = time.monotonic()
    feeders = [fill(pipeline, events=events - extra, span_s=span_s)]
    if extra:
        feeders.append(fill(pipeline, events=extra, span_s=span_s, partition=0, first=events))
    for feeder in feeders:
        pipeline.eventually(lambda f=feeder: not f.running, what="the backlog", deadline_s=1800)
    print(f"filled in {time.monotonic() - start:.0f} s", file=sys.stderr)
    worker = pipeline.worker()
    aborted_ms, per_s, per_cpu_s = _watch(pipeline, worker, events)
    rss_mb = peak_mb(worker)
    worker.stop()
    progress, decisions, beats = _written(pipeline)
    return Drained(
        events=events,
        counted=sum(m["accepted"] for m in _last(pipeline).values()),
        per_s=per_s,
        per_cpu_s=per_cpu_s,
        rss_mb=rss_mb,
        decisions=len(decisions),
        gap_s=_longest_gap(sorted([at for at, _ in decisions] + beats)),
        wait_s=max(_waits(progress, decisions), default=0.0),
        abort_s=_abort_s(decisions, aborted_ms),
    )


def peak_mb(part: Part) -> float:
    """The most memory that the process had resident so far."""
    lines = Path(f"/proc/{part.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def _watch(pipeline: Pipeline, worker: Part, events: int) -> tuple[int, float, float]:
    settings = pipeline.settings
    consumer = Consumer({"bootstrap.servers": settings.bootstrap, "group.id": settings.group})
    topic = settings.topic("predictions")
    samples: list[tuple[float, float, int]] = []
    aborted_ms = 0
    began = time.monotonic()
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
                record = {"rollout": OTHER, "command": "ABORT", "actor": "a test"}
                record |= {"reason": "load", "at": aborted_ms}
                value = pipeline.codec.encode("commands", record)
                pipeline.produce("commands", OTHER, value)
                pipeline.settle()
            time.sleep(0.05)
    finally:
        consumer.close()
    print(f"drained in {time.monotonic() - began:.0f} s", file=sys.stderr)
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


def _last(pipeline: Pipeline) -> dict[int, dict[str, Any]]:
    found = {}
    for _, record in pipeline.read("panes"):
        if (record["source"], record["body"][0]) == ("predictions", "davy.Progress"):
            found[record["source_partition"]] = record["body"][1]
    return found


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
    return (ends[0] - aborted_ms) / 1000 if ends else float("inf")


if __name__ == "__main__":
    main()

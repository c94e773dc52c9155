"""How many events does a process handle per second of its own CPU time?

Progress is the group's committed offsets, CPU is what the kernel charged to the process (all
threads). The first events are left out (half of them, unless told otherwise), and so are start-up
and what a program compiles while it runs.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streams.demo.processes import Part

LEAST = 3
"""Commits by which a rate is taken."""
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A process at a moment."""

    at_s: float
    cpu_s: float
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Events per second of CPU and of the clock."""

    per_cpu_s: float
    per_s: float


def cpu_s(part: Part) -> float:
    """User and system time of the process so far, all threads."""
    fields = Path(f"/proc/{part.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def committed(consumer: Consumer, topic: str, partitions: int) -> int:
    """Sum of the group's committed offsets; 0 while the group has no coordinator yet."""
    wanted = [TopicPartition(topic, number) for number in range(partitions)]
    try:
        offsets = consumer.committed(wanted, timeout=10)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.NOT_COORDINATOR:
            return 0
        raise
    return sum(max(0, found.offset) for found in offsets)


def measure(
    *parts: Part,
    bootstrap: str,
    group: str,
    topic: str,
    partitions: int,
    events: int,
    warm: float = 0.5,
) -> Rate:
    """Sample until all events are committed; CPU is that of all these processes.

    The share `warm` of the events is left out.
    """
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group})
    samples: list[Sample] = []
    deadline = time.monotonic() + 300
    try:
        while not samples or samples[-1].events < events:
            for each in parts:
                assert each.running, each.tail()
                assert time.monotonic() < deadline, f"stuck at {samples[-1:]}: {each.tail()}"
            done = committed(consumer, topic, partitions)
            if done and (not samples or done > samples[-1].events):
                spent = sum(map(cpu_s, parts))
                samples.append(Sample(at_s=time.monotonic(), cpu_s=spent, events=done))
            time.sleep(0.02)
    finally:
        consumer.close()
    return _rate(samples, events * warm)


def _rate(samples: list[Sample], after: float) -> Rate:
    later = [sample for sample in samples if sample.events >= after]
    assert len(later) >= LEAST, f"{len(later)} commits are too few to measure by: more events"
    first, last = later[0], later[-1]
    return Rate(
        per_cpu_s=(last.events - first.events) / (last.cpu_s - first.cpu_s),
        per_s=(last.events - first.events) / (last.at_s - first.at_s),
    )

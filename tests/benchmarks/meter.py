"""How many events does a process handle per second of its own CPU time?

Progress is the group's committed offsets, CPU is what the kernel charged to the process (all
threads). The rate is taken between the first commit seen and the last, so start-up is left out.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streams.demo.processes import Part

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
    part: Part | Sequence[Part],
    bootstrap: str,
    group: str,
    topic: str,
    partitions: int,
    events: int,
) -> Rate:
    """Sample until all events are committed; CPU is that of all these processes."""
    parts = [part] if isinstance(part, Part) else part
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
            time.sleep(0.05)
    finally:
        consumer.close()
    first, last = samples[0], samples[-1]
    return Rate(
        per_cpu_s=(last.events - first.events) / (last.cpu_s - first.cpu_s),
        per_s=(last.events - first.events) / (last.at_s - first.at_s),
    )

"""How many events does a process handle per second of its own CPU time?

Progress is the group's committed offsets, CPU is what the kernel charged to the process (all
threads). The first events are left out (half of them, unless told otherwise), and so are start-up
and what a program compiles while it runs; the last ones too, so that at both ends some events are
on their way and everybody still has some. All else that runs on the machine, the broker first, has
its CPU counted beside.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from numpy.typing import NDArray

from streams.demo.processes import Part

LEAST = 3
"""Commits by which a rate is taken."""
IDLE, WAITING = 3, 4
"""Columns of /proc/stat."""
CORES = os.cpu_count() or 1
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Shares of the events between which is measured."""

    begin: float = 0.5
    end: float = 0.95


USUAL = Window()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A process at a moment."""

    at_s: float
    cpu_s: float
    machine_s: float
    """Of all processes, and of the kernel."""
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Events per second of CPU and of the clock."""

    per_cpu_s: float
    per_s: float
    per_free_s: float
    """Per second of a core that nobody else used, whether it was used or not; of as many cores as
    there are processes."""
    began_s: float
    ended_s: float
    """Since the epoch: from when to when it was measured."""


@contextmanager
def uncollected() -> Iterator[None]:
    """No collection looks meanwhile at what there is now: it may be millions of records."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def cpu_s(part: Part) -> float:
    """User and system time of the process so far, all threads."""
    fields = Path(f"/proc/{part.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def machine_s() -> float:
    """CPU of everything on this machine so far."""
    spent = list(map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]))
    return (sum(spent[:8]) - spent[IDLE] - spent[WAITING]) / TICKS


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
    window: Window = USUAL,
) -> Rate:
    """Sample until all events are committed; CPU is that of all these processes."""
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
                samples.append(
                    Sample(at_s=time.time(), cpu_s=spent, machine_s=machine_s(), events=done)
                )
            time.sleep(0.02)
    finally:
        consumer.close()
    return rate(samples, len(parts), events * window.begin, events * window.end)


def rate(samples: Sequence[Sample], processes: int, after: float, until: float) -> Rate:
    """By all samples with `after` events at least and `until` at most: slopes of least squares,
    for commits come in steps, and those of several processes one after the other.

    >>> seen = [Sample(at_s=n, cpu_s=n / 2, machine_s=n, events=100 * n) for n in range(6)]
    >>> found = rate(seen, 1, 100, 450)
    >>> found.per_cpu_s, found.per_s, found.began_s, found.ended_s
    (200.0, 100.0, 1, 4)
    >>> found.per_free_s == 100 / min(1, CORES - 0.5)
    True
    """
    within = [sample for sample in samples if after <= sample.events <= until]
    assert len(within) >= LEAST, f"{len(within)} commits are too few to measure by: more events"
    told = np.array([(s.events, s.cpu_s, s.at_s, s.machine_s) for s in within])
    events, spent_s, at_s, machine_s = (told - told[0]).T
    free_s = np.minimum(processes * at_s, CORES * at_s - (machine_s - spent_s))
    return Rate(
        per_cpu_s=_slope(spent_s, events),
        per_s=_slope(at_s, events),
        per_free_s=_slope(free_s, events),
        began_s=within[0].at_s,
        ended_s=within[-1].at_s,
    )


def _slope(of: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    off = of - of.mean()
    return float(off @ values / (off @ off))

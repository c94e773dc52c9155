"""Fills a topic of predictions as fast as one process can: `python -m tests.load.feeder`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from confluent_kafka import Producer
from numpy.typing import NDArray

from streams.wire.codec import Codec
from streams.wire.store import LocalSchemaStore
from tests.load.values import Kind, Maker, keys, mixed, rows

BLOCK = 20_000
APART = 1_000_000_000
"""Between the numbers of two makers' events."""
STEP_S = 0.01
"""Between two blocks of events that end now."""

Record = dict[str, object]


def main() -> None:
    """Publish events numbered from `first` on: over a span of event time, or as they end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--events", type=int, default=0)
    parser.add_argument("--from-ms", type=int, default=0)
    parser.add_argument("--span-ms", type=int, default=1)
    parser.add_argument("--per-s", type=float, default=0.0, help="as they end, so many a second")
    parser.add_argument("--seconds", type=float, default=0.0, help="for so long, with --per-s")
    parser.add_argument("--partition", type=int, default=-1, help="-1: where its key belongs")
    parser.add_argument("--strange", nargs="*", default=[], help="fields that differ in each event")
    parser.add_argument("--mixed", action="store_true", help="before each, an ordinary one")
    parser.add_argument("--country", default="", help="what all events say of this segment")
    asked = parser.parse_args()
    codec = Codec(LocalSchemaStore())
    ordinary = Kind(country=asked.country)
    makers = [Maker(codec, replace(ordinary, **dict.fromkeys(asked.strange, True)))]
    if asked.mixed:
        makers.insert(0, Maker(codec, ordinary))
    config = {
        "bootstrap.servers": asked.bootstrap,
        "partitioner": "murmur2_random",
        "compression.type": "zstd",
        "linger.ms": 20,
        "batch.size": 500_000,
        "queue.buffering.max.messages": 400_000,
    }
    producer = Producer(config)
    planned = (
        ending(asked.first, asked.per_s, asked.seconds)
        if asked.per_s
        else blocks(asked.first, asked.events, asked.from_ms, asked.span_ms)
    )
    for first, event_ms in planned:
        send(producer, asked.topic, records(makers, first, event_ms), asked.partition)
    assert producer.flush(120) == 0


def records(makers: Sequence[Maker], first: int, event_ms: NDArray[np.int64]) -> list[Record]:
    """An event of each maker in turn for each time; all have numbers of their own."""
    count = event_ms.size
    starts = [first + turn * APART for turn in range(len(makers))]
    values = [rows(m.block(at, event_ms)) for m, at in zip(makers, starts, strict=True)]
    names = [keys(at, count) for at in starts]
    pairs = zip(mixed(values), mixed(names), strict=True)
    return [{"value": value, "key": key} for value, key in pairs]


def blocks(
    first: int, events: int, from_ms: int, span_ms: int
) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Numbers and event times, ascending, block by block."""
    for start in range(0, events, BLOCK):
        places = np.arange(start, min(start + BLOCK, events))
        yield first + start, from_ms + places * span_ms // events


def ending(first: int, per_s: float, seconds: float) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """The same of events that end now, at a steady rate; each block is due when it is yielded."""
    began, made = time.monotonic(), 0
    while (passed_s := time.monotonic() - began) < seconds:
        due = int(passed_s * per_s) - made
        if due:
            yield first + made, np.full(due, time.time_ns() // 1_000_000)
            made += due
        time.sleep(STEP_S)


def send(producer: Producer, topic: str, records: list[Record], partition: int) -> None:
    """Queue all records, waiting for room where there is none."""
    left = records
    while left:
        queued = producer.produce_batch(topic, left, partition=partition)
        left = left[queued:] if queued < len(left) else []
        producer.poll(0 if not left else 0.05)


if __name__ == "__main__":
    main()

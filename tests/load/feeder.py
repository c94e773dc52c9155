"""Fills a topic of predictions as fast as one process can: `python -m tests.load.feeder`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np
from confluent_kafka import Producer
from numpy.typing import NDArray

from streams.wire.codec import Codec
from streams.wire.store import LocalSchemaStore
from tests.load.values import Kind, Maker, keys, rows

BLOCK = 20_000


def main() -> None:
    """Publish events numbered `first` to `first + events`, evenly over the span of event time."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--events", type=int, required=True)
    parser.add_argument("--from-ms", type=int, required=True)
    parser.add_argument("--span-ms", type=int, required=True)
    parser.add_argument("--partition", type=int, default=-1, help="-1: where its key belongs")
    parser.add_argument("--strange", nargs="*", default=[], help="fields that differ in each event")
    asked = parser.parse_args()
    maker = Maker(Codec(LocalSchemaStore()), Kind(**dict.fromkeys(asked.strange, True)))
    config = {
        "bootstrap.servers": asked.bootstrap,
        "partitioner": "murmur2_random",
        "compression.type": "zstd",
        "linger.ms": 20,
        "batch.size": 500_000,
        "queue.buffering.max.messages": 400_000,
    }
    producer = Producer(config)
    for first, event_ms in blocks(asked.first, asked.events, asked.from_ms, asked.span_ms):
        values = rows(maker.block(first, event_ms))
        records = [
            {"value": value, "key": key}
            for value, key in zip(values, keys(first, len(values)), strict=True)
        ]
        send(producer, asked.topic, records, asked.partition)
    assert producer.flush(120) == 0


def blocks(
    first: int, events: int, from_ms: int, span_ms: int
) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Numbers and event times, ascending, block by block."""
    for start in range(0, events, BLOCK):
        places = np.arange(start, min(start + BLOCK, events))
        yield first + start, from_ms + places * span_ms // events


def send(producer: Producer, topic: str, records: list[dict[str, object]], partition: int) -> None:
    """Queue all records, waiting for room where there is none."""
    left = records
    while left:
        queued = producer.produce_batch(topic, left, partition=partition)
        left = left[queued:] if queued < len(left) else []
        producer.poll(0 if not left else 0.05)


if __name__ == "__main__":
    main()

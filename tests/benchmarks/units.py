"""What does counting users cost? Decode and fold of one partition, by user and by request."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from streams.panes.facts import PaneClock
from streams.panes.fold import PartitionFold
from streams.spec.model import Unit
from streams.wire.codec import Codec
from streams.wire.columns import decode_predictions
from streams.wire.store import LocalSchemaStore
from tests.agents.pipeline import START_MS, Traffic, user_spec
from tests.benchmarks.results import Row, of_rounds

EVENTS = 200_000
USERS = 50_000
BATCH = 5_000
FLUSH = 4
"""Batches between two flushes."""
CLOCK = PaneClock(pane_ms=1000, lateness_ms=2000, future_ms=1 << 50)


def rows(rounds: int) -> list[Row]:
    """Events per CPU-second with `unit: user` as a part of those without."""
    codec = Codec(LocalSchemaStore())
    traffic = Traffic(seconds=60, rate=EVENTS / 60, users=USERS)
    values = [codec.encode("predictions", event) for event in traffic.events(START_MS)]
    kept = tuple(
        _seconds(values, codec, Unit.REQUEST) / _seconds(values, codec, Unit.USER)
        for _ in range(rounds)
    )
    return [
        of_rounds(
            name="counting users / counting requests",
            unit="ratio",
            must=0.6,
            rounds=kept,
            note=f"decode and fold without a broker, {USERS} users, changes taken for `cells`",
        )
    ]


def _seconds(values: list[bytes], codec: Codec, unit: Unit) -> float:
    """Of CPU."""
    fold = PartitionFold(CLOCK)
    fold.activate(user_spec(unit=unit))
    start = time.process_time()
    for number, (first, batch) in enumerate(_batches(values)):
        offsets = np.arange(first, first + len(batch))
        append_ms = np.full(len(batch), START_MS)
        fold.fold(
            decode_predictions(batch, codec), append_ms, offsets, end_offset=first + len(batch)
        )
        if number % FLUSH == 0:
            fold.changed_parts()
    return time.process_time() - start


def _batches(values: list[bytes]) -> Iterator[tuple[int, list[bytes]]]:
    for first in range(0, len(values), BATCH):
        yield first, values[first : first + BATCH]

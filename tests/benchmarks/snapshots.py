"""What does a flush write? As much as changed, however much lives and however much was counted.

Without a broker: one partition's fold, and its open panes encoded as a flush encodes them.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import numpy as np

from streams.agents.cells import open_body
from streams.agents.sources import PREDICTIONS
from streams.panes.facts import Marker, PaneClock
from streams.panes.fold import PartitionFold
from streams.wire.codec import Codec
from streams.wire.columns import DEFAULT_MAX_EVENT_BYTES
from streams.wire.store import LocalSchemaStore
from tests.benchmarks.events import make
from tests.benchmarks.growth import Shape, planned
from tests.benchmarks.results import Row, of_rounds

MUST = 1.1
ALONE: Shape = (1, 9)
AMONG: Shape = (50, 9)
EVENTS = 400_000
BATCH = 5_000
END_MS = 1_790_000_000_999
"""A batch before this lies in one pane."""
CODEC = Codec(LocalSchemaStore())
CLOCK = PaneClock(pane_ms=1000, lateness_ms=2000, future_ms=1 << 50, dedupe=False)


def rows(rounds: int) -> list[Row]:
    """Bytes of state by what lives, and by what was counted before."""
    among = tuple(touched(AMONG) / touched(ALONE) for _ in range(rounds))
    later = tuple(_late_by_early() for _ in range(rounds))
    many, few = AMONG[0], ALONE[0]
    return [
        _row(f"state of a touched rollout: {many} live / {few}", among, "bytes of its open panes"),
        _row("state that a flush writes: last / first", later, f"{EVENTS:,} events, one rollout"),
    ]


def touched(shape: Shape) -> int:
    """Bytes written after a batch of one rollout, where the pane before is open for all."""
    fold = _fold(shape)
    _flushed(fold, _values(shape, BATCH, seed=1, end_ms=END_MS))
    return _flushed(fold, _values((1, shape[1]), BATCH, seed=2, end_ms=END_MS + CLOCK.pane_ms))


def flushes(shape: Shape, events: int) -> list[int]:
    """Bytes that are written after each batch of so many events."""
    fold, values = _fold(shape), _values(shape, events, seed=3, end_ms=END_MS)
    return [_flushed(fold, values[at : at + BATCH]) for at in range(0, events, BATCH)]


def _late_by_early() -> float:
    sizes = flushes(ALONE, EVENTS)
    tenth = max(1, len(sizes) // 10)
    return statistics.median(sizes[-tenth:]) / statistics.median(sizes[tenth : 2 * tenth])


def _values(shape: Shape, events: int, *, seed: int, end_ms: int) -> list[bytes]:
    load = make(CODEC, events, seed=seed, services=shape[0], tiers=shape[1], end_ms=end_ms)
    return [record["value"] for record in load.records]


def _fold(shape: Shape) -> PartitionFold:
    fold = PartitionFold(CLOCK, Marker())
    for rollout in planned(shape):
        fold.activate(rollout)
    return fold


def _flushed(fold: PartitionFold, values: Sequence[bytes]) -> int:
    """Fold a batch; bytes of the open panes that it changed."""
    columns = PREDICTIONS.decode(values, CODEC, DEFAULT_MAX_EVENT_BYTES)
    first = fold.marker.next_offset
    offsets = np.arange(first, first + len(values))
    fold.fold(columns, columns.event_ms, offsets, end_offset=first + len(values))
    changed, fold.dirty = fold.dirty & fold.open.keys(), set()
    return sum(len(_encoded(fold, *key)) for key in sorted(changed))


def _encoded(fold: PartitionFold, rollout: str, pane: int) -> bytes:
    body = open_body(rollout, fold.live[rollout].spec_hash, pane, fold.open[rollout, pane])
    return CODEC.encode("cells", {"body": body})


def _row(name: str, ratios: tuple[float, ...], note: str) -> Row:
    return of_rounds(
        name=name,
        unit="ratio",
        must=MUST,
        better="lower",
        rounds=ratios,
        note=note,
    )

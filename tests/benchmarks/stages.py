"""Where does an event's time go? CPU of each stage, one after the other, with no broker around.

What is left to the worker's own figure is what fetching, Faust, the flushes and the judge take.
"""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from streams.agents.cells import open_body
from streams.agents.sketch_owner import told_by_broker
from streams.agents.sources import PREDICTIONS
from streams.panes.facts import LiveRollout, Marker, PaneClock
from streams.panes.fold import PartitionFold
from streams.wire.codec import Codec
from streams.wire.columns import DEFAULT_MAX_EVENT_BYTES
from tests.agents.pipeline import spec
from tests.benchmarks.events import Load, make
from tests.benchmarks.results import Row
from tests.wire.kafka_batches import Sent, batch, read

EVENTS = 400_000
FETCHED = 5_000
"""Records of one batch, as a worker that is behind gets them."""
ZSTD = 4
FUTURE_MS = 3_600_000
FRAME, DECODE, ROUTE, FOLD, SNAPSHOT = "frame", "decode", "route", "fold", "snapshot"
REPEATS = "look for duplicates"
REST = "fetch, Faust, flush, judge"
NS = 1e9

Spent = dict[str, float]
"""CPU of an event by stage, ns."""


def rows(codec: Codec, rounds: int, per_cpu_s: float | None) -> list[Row]:
    """Nanoseconds of an event by stage, and what is left of a worker's that does so many a second.

    Folding is told without what routing and looking for duplicates take of it.
    """
    load = make(codec, EVENTS)
    fetched = batches(load)
    run(fetched[:1], codec, dedupe=True)  # what a first batch loads is no event's cost
    told = [stages(fetched, codec) for _ in range(rounds)]
    found = [row(stage, [each[stage] for each in told]) for stage in told[0]]
    if per_cpu_s is not None:
        found.append(row(REST, rest(told, per_cpu_s)))
    return found


def rest(told: Sequence[Spent], per_cpu_s: float) -> list[float]:
    """What an event of a worker takes besides, in each round."""
    return [NS / per_cpu_s - sum(each.values()) for each in told]


def row(stage: str, ns: Sequence[float]) -> Row:
    """What one stage takes; nothing is asked of it."""
    return Row(
        name=f"an event's time: {stage}",
        value=statistics.median(ns),
        unit="ns of CPU",
        must=0,
        moonshot=None,
        better="higher",
        rounds=tuple(ns),
        note=f"batches of {FETCHED:,}, one partition, one rollout",
    )


def stages(fetched: Sequence[bytes], codec: Codec) -> Spent:
    """Each stage alone: two runs, of which one looks for duplicates."""
    told = run(fetched, codec, dedupe=True)
    trusting = run(fetched, codec, dedupe=False)
    repeats = max(0.0, told[FOLD] - trusting[FOLD])
    folding = max(0.0, trusting[FOLD] - trusting[ROUTE])
    return told | {ROUTE: trusting[ROUTE], FOLD: folding, REPEATS: repeats}


def batches(load: Load) -> list[bytes]:
    """The load as a broker hands it over: compressed batches."""
    sent = [Sent(each["value"], each["key"]) for each in load.records]
    now_ms = time.time_ns() // 1_000_000
    return [
        batch(sent[start : start + FETCHED], start, codec=ZSTD, append_ms=now_ms)
        for start in range(0, len(sent), FETCHED)
    ]


def run(fetched: Sequence[bytes], codec: Codec, *, dedupe: bool) -> Spent:
    """Fold all of it once; every event must be in a pane."""
    clock = PaneClock(pane_ms=1000, lateness_ms=2000, future_ms=FUTURE_MS, dedupe=dedupe)
    fold, seconds = PartitionFold(clock, Marker()), defaultdict[str, float](float)
    live = fold.activate(spec())
    for each in fetched:
        with timed(seconds, FRAME):
            records = read(each)
        with timed(seconds, DECODE):
            columns = PREDICTIONS.decode(records.values, codec, DEFAULT_MAX_EVENT_BYTES)
        with timed(seconds, ROUTE):  # once more: the fold does it too
            list(fold.targets.layers(columns.service, columns.version))
        with timed(seconds, FOLD):
            end = records.last_offset + 1
            fold.fold(columns, *told_by_broker(records), end_offset=end)
        with timed(seconds, SNAPSHOT):
            _write(fold, live, codec)
    events = fold.marker.next_offset
    assert fold.marker.accepted == events, fold.marker
    return {stage: NS * spent / events for stage, spent in seconds.items()}


@contextmanager
def timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Count the block's CPU for this stage."""
    began = time.process_time()
    yield
    seconds[stage] += time.process_time() - began


def _write(fold: PartitionFold, live: LiveRollout, codec: Codec) -> None:
    """Encode every open pane that changed, as a flush does; here after each batch."""
    changed, fold.dirty = fold.dirty, set()
    for rollout, pane in changed & fold.open.keys():
        body = open_body(rollout, live.spec_hash, pane, fold.open[rollout, pane])
        codec.encode("cells", {"body": body})

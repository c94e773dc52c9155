"""Where does an event's time go? CPU of each stage, one after the other, with no broker around.

What is left to the worker's own figure is what fetching, Faust, the flushes and the judge take.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from streams.agents.cells import open_body
from streams.agents.sources import PREDICTIONS
from streams.panes.facts import LiveRollout, Marker, PaneClock
from streams.panes.fold import PartitionFold
from streams.wire.codec import Codec
from streams.wire.columns import DEFAULT_MAX_EVENT_BYTES
from tests.agents.pipeline import spec
from tests.benchmarks.contest import PARTITIONS
from tests.benchmarks.events import PER_SECOND, Load, make
from tests.benchmarks.results import Row, of_rounds
from tests.wire.kafka_batches import Sent, batch, read

EVENTS = 400_000
FEWER = 100_000
"""By which small batches are measured."""
SIZES = (1, 10, 100, 1000)
"""Records of a producer's batch; each divides those of a poll."""
FETCHED = 5_000
"""Records of one batch, as a worker that is behind gets them."""
HEADED = (("source", b"bench"),)
"""A header, which keeps a batch from being decoded as a whole."""
FLUSHED = 12
"""Polls between two flushes: those of a worker that is behind are about so far apart, for a flush
of one partition waits for those of others."""
ZSTD = 4
FUTURE_MS = 3_600_000
FRAME, DECODE, ROUTE, FOLD, SNAPSHOT = "frame", "decode", "route", "fold", "snapshot"
REPEATS = "look for duplicates"
FETCH, REST = "fetch, Faust", "flush, judge"
NS = 1e9

Spent = dict[str, float]
"""CPU of an event by stage, ns."""


def rows(
    codec: Codec, rounds: int, per_cpu_s: float | None, idle_per_cpu_s: float | None
) -> list[Row]:
    """Nanoseconds of an event by stage, and what is left of a worker's that does so many a second.

    Folding is told without what routing and looking for duplicates take of it. What a worker
    without a rollout takes besides its stages is for fetching; what one with a rollout takes
    beside that and its own is for flushes and the judge.
    """
    load = make(codec, EVENTS, per_s=PER_SECOND / PARTITIONS)
    fetched = batches(load)
    run(fetched[:1], codec, dedupe=True)  # what a first batch loads is no event's cost
    told = [stages(fetched, codec) for _ in range(rounds)]
    found = [row(stage, [each[stage] for each in told]) for stage in told[0]]
    found += [by_size(load, codec, rounds, size) for size in SIZES]
    found.append(by_size(load, codec, rounds, SIZES[-1], headers=HEADED))
    found.append(on_the_log(batches(make(codec, EVENTS, scattered=True))))
    if per_cpu_s is not None and idle_per_cpu_s is not None:
        idle = [run(fetched, codec, dedupe=True, live=False) for _ in range(rounds)]
        fetch = rest([each | {ROUTE: 0.0, SNAPSHOT: 0.0} for each in idle], idle_per_cpu_s)
        whole = rest(told, per_cpu_s)
        found.append(row(FETCH, fetch))
        found.append(row(REST, [a - b for a, b in zip(whole, fetch, strict=True)]))
    return found


def by_size(
    load: Load,
    codec: Codec,
    rounds: int,
    size: int,
    headers: Sequence[tuple[str, bytes]] = (),
) -> Row:
    """What framing and decoding takes where a producer's batches have so many records."""
    fetched = batches(load, count=FEWER, size=size, headers=headers)
    told = [run(fetched, codec, dedupe=False) for _ in range(rounds)]
    name = f"{FRAME} and {DECODE}, {size} a batch{' with headers' if headers else ''}"
    return row(name, [each[FRAME] + each[DECODE] for each in told], f"polls of {FETCHED:,} events")


def on_the_log(fetched: Sequence[bytes]) -> Row:
    """How large an event is, as producers compress it."""
    value = sum(map(len, fetched)) / EVENTS
    return Row(
        name="an event on the log",
        value=value,
        unit="bytes",
        must=0,
        moonshot=None,
        better="higher",
        rounds=(value,),
        note=f"zstd, batches of {FETCHED:,}, random ids",
    )


def rest(told: Sequence[Spent], per_cpu_s: float) -> list[float]:
    """What an event of a worker takes besides, in each round."""
    return [NS / per_cpu_s - sum(each.values()) for each in told]


def row(
    stage: str,
    ns: Sequence[float],
    note: str = f"batches of {FETCHED:,}, one partition, one rollout",
) -> Row:
    """What one stage takes; nothing is asked of it."""
    return of_rounds(
        name=f"an event's time: {stage}",
        unit="ns of CPU",
        rounds=ns,
        note=note,
    )


def stages(fetched: Sequence[bytes], codec: Codec) -> Spent:
    """Each stage alone: two runs, of which one looks for duplicates."""
    told = run(fetched, codec, dedupe=True)
    trusting = run(fetched, codec, dedupe=False)
    repeats = max(0.0, told[FOLD] - trusting[FOLD])
    folding = max(0.0, trusting[FOLD] - trusting[ROUTE])
    return told | {ROUTE: trusting[ROUTE], FOLD: folding, REPEATS: repeats}


def batches(
    load: Load,
    *,
    count: int = EVENTS,
    size: int = FETCHED,
    headers: Sequence[tuple[str, bytes]] = (),
) -> list[bytes]:
    """Events of the load as a broker hands them over: polls of compressed batches of this size."""
    sent = [Sent(each["value"], each["key"], headers) for each in load.records[:count]]
    now_ms = time.time_ns() // 1_000_000
    return [
        b"".join(
            batch(sent[at : at + size], at, codec=ZSTD, append_ms=now_ms)
            for at in range(start, min(start + FETCHED, len(sent)), size)
        )
        for start in range(0, len(sent), FETCHED)
    ]


def run(fetched: Sequence[bytes], codec: Codec, *, dedupe: bool, live: bool = True) -> Spent:
    """Fold all of it once; every event must be accepted. Without a live rollout nothing is kept."""
    clock = PaneClock(pane_ms=1000, lateness_ms=2000, future_ms=FUTURE_MS, dedupe=dedupe)
    fold, seconds = PartitionFold(clock, Marker()), defaultdict[str, float](float)
    rollout = fold.activate(spec()) if live else None
    for number, each in enumerate(fetched, 1):
        with timed(seconds, FRAME):
            records = read(each)
        with timed(seconds, DECODE):
            columns = PREDICTIONS.decode(records.values, codec, DEFAULT_MAX_EVENT_BYTES)
        with timed(seconds, ROUTE):  # once more: the fold does it too
            list(fold.targets.layers(columns.service, columns.version))
        with timed(seconds, FOLD):
            end = records.last_offset + 1
            fold.fold(columns, *records.told_by_broker, end_offset=end)
        with timed(seconds, SNAPSHOT):
            if rollout is not None and (number % FLUSHED == 0 or number == len(fetched)):
                _write(fold, rollout, codec)
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
    """Encode every open pane that changed, as a flush does."""
    changed, fold.dirty = fold.dirty, set()
    for rollout, pane in changed & fold.open.keys():
        body = open_body(rollout, live.spec_hash, pane, {})
        [tail] = PREDICTIONS.tails([fold.open[rollout, pane]])
        assert tail is not None
        codec.encode("cells", {"body": body}, tail)

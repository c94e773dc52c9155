"""What does joining cost? Twenty million pending predictions, and outcomes that look for theirs.

CPU of one thread without Kafka around it; hashing ids is a part of every figure. Each round is a
process of its own: memory is the highest that the kernel saw, interpreter and libraries included.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from streams.panes.join.facts import Exposures, Fate, JoinPlan, Outcomes, OutcomeWindow
from streams.panes.join.index import JoinIndex
from streams.panes.join.packing import Packing
from streams.wire.request_hash import request_hashes
from tests.benchmarks.results import Row, of_rounds

PENDING = 20_000_000
WINDOW_S = 3600
PANES = 4000
"""More than the window: the first 400 are expired, and some of them lie in a run with others."""
PER_PANE = PENDING // WINDOW_S
PLAN = JoinPlan(
    pane_ms=1000,
    windows=(OutcomeWindow(metric="label", window_ms=WINDOW_S * 1000),),
    packing=Packing(arms=3, segments=50, classes=65, score_levels=1000, confidence_levels=100),
)
BATCH = 5000
OUTCOMES = 500_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One round."""

    added_per_s: float
    joined_per_s: float
    missed_per_s: float
    peak_mb: float
    bytes_each: float
    restore_s: float


def rows(rounds: int) -> list[Row]:
    """The figures of `make bench` that the join adds."""
    told = [_in_a_process_of_its_own() for _ in range(rounds)]
    note = f"{PENDING:,} pending, an hour in panes of 1 s, batches of {BATCH}"

    def row(
        name: str,
        of: Callable[[Told], float],
        unit: str,
        must: float,
        better: Literal["higher", "lower"] = "lower",
    ) -> Row:
        found = tuple(of(each) for each in told)
        return of_rounds(
            name=name,
            unit=unit,
            must=must,
            better=better,
            rounds=found,
            note=note,
        )

    return [
        row("outcomes joined", lambda t: t.joined_per_s, "outcomes/CPU-s", 200_000, "higher"),
        row("outcomes that find nothing", lambda t: t.missed_per_s, "outcomes/CPU-s", 0, "higher"),
        row("predictions indexed", lambda t: t.added_per_s, "events/CPU-s", 1_000_000, "higher"),
        row("join index: peak memory of its process", lambda t: t.peak_mb, "MB", 700),
        row("join index: a pending prediction", lambda t: t.bytes_each, "bytes", 24),
        row("join index: restored", lambda t: t.restore_s, "s of CPU", 10),
    ]


def _in_a_process_of_its_own() -> Told:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_round).result()


def _round() -> Told:
    index = JoinIndex(PLAN)
    added_s = sum(_add(index, pane) for pane in range(PANES))
    joined_s = _ask(index, _of_pending())
    assert index.counts[Fate.JOINED] == OUTCOMES
    missed_s = _ask(index, np.arange(OUTCOMES) + PER_PANE * PANES)
    assert index.counts[Fate.UNMATCHED] == OUTCOMES
    index.changed()
    peak_mb = _peak_kb() * 1024 / 1e6
    pending = PER_PANE * (PANES - index.kept_from)
    bytes_each = index.nbytes / pending
    return Told(
        added_per_s=PER_PANE * PANES / added_s,
        joined_per_s=OUTCOMES / joined_s,
        missed_per_s=OUTCOMES / missed_s,
        peak_mb=peak_mb,
        bytes_each=bytes_each,
        restore_s=_restore(index.snapshot(), pending),
    )


def _peak_kb() -> int:
    """Of this program alone; what `getrusage` tells may be of the process that started it."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def _ids(numbers: Any) -> Any:
    """Request ids as long as UUIDs, as Arrow strings."""
    digits = pa.array(numbers + 100_000_000_000).cast(pa.string())
    return pc.binary_join_element_wise("6f1e0c9a-4b7d-4a5e-9c3b", digits, "-")


def _add(index: JoinIndex, pane: int) -> float:
    """A pane of exposures, closed and its changes taken; seconds of CPU."""
    numbers = np.arange(PER_PANE) + pane * PER_PANE
    ids, event_ms = _ids(numbers), 1000 * pane + numbers % 1000
    start = time.process_time()
    index.add(
        Exposures(
            request_hash=request_hashes(ids),
            event_ms=event_ms,
            arm=numbers % 3,
            segment=numbers % 50,
            predicted_class=numbers % 65,
            score=event_ms % 1000 / 1000,
            confidence=event_ms % 100 / 100,
        )
    )
    index.advance(pane)
    index.changed()
    return time.process_time() - start


def _of_pending() -> Any:
    """Requests evenly from all that are pending, in any order."""
    every = PER_PANE * WINDOW_S // OUTCOMES
    first = PER_PANE * (PANES - WINDOW_S)
    return first + every * np.random.default_rng(1).permutation(OUTCOMES)


def _ask(index: JoinIndex, numbers: Any) -> float:
    """Outcomes of these requests a minute before the last pane's end; seconds of CPU."""
    spent = 0.0
    for part in np.split(numbers, OUTCOMES // BATCH):
        ids, outcome_ids = _ids(part), _ids(part + 7)
        start = time.process_time()
        index.join(
            Outcomes(
                request_hash=request_hashes(ids),
                outcome_hash=request_hashes(outcome_ids),
                occurred_ms=np.full(part.size, 1000 * PANES - 1 - PLAN.early_ms),
                metric=np.zeros(part.size, np.int64),
                said=(part % 65).astype(np.uint64),
            )
        )
        spent += time.process_time() - start
    return spent


def _restore(store: dict[str, bytes], pending: int) -> float:
    start = time.process_time()
    again = JoinIndex.restored(PLAN, store)
    spent = time.process_time() - start
    assert again.rows == pending
    assert again.counts[Fate.JOINED] == OUTCOMES
    return spent

"""Packing, runs, stored pieces and memory: what the index is made of."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.panes.join.facts import Exposures, JoinPlan, Outcomes, OutcomeWindow
from streams.panes.join.index import JoinIndex
from streams.panes.join.packing import TIME_BITS, Packing, times
from streams.panes.join.runs import NOWHERE, Run
from streams.panes.join.sealed import Sealed
from streams.panes.join.stored import PIECE_BYTES

HASHES = st.integers(0, 2**64 - 1) | st.sampled_from([0, 1, 2**63, 2**64 - 1])
WINDOW_MS = 64_000
PLAN = JoinPlan(
    pane_ms=1000,
    windows=(OutcomeWindow(metric="label", window_ms=WINDOW_MS),),
    packing=Packing(arms=3, segments=20, classes=65, score_levels=1000, confidence_levels=100),
)


def some(count: int, first_ms: int, last_ms: int, seed: int = 1) -> Exposures:
    """Exposures evenly over a time."""
    dice = np.random.default_rng(seed)
    return Exposures(
        request_hash=dice.integers(0, 2**64 - 1, count, dtype=np.uint64),
        event_ms=np.linspace(first_ms, last_ms - 1, count).astype(np.int64),
        arm=dice.integers(0, 3, count),
        segment=dice.integers(0, 20, count),
        predicted_class=dice.integers(-1, 65, count),
        score=dice.random(count),
        confidence=np.where(dice.random(count) < 0.5, np.nan, 1.0),
    )


def asked(hashes: np.ndarray, at_ms: int) -> Outcomes:
    return Outcomes(
        request_hash=hashes,
        outcome_hash=hashes,
        occurred_ms=np.full(hashes.size, at_ms),
        metric=np.zeros(hashes.size, np.int64),
        said=hashes,
    )


class TestPacking:
    @pytest.mark.property
    @given(
        st.integers(1, 17), st.integers(1, 60), st.integers(0, 300), st.integers(0, 99), st.data()
    )
    def test_comes_back(
        self, arms: int, segments: int, classes: int, levels: int, data: st.DataObject
    ) -> None:
        packing = Packing(arms=arms, segments=segments, classes=classes, score_levels=levels)
        arm, segment = data.draw(st.integers(0, arms - 1)), data.draw(st.integers(0, segments - 1))
        predicted = data.draw(st.integers(-1, classes - 1)) if classes else -1
        score = data.draw(st.just(np.nan) | st.floats(0, 1))
        first_ms = data.draw(st.integers(0, 2**42))
        event_ms = first_ms + data.draw(st.integers(0, 2**TIME_BITS - 1))
        ints = (np.array([number]) for number in (event_ms, arm, segment, predicted))
        packed = packing.pack(*ints, np.array([score]), np.array([np.nan]))
        fields = [column[0] for column in packing.unpack(packed)]
        assert [times(packed, first_ms)[0], *fields[:3]] == [event_ms, arm, segment, predicted]
        assert np.isnan(fields[4])
        if levels and not np.isnan(score):
            assert fields[3] == (min(int(score * levels), levels - 1) + 0.5) / levels
        else:
            assert np.isnan(fields[3])

    def test_the_largest_spec_fits(self) -> None:
        """17 arms, 1000 classes, 64 segments: scores by 255 levels, confidences by 127."""
        largest = Packing(
            arms=17, segments=64, classes=1001, score_levels=255, confidence_levels=127
        )
        assert sum(largest.bits) == 64 - TIME_BITS
        with pytest.raises(ValueError, match="takes 37 bits of 36: keep fewer"):
            replace(largest, score_levels=256)

    def test_a_number_without_room_is_refused(self) -> None:
        """It would change its neighbours."""
        exposures = some(10, 0, 1000)
        wrong = replace(exposures, segment=np.full(10, 20))
        with pytest.raises(ValueError, match="no room for numbers up to 20"):
            JoinIndex(PLAN).add(wrong)


class TestRun:
    @pytest.mark.property
    @given(st.lists(HASHES, min_size=1, max_size=300), st.lists(HASHES, max_size=50))
    def test_finds_the_first(self, held: list[int], others: list[int]) -> None:
        packed = np.arange(len(held), dtype=np.uint64)
        run = Run.sealed(0, 1000, np.array(held, np.uint64), packed, 1)
        wanted = [*held, *others]
        rows = run.find(np.array(wanted, np.uint64))
        found = [int(run.packed[row]) if row != NOWHERE else None for row in rows]
        assert found == [held.index(one) if one in held else None for one in wanted]

    def test_many_rows_of_one_hash(self) -> None:
        """Somebody sends one id for ever: it is found as any other."""
        hashes = np.append(np.full(50_000, 7, np.uint64), np.arange(10, dtype=np.uint64))
        run = Run.sealed(0, 1000, hashes, np.arange(hashes.size, dtype=np.uint64), 1)
        rows = run.find(np.array([6, 7, 8, 10], np.uint64))
        assert run.packed[rows[:3]].tolist() == [50_006, 0, 50_008]
        assert rows[3] == NOWHERE

    @pytest.mark.property
    @given(st.sampled_from([1, 4, 32, 128, 512]), st.lists(st.integers(1, 700), max_size=12))
    def test_runs_are_few_and_depend_on_the_watermark_alone(
        self, widest: int, jumps: list[int]
    ) -> None:
        one = np.array([3], np.uint64)
        grown, closed = Sealed(widest), -1
        for jump in jumps:
            new = [Run.sealed(p, 9, one, one, 1) for p in range(closed + 1, closed + jump + 1)]
            closed += jump
            grown.take(new, closed, 0)
        at_once = Sealed(widest)
        at_once.take([Run.sealed(p, 9, one, one, 1) for p in range(closed + 1)], closed, 0)
        places = [
            [(run.first_pane, run.panes, run.size) for run in s.runs] for s in (grown, at_once)
        ]
        assert places[0] == places[1]
        assert len(grown.runs) <= (closed + 1) // widest + 3 * 5


class TestStored:
    def test_values_are_small_enough_for_a_message(self) -> None:
        """A pane of 200 000 exposures, all answered, and as many that wait."""
        plan = replace(PLAN, max_pending=200_000)
        index, exposures = JoinIndex(plan), some(200_000, 0, 1000)
        index.add(exposures)
        index.join(asked(exposures.request_hash + np.uint64(1), 10_000))
        index.advance(0)
        index.join(asked(exposures.request_hash, 500))
        written = index.changed().written
        assert max(map(len, written.values())) <= PIECE_BYTES
        again = JoinIndex.restored(plan, written)
        assert again.pending == 200_000
        assert again.snapshot() == index.snapshot()

    def test_immutable_blocks_are_written_once(self) -> None:
        """After the flush that follows its sealing a pane is never written again."""
        index, seen = JoinIndex(PLAN), list[str]()
        for pane in range(200):
            exposures = some(50, 1000 * pane, 1000 * pane + 1000, seed=pane)
            index.add(exposures)
            index.advance(pane)
            index.join(asked(exposures.request_hash[:5], 1000 * pane + 999))
            seen += [key for key in index.changed().written if key != "head"]
        assert len(seen) == len(set(seen)) == 400


class TestMemory:
    @pytest.mark.parametrize(("metrics", "bytes_a_row"), [(1, 18.5), (2, 20.5)])
    def test_is_what_is_documented(self, metrics: int, bytes_a_row: float) -> None:
        """Bytes per pending prediction: arrays as documented, at most 24 with all around them."""
        windows = tuple(
            OutcomeWindow(metric=str(number), window_ms=WINDOW_MS) for number in range(metrics)
        )
        tracemalloc.start()
        try:
            index = JoinIndex(replace(PLAN, windows=windows), recorded=False)
            for pane in range(150):
                index.add(some(8192, 1000 * pane, 1000 * pane + 1000, seed=pane))
                index.advance(pane)
                index.join(asked(np.arange(10, dtype=np.uint64), 0))
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert index.nbytes / index.rows == pytest.approx(bytes_a_row, rel=0.002)
        pending = 8192 * (150 - index.kept_from)
        assert index.rows <= 1.125 * pending
        assert held / pending <= 24

"""A repeated request counts once, whatever the batches and wherever a worker was restarted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.panes.duplicates import CHUNK
from streams.panes.facts import PaneClock
from streams.panes.fold import PartitionFold
from streams.panes.seen import NEVER, Generation, Seen
from streams.wire.columns import decode_predictions
from tests.agents.pipeline import spec
from tests.panes.test_fold import CLOCK, CODEC, event, fold_all, states

LATENESS_MS = CLOCK.lateness_ms

log_entries = st.lists(
    st.builds(
        lambda at_ms, name, version: event(at_ms, version, request_id=name),
        st.integers(0, 6000),
        st.sampled_from([f"r{number}" for number in range(6)]),
        st.sampled_from(["v1", "v2", "v9"]),
    ),
    max_size=60,
)
cuts = st.lists(st.integers(1, 25), min_size=1, max_size=5)


def repeats(log: list[dict[str, Any]]) -> int:
    """By hand, one event after another."""
    highest, met, count = -1, dict[tuple[str, str], int](), 0
    for entry in log:
        at_ms = entry["completed_at"]
        highest = max(highest, at_ms)
        if at_ms < highest - LATENESS_MS:
            continue
        key = (entry["request_id"], entry["model_version"])
        count += met.get(key, -1) >= highest - LATENESS_MS
        met[key] = max(met.get(key, -1), at_ms)
    return count


def fed(fold: PartitionFold, log: list[dict[str, Any]], first: int) -> None:
    """Fold a part of a log that starts at an offset."""
    columns = decode_predictions([CODEC.encode("predictions", e) for e in log], CODEC)
    append_ms = np.array([e["completed_at"] for e in log], np.int64)
    offsets = np.arange(first, first + len(log))
    fold.fold(columns, append_ms, offsets, end_offset=first + len(log))


def restarted(fold: PartitionFold, log: list[dict[str, Any]]) -> PartitionFold:
    """Another owner, from what is durable and from the log."""
    again = PartitionFold(fold.clock, fold.marker)
    for rollout in fold.live.values():
        again.restore(rollout)
    again.open = fold.open
    start, end = fold.horizon_offset, fold.marker.next_offset
    part = log[start:end]
    columns = decode_predictions([CODEC.encode("predictions", e) for e in part], CODEC)
    append_ms = np.array([e["completed_at"] for e in part], np.int64)
    again.recall(columns, append_ms, np.arange(start, end))
    return again


class TestFold:
    @pytest.mark.property
    @given(log_entries, cuts)
    def test_counts_as_one_by_one(self, log: list[dict[str, Any]], sizes: list[int]) -> None:
        fold, _ = fold_all(log, sizes)
        assert fold.marker.duplicates == repeats(log)

    @pytest.mark.property
    @given(log_entries, cuts)
    def test_batches_leave_no_trace(self, log: list[dict[str, Any]], sizes: list[int]) -> None:
        whole, at_once = fold_all(log, [len(log) or 1])
        cut, in_parts = fold_all(log, sizes)
        assert (states(in_parts), cut.marker) == (states(at_once), whole.marker)
        assert cut.horizon_offset == whole.horizon_offset

    @pytest.mark.property
    @given(log_entries, st.integers(0, 60))
    def test_a_restart_leaves_no_trace(self, log: list[dict[str, Any]], at: int) -> None:
        whole, _ = fold_all(log, [1])
        first = PartitionFold(CLOCK)
        first.activate(spec())
        fed(first, log[:at], 0)
        second = restarted(first, log)
        fed(second, log[at:], min(at, len(log)))
        assert second.marker == whole.marker

    def test_the_first_counts(self) -> None:
        log = [event(0, request_id="a"), event(10, request_id="a", status="ERROR"), event(20)]
        fold, _ = fold_all(log, [3])
        (cells,) = fold.open.values()
        (cell,) = cells.values()
        assert (cell.exposures, cell.errors, fold.marker.duplicates) == (2, 0, 1)

    def test_the_same_id_of_another_version_is_another_request(self) -> None:
        fold, _ = fold_all([event(0, "v1", request_id="a"), event(0, "v2", request_id="a")], [2])
        assert fold.marker.duplicates == 0

    @pytest.mark.parametrize(("later_ms", "expected"), [(LATENESS_MS, 1), (LATENESS_MS + 1, 0)])
    def test_the_horizon(self, later_ms: int, expected: int) -> None:
        """A repeat so much later is one while the watermark has not passed the first."""
        fold, _ = fold_all([event(0, request_id="a"), event(later_ms, request_id="a")], [1])
        assert fold.marker.duplicates == expected

    def test_it_can_be_switched_off(self) -> None:
        fold = PartitionFold(
            PaneClock(pane_ms=1000, lateness_ms=1500, future_ms=5000, dedupe=False)
        )
        fold.activate(spec())
        fed(fold, [event(0), event(0)], 0)
        assert (fold.marker.accepted, fold.marker.duplicates) == (2, 0)


class TestHorizon:
    def test_moves_with_the_watermark(self) -> None:
        fold = PartitionFold(CLOCK)
        assert fold.horizon_offset == 0
        fed(fold, [event(0, request_id=f"{n}") for n in range(CHUNK)], 0)
        fed(fold, [event(1000)], CHUNK)
        assert fold.horizon_offset == 0
        fed(fold, [event(2000)], CHUNK + 1)
        assert fold.horizon_offset == CHUNK

    def test_memory_stays_bounded(self) -> None:
        """An hour of log time: what is kept is a few horizons."""
        fold = PartitionFold(CLOCK)
        for second in range(3600):
            part = [event(1000 * second, request_id=f"{second}-{n}") for n in range(5)]
            fed(fold, part, 5 * second)
        assert fold._duplicates._seen.count < 100


class TestSeen:
    @pytest.mark.property
    @given(st.lists(st.dictionaries(st.integers(1, 40), st.integers(0, 99)), max_size=8))
    def test_is_a_dictionary(self, rounds: list[dict[int, int]]) -> None:
        """Few slots, so that keys collide; times only grow."""
        seen, model = Generation(slots=8), dict[int, int]()
        for told in rounds:
            grown = {key: max(at, model.get(key, -1)) for key, at in told.items()}
            keys = np.array(list(grown), np.uint64)
            seen.put(keys, np.array(list(grown.values()), np.int64))
            model |= grown
        asked = np.arange(1, 60, dtype=np.uint64)
        assert seen.find(asked).tolist() == [model.get(int(key), NEVER) for key in asked]
        assert seen.count == len(model)

    def test_only_what_is_older_is_forgotten(self) -> None:
        seen = Seen()
        for at in range(0, 1000, 10):
            seen.put(np.array([at + 1], np.uint64), np.array([at]))
            seen.forget_before(at - 50)
        keys = np.arange(1, 1000, 10, dtype=np.uint64)
        assert (seen.find(keys[-5:]) != NEVER).all()
        assert (seen.find(keys[:80]) == NEVER).all()

    @pytest.mark.property
    @given(
        st.lists(
            st.lists(st.tuples(st.integers(1, 40), st.integers(0, 99)), max_size=30), max_size=8
        )
    )
    def test_meeting_is_finding_and_putting(self, rounds: list[list[tuple[int, int]]]) -> None:
        """Keys that come once are met at once, the others are told; all are counted once."""
        seen, model = Seen(), dict[int, int]()
        seen._young = Generation(slots=8)
        for told in rounds:
            keys = np.array([key for key, _ in told], np.uint64)
            times = np.array([at for _, at in told], np.int64)
            before, shared = seen.meet(keys, times)
            listed = [key for key, _ in told]
            assert before.tolist() == [model.get(key, NEVER) for key in listed]
            assert shared.tolist() == [n for n, k in enumerate(listed) if listed.count(k) > 1]
            for key, at in told:
                if listed.count(key) == 1:
                    model[key] = max(at, model.get(key, NEVER))
                else:
                    model.setdefault(key, NEVER)
            asked = np.arange(1, 60, dtype=np.uint64)
            assert seen.find(asked).tolist() == [model.get(int(key), NEVER) for key in asked]
            assert seen.count == len(model)

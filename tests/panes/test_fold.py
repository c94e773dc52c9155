"""Folding is a pure function of the partition's log, whatever the batches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.panes.facts import Cells, ClosedPane, PaneClock, cells_to_states
from streams.panes.fold import PartitionFold
from streams.spec.model import RolloutSpec
from streams.spec.targeting import HeaderRule
from streams.wire.codec import Codec
from streams.wire.columns import decode_predictions
from streams.wire.store import LocalSchemaStore
from tests.agents.pipeline import spec

CLOCK = PaneClock(pane_ms=1000, lateness_ms=1500, future_ms=5000)
BASE_MS = 1_000_000
CODEC = Codec(LocalSchemaStore())


def event(at_ms: int, version: str = "v1", **changes: Any) -> dict[str, Any]:
    return {
        "request_id": f"{at_ms}",
        "service": "digits",
        "model_version": version,
        "completed_at": BASE_MS + at_ms,
        "latency_ms": 10.0,
        "status": "OK",
        "predicted_class": "cat",
        "score": 0.5,
    } | changes


def fold_all(
    events: list[dict[str, Any]], sizes: list[int], *rollouts: RolloutSpec
) -> tuple[PartitionFold, list[ClosedPane[Cells]]]:
    """Fold events cut into batches of these sizes; appended when they were completed."""
    fold = PartitionFold(CLOCK)
    for rollout in rollouts or (spec(),):
        fold.activate(rollout)
    closed, offset = [], 0
    while offset < len(events):
        size = sizes[offset % len(sizes)]
        part = [dict(item) for item in events[offset : offset + size]]
        append_ms = np.array([item.pop("append_ms", item["completed_at"]) for item in part])
        values = [CODEC.encode("predictions", item) for item in part]
        columns = decode_predictions(values, CODEC)
        offsets = np.arange(offset, offset + len(part))
        done, _ = fold.fold(columns, append_ms, offsets, end_offset=offset + len(part))
        closed += done
        offset += len(part)
    return fold, closed


def states(panes: list[ClosedPane[Cells]]) -> list[tuple[Any, ...]]:
    return [(p.rollout, p.spec_hash, p.pane, cells_to_states(p.cells)) for p in panes]


events = st.lists(
    st.builds(
        event,
        st.integers(0, 9000),
        st.sampled_from(["v1", "v2", "v9"]),
        status=st.sampled_from(["OK", "ERROR", "TIMEOUT"]),
        latency_ms=st.floats(0, 1e5),
        predicted_class=st.sampled_from([None, "cat", "dog", "other", "é"]),
        score=st.one_of(st.none(), st.floats(-0.1, 1.1)),
    ),
    max_size=60,
)


class TestBatches:
    @pytest.mark.property
    @given(events, st.lists(st.integers(1, 25), min_size=1, max_size=5))
    def test_leave_no_trace(self, log: list[dict[str, Any]], sizes: list[int]) -> None:
        """One batch, single events or any cut: the same panes, marker and open cells."""
        whole, at_once = fold_all(log, [len(log) or 1])
        cut, in_parts = fold_all(log, sizes)
        assert states(in_parts) == states(at_once)
        assert cut.marker == whole.marker
        assert cut.open.keys() == whole.open.keys()
        for key, cells in whole.open.items():
            assert cells_to_states(cut.open[key]) == cells_to_states(cells)

    @pytest.mark.property
    @given(events)
    def test_every_accepted_event_counts_once(self, log: list[dict[str, Any]]) -> None:
        """Closed, open, unknown and late add up to what was read."""
        fold, closed = fold_all(log, [7])
        cells = [c for pane in closed for c in pane.cells.values()]
        cells += [c for pane in fold.open.values() for c in pane.values()]
        counted = sum(cell.exposures for cell in cells)
        marker = fold.marker
        assert counted + marker.unknown == marker.accepted
        read = marker.accepted + marker.late + marker.dead + marker.duplicates
        assert read == len(log)


class TestScores:
    @pytest.mark.parametrize("sizes", [[1], [3]])
    def test_invalid_ones_are_counted(self, sizes: list[int]) -> None:
        """The event counts, its score does not, and the marker says how many there were."""
        log = [event(0, score=1.5), event(1), event(2, score=None), event(3, score=-0.1)]
        fold, _ = fold_all(log, sizes)
        assert (fold.marker.accepted, fold.marker.invalid_scores) == (4, 2)
        (cells,) = fold.open.values()
        assert sum(cell.scores.total for cell in cells.values()) == 1

    def test_confidences_are_kept_apart_from_scores(self) -> None:
        fold, _ = fold_all([event(0, score=0.1, confidence=0.9)], [1])
        (cells,) = fold.open.values()
        (cell,) = cells.values()
        assert (cell.scores.quantile(0.5), cell.confidences.quantile(0.5)) == (0.1125, 0.9125)


class TestLateness:
    def test_the_edge(self) -> None:
        """As old as the lateness allows counts; a millisecond older is late."""
        fold, _ = fold_all([event(5000), event(3500), event(3499)], [3])
        assert (fold.marker.accepted, fold.marker.late) == (2, 1)

    def test_a_pane_closes_when_the_watermark_reaches_its_end(self) -> None:
        """The watermark is the highest event time minus the lateness."""
        first = BASE_MS // 1000
        _, open_still = fold_all([event(500), event(2499)], [1])
        _, closed = fold_all([event(500), event(2500)], [1])
        assert open_still == []
        assert [pane.pane for pane in closed] == [first]

    def test_the_future_moves_nothing(self) -> None:
        """An event ahead of the broker's clock is refused and does not move the watermark."""
        ahead = event(5001, append_ms=BASE_MS)
        ahead_edge = event(5000, append_ms=BASE_MS)
        fold, _ = fold_all([event(0), ahead], [2])
        assert (fold.marker.dead, fold.marker.max_event_ms) == (1, BASE_MS)
        fold, _ = fold_all([event(0), ahead_edge], [2])
        assert (fold.marker.dead, fold.marker.max_event_ms) == (0, BASE_MS + 5000)


class TestLatency:
    def test_a_timeout_exceeds_everything(self) -> None:
        """Whatever latency a timed-out request reports, it lies in the last bucket."""
        log = [event(0, status="TIMEOUT", latency_ms=3.0), event(1, status="ERROR", latency_ms=3.0)]
        fold, _ = fold_all(log, [2])
        (cells,) = fold.open.values()
        latency = cells["all", "baseline"].latency
        assert latency.counts[-1] == 1
        assert latency.total == 2


class TestRollouts:
    def test_one_version_in_two_rollouts(self) -> None:
        """Routes of one service share versions: an event counts in each of them."""
        _, closed = fold_all([event(0), event(5000)], [2], spec("one"), spec("two"))
        assert [(p.rollout, p.cells["all", "baseline"].exposures) for p in closed] == [
            ("one", 1),
            ("two", 1),
        ]

    def test_activation_starts_with_the_next_whole_pane(self) -> None:
        """A pane that was half over may hold events from before: the next one is the first."""
        fold = PartitionFold(CLOCK)
        assert fold.activate(spec("early")).from_pane == -1
        columns = decode_predictions([CODEC.encode("predictions", event(300))], CODEC)
        fold.fold(columns, np.array([BASE_MS + 300]), np.array([0]), end_offset=1)
        late = fold.activate(spec("late"))
        assert (late.first_offset, late.from_pane) == (1, BASE_MS // 1000 + 1)

    def test_deactivation_forgets_open_panes(self) -> None:
        """After its end nothing of a rollout is left, the others go on."""
        fold, _ = fold_all([event(0)], [1], spec("one"), spec("two"))
        assert fold.deactivate("one") == [("one", BASE_MS // 1000)]
        assert list(fold.live) == ["two"]
        assert [rollout for rollout, _ in fold.open] == ["two"]

    def test_classes_beyond_the_limit_are_other(self) -> None:
        """Classes are told apart in the order of the log, up to the limit."""
        log = [event(n, predicted_class=name) for n, name in enumerate("badc")]
        fold, _ = fold_all(log, [2], spec(max_classes=2))
        (cells,) = fold.open.values()
        assert cells["all", "baseline"].classes.counts == {"b": 1, "a": 1, "other": 2}


class TestTargeting:
    RULES = (HeaderRule(header="x-tier", values=("free",)),)

    def counts(self, *rollouts: RolloutSpec) -> dict[tuple[str, str], int]:
        """Exposures by rollout and arm over all panes."""
        said: tuple[dict[str, str], ...] = ({"targeted": "yes"}, {"targeted": "no"}, {})
        events = [
            event(100 * number, version, request_id=f"{number}{version}", segments=said[number % 3])
            for number in range(60)
            for version in ("v1", "v2")
        ]
        fold, closed = fold_all(events, [7], *rollouts)
        found: dict[tuple[str, str], int] = {}
        for pane in closed:
            for (_, arm), cell in pane.cells.items():
                key = pane.rollout, arm
                found[key] = found.get(key, 0) + cell.exposures
        assert fold.marker.unknown == 0
        return found

    def test_only_targeted_events_count(self) -> None:
        """Who is left out, and who says nothing, is no baseline to compare with."""
        everybody, some = spec(), spec(rollout="some", targeting=self.RULES)
        found = self.counts(everybody, some)
        first, second = everybody.rollout, some.rollout
        assert found[first, "baseline"] == found[first, "candidate"] > 0
        assert found[second, "baseline"] == found[second, "candidate"]
        assert 0 < found[second, "baseline"] <= found[first, "baseline"] / 3 + 1

    def test_whatever_the_batches(self) -> None:
        """The same panes from batches of 1, 7 and 5000."""
        events = [
            event(10 * number, segments={"targeted": "yes" if number % 2 else "no"})
            for number in range(500)
        ]
        targeted = spec(targeting=self.RULES)
        found = [states(fold_all(events, [size], targeted)[1]) for size in (1, 7, 5000)]
        assert found[0] == found[1] == found[2] != []

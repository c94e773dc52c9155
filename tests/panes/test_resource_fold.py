"""Samples become minutes: by pod, in order, once, whatever the batches."""

from __future__ import annotations

import numpy as np
import pytest

from streams.agents import cells
from streams.panes import resource_fold
from streams.panes.facts import Source
from streams.sketches import usage
from streams.sketches.usage import UNIT, usages_from_states, usages_to_states
from streams.wire import resource_columns
from streams.wire.reasons import Reason
from tests.agents.pipeline import spec
from tests.panes.use import CODEC, START_MS, encoded, fed, new_fold, sample, traffic

FIRST = START_MS // 60_000


def live(fold):
    fold.activate(spec())
    return fold


def told(pane, arm="baseline", resource="cpu"):
    mean = pane.cells["all", arm].mean(resource)
    return None if mean is None else mean / UNIT


def states(pane):
    return pane.pane, usages_to_states(pane.cells)


class TestFold:
    def test_a_minute_is_the_mean_of_pods_each_weighted_by_time(self) -> None:
        """Pod a: 10 s at .2 and 30 s at .6; pod b: one sample of 1."""
        log = [
            sample(10, cpu=0.2),
            sample(40, cpu=0.6, interval_ms=30_000),
            sample(45, pod="b", cpu=1.0),
            sample(200, pod="b", cpu=0.0),
        ]
        closed, _ = fed(live(new_fold()), encoded(log))
        assert [pane.pane for pane in closed] == [FIRST]
        assert told(closed[0]) == pytest.approx((0.5 + 1.0) / 2, abs=1e-8)
        assert closed[0].cells["all", "baseline"].pods == [2, 0, 0]

    def test_the_middle_of_the_interval_says_which_minute(self) -> None:
        """A sample that ends with the minute speaks of it."""
        log = [sample(60, interval_ms=20_000), sample(400)]
        closed, _ = fed(live(new_fold()), encoded(log))
        assert [pane.pane for pane in closed] == [FIRST]

    @pytest.mark.parametrize("size", [1, 7])
    def test_batches_leave_no_trace(self, size: int) -> None:
        values = encoded(traffic(20))
        whole, _ = fed(live(new_fold()), values)
        cut, _ = fed(live(new_fold()), values, size)
        assert len(whole) > 15
        assert [usages_to_states(p.cells) for p in cut] == [
            usages_to_states(p.cells) for p in whole
        ]

    def test_a_repeated_sample_counts_once(self) -> None:
        log = [sample(10, cpu=0.2), sample(20, cpu=0.4), sample(20, cpu=0.4), sample(10, cpu=0.2)]
        fold = live(new_fold())
        fed(fold, encoded([*log, sample(400)]), 1)
        assert (fold.marker.accepted, fold.marker.duplicates) == (3, 2)

    def test_late_samples_and_strangers_are_counted(self) -> None:
        log = [sample(400), sample(10), sample(410, model_version="v9")]
        fold = live(new_fold())
        fed(fold, encoded(log))
        assert (fold.marker.accepted, fold.marker.late, fold.marker.unknown) == (2, 1, 1)

    def test_a_flood_of_pods_is_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The first pods of a minute count, the others are dead letters."""
        monkeypatch.setattr(resource_fold, "MAX_PODS", 2)
        fold = live(new_fold())
        log = [sample(10 + each, pod=f"p{each}") for each in range(4)]
        _, refused = fed(fold, encoded(log))
        assert [(r.row, r.reason) for r in refused] == [
            (2, Reason.TOO_MANY_PODS),
            (3, Reason.TOO_MANY_PODS),
        ]
        assert (fold.marker.accepted, fold.marker.dead) == (2, 2)

    def test_partitions_add_up(self) -> None:
        """Pods lie in one partition each; their minutes are merged."""
        (one,), _ = fed(live(new_fold()), encoded([sample(10, cpu=0.2), sample(400)]))
        (two,), _ = fed(live(new_fold()), encoded([sample(10, pod="b", cpu=0.8), sample(400)]))
        both = usages_from_states(usages_to_states(one.cells))
        both["all", "baseline"].merge(two.cells["all", "baseline"])
        assert both["all", "baseline"].mean("cpu") == pytest.approx(UNIT / 2, abs=1)


class TestState:
    def test_goes_on_from_cells_as_if_nothing_had_happened(self) -> None:
        """At any sample: marker, live rollout and open minutes are all there is."""
        values = encoded([*traffic(6), sample(1000)])
        expected = usages_to_states(fed(live(new_fold()), values)[0][-1].cells)
        for stop in range(1, len(values), 13):
            first = live(new_fold())
            fed(first, values[:stop])
            second = new_fold(first.marker)
            for rollout in first.live.values():
                second.restore(rollout)
            for (rollout, pane), pods in first.open.items():
                body = cells.open_usage_body(rollout, "h", pane, pods)
                record = cells.StoredRecord(key="k/0/o", stamp=(1, 0), body=body)
                state = cells.restore([record, _marker()])
                second.open |= state.open
            closed, _ = fed(second, values, first=stop)
            assert usages_to_states(closed[-1].cells) == expected

    def test_cells_of_another_source_are_not_its_own(self) -> None:
        """Owners of several sources share a partition of `cells`."""
        key = b"predictions/0/marker"
        assert cells.of_another_source(Source.RESOURCES, key)
        assert not cells.of_another_source(Source.PREDICTIONS, key)
        assert not cells.of_another_source(Source.RESOURCES, b"somebody's")

    def test_names_are_the_same_in_both_rooms(self) -> None:
        assert usage.RESOURCES == resource_columns.RESOURCES


def _marker():
    body = cells.marker_body(new_fold().marker, new_fold().clock, idle=False, horizon_offset=-1)
    return cells.StoredRecord(key="k/0/marker", stamp=(9, 9), body=body)


BAD = {
    "no_pod": {"pod": ""},
    "no_service": {"service": ""},
    "no_version": {"model_version": ""},
    "bad_time": {"sampled_at": -5},
    "bad_interval": {"interval_ms": 0},
    "bad_share": {"cpu": float("nan")},
    "no_use": {"cpu": None},
}


class TestBadInput:
    @pytest.mark.parametrize("reason", BAD)
    def test_goes_to_dead_letters_with_its_reason(self, reason: str) -> None:
        """The samples beside it count."""
        log = [sample(10), sample(20, **BAD[reason]), sample(30)]
        fold = live(new_fold())
        _, refused = fed(fold, encoded(log))
        assert [(r.row, r.reason) for r in refused] == [(1, Reason(reason))]
        assert refused[0].detail
        assert Reason(reason).advice
        assert (fold.marker.accepted, fold.marker.dead) == (2, 1)

    @pytest.mark.parametrize(
        ("name", "share"),
        [("cpu", -0.01), ("memory", 2.1), ("gpu", float("inf")), ("cpu", 80.0), ("cpu", 1e308)],
    )
    def test_shares_that_are_none(self, name: str, share: float) -> None:
        _, refused = fed(live(new_fold()), encoded([sample(10, **{name: share})]))
        assert [r.reason for r in refused] == [Reason.BAD_SHARE]
        assert name in refused[0].detail

    def test_a_burst_above_the_limit_counts(self) -> None:
        closed, refused = fed(live(new_fold()), encoded([sample(10, cpu=1.2), sample(400)]))
        assert refused == []
        assert told(closed[0]) == pytest.approx(1.2, abs=1e-8)

    @pytest.mark.parametrize("interval_ms", [-1, 120_001, 1 << 60])
    def test_intervals_that_tell_of_no_minute(self, interval_ms: int) -> None:
        _, refused = fed(live(new_fold()), encoded([sample(10, interval_ms=interval_ms)]))
        assert [r.reason for r in refused] == [Reason.BAD_INTERVAL]

    def test_bytes_that_are_no_sample(self) -> None:
        good = encoded([sample(10)])[0]
        values = [None, b"{}", good[:-3], good + b"1", good, b"\x00" * 3_000_000]
        _, refused = fed(live(new_fold()), values)
        assert [(r.row, r.reason.value) for r in refused] == [
            (0, "empty"),
            (1, "bad_magic"),
            (2, "truncated"),
            (3, "trailing_bytes"),
            (5, "too_big"),
        ]

    def test_a_clock_that_is_ahead(self) -> None:
        """Later than the broker's by more than the tolerance."""
        fold = live(new_fold())
        columns = resource_columns.decode_resources(encoded([sample(3600)]), CODEC)
        _, refused = fold.fold(columns, np.array([START_MS]), np.array([0]), end_offset=1)
        assert [r.reason for r in refused] == [Reason.FUTURE]

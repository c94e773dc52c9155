"""A threshold of latency whose baseline has changed: held for the stage, learnt anew after."""

from __future__ import annotations

import json

import numpy as np
import pytest

from streams.judge.monitors.latency import BLOCK_EVENTS, LatencyReader
from streams.sketches.cell import Cell
from streams.sketches.log_histogram import LogHistogram


def cell_of(latency_ms: float, count: int, seed: int = 6) -> Cell:
    latency = LogHistogram()
    latency.update(np.random.default_rng(seed).lognormal(np.log(latency_ms), 0.4, count))
    return Cell(exposures=count, latency=latency)


class TestHeldThreshold:
    """A reader whose baseline has changed."""

    def warm(self) -> LatencyReader:
        reader = LatencyReader(0.95, 0.1)
        reader.read(cell_of(20.0, BLOCK_EVENTS), Cell())
        return reader

    def slow(self, reader: LatencyReader, latency_ms: float) -> float:
        cell = cell_of(latency_ms, 5_000)
        (total, above), _ = LatencyReader.read(reader, cell, Cell()).tolist()
        return above / total

    def test_stays_for_the_stage(self) -> None:
        reader = self.warm()
        reader.hold()
        assert [self.slow(reader, 40.0) > 0.4 for _ in range(3)] == [True] * 3

    def test_is_learnt_from_panes_after_the_change_at_the_next_stage(self) -> None:
        reader = self.warm()
        reader.read(cell_of(20.0, 900), Cell())
        reader.hold()
        reader.read(cell_of(40.0, 900), Cell())
        reader.renew()
        assert self.slow(reader, 40.0) == pytest.approx(0.05, abs=0.02)

    def test_is_kept_until_enough_was_seen_after_the_change(self) -> None:
        reader = self.warm()
        reader.hold()
        reader.renew()
        assert reader.ready
        reader.read(cell_of(40.0, 250), Cell())
        assert self.slow(reader, 40.0) == pytest.approx(0.05, abs=0.03)

    def test_a_warm_up_goes_on(self) -> None:
        """Else a world that moves early would keep the metric silent for a stage."""
        reader = LatencyReader(0.95, 0.1)
        reader.read(cell_of(20.0, 150), Cell())
        reader.hold()
        reader.read(cell_of(20.0, 150), Cell())
        assert reader.ready

    @pytest.mark.parametrize(("latency_ms", "dull"), [(8.0, True), (20.0, False), (40.0, True)])
    def test_is_dull_where_the_new_world_exceeds_it_too_seldom_or_too_often(
        self, latency_ms: float, *, dull: bool
    ) -> None:
        reader = self.warm()
        reader.hold()
        reader.read(cell_of(latency_ms, BLOCK_EVENTS - 1), Cell())
        assert not reader.dull
        reader.read(cell_of(latency_ms, 100), Cell())
        assert reader.dull is dull

    def test_state_restores(self) -> None:
        reader = self.warm()
        reader.hold()
        again = LatencyReader(0.95, 0.1)
        again.restore(json.loads(json.dumps(reader.to_state())))
        again.renew()
        reader.renew()
        assert again.to_state() == reader.to_state() != self.warm().to_state()

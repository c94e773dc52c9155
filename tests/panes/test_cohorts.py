"""Cohorts: how many panes, and when their delay bins are complete."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.evidence.label_coverage import matured_through
from streams.panes.cohorts import MOST_OPEN, CohortClock
from streams.sketches.outcome_cell import DELAY_BINS
from streams.spec.outcome_facts import Outcome, OutcomeKind

clocks = st.builds(
    CohortClock,
    pane_ms=st.integers(1, 5000),
    panes=st.sampled_from([1, 2, 8]),
    window_ms=st.integers(1, 10**8),
    delivery_ms=st.integers(0, 10**7),
)


def clock_of(window_s: float, delivery_s: float = 0.0) -> CohortClock:
    kind = OutcomeKind.LABEL
    outcome = Outcome(name="label", kind=kind, window_s=window_s, delivery_s=delivery_s)
    return CohortClock.of(outcome, 1000)


class TestCohortClock:
    def test_short_windows_have_cohorts_of_one_pane(self):
        assert clock_of(60).panes == 1
        assert clock_of(MOST_OPEN).panes == 1

    def test_a_day_is_cut_into_few_cohorts(self):
        clock = clock_of(86_400, 3600)
        assert clock.panes == 256
        assert (86_400 + 3600) / clock.panes <= MOST_OPEN

    @pytest.mark.property
    @given(clocks, st.integers(0, 10**6), st.integers(0, 10**8))
    def test_a_cohort_is_matured_when_its_last_pane_is(self, clock, number, closed):
        """The same rule as for labels pane by pane (`evidence.label_coverage`)."""
        first = number * clock.panes
        watermark = (closed + 1) * clock.pane_ms
        through = matured_through(watermark, clock.window_ms, clock.delivery_ms, clock.pane_ms)
        matured = clock.complete(first, closed) == DELAY_BINS
        assert matured == (first + clock.panes - 1 <= through)

    @pytest.mark.property
    @given(clocks, st.integers(0, 10**8))
    def test_an_outcome_within_the_window_has_a_bin(self, clock, delay):
        bin_ = int(clock.bin_of(np.array([delay]))[0])
        assert (bin_ < DELAY_BINS) == (delay <= clock.window_ms)
        assert bin_ == 0 or clock.edges_ms[bin_ - 1] < delay

    def test_first_pane_of_a_cohort_is_a_multiple_of_its_length(self):
        clock = clock_of(86_400)
        assert clock.first_pane(np.array([255, 256, 300])).tolist() == [0, 256, 256]

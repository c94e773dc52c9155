"""Frozen quantiles, margins as bucket shifts, quantile bounds."""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import norm

from streams.evidence.boundaries import beta_binomial_mixture_bound
from streams.evidence.quantile import (
    effective_margin,
    exceedances,
    freeze_tau,
    margin_buckets,
    quantile_bounds,
    quantile_rank_bounds,
    quantile_ratio,
    quantile_ratio_interval,
    quantile_ratios,
    warm_up_events,
)
from streams.figures import finite
from streams.sketches.log_histogram import MAPPING, LogHistogram


def lognormal(median_ms: float, size: int, seed: int) -> tuple[np.ndarray, LogHistogram]:
    values = median_ms * np.random.default_rng(seed).lognormal(0, 0.6, size)
    histogram = LogHistogram()
    histogram.update(values)
    return values, histogram


class TestFreeze:
    @pytest.mark.parametrize(("q", "events"), [(0.5, 20), (0.95, 200), (0.99, 1_000)])
    def test_needs_ten_events_beyond(self, q, events):
        assert warm_up_events(q) == events
        assert freeze_tau(lognormal(20, events - 1, 1)[1], q) is None
        assert freeze_tau(lognormal(20, events, 1)[1], q) is not None

    @pytest.mark.parametrize("q", [0.5, 0.95, 0.99])
    def test_is_the_edge_above_the_quantile(self, q):
        values, histogram = lognormal(20, 5_000, 2)
        index = freeze_tau(histogram, q)
        quantile = np.quantile(values, q, method="inverted_cdf")
        assert MAPPING.edges[index - 1] < quantile <= MAPPING.edges[index]
        assert exceedances(histogram, index) == (values > MAPPING.edges[index]).sum()


class TestMargin:
    def test_ten_percent_is_five_buckets(self):
        assert margin_buckets(0.10) == 5
        assert effective_margin(5) == pytest.approx((1.01 / 0.99) ** 5 - 1, rel=1e-12)

    @pytest.mark.parametrize("margin", [0.001, 0.05, 0.25, 1.0])
    def test_effective_margin_is_the_nearest_step_that_tolerates(self, margin):
        j = margin_buckets(margin)
        assert j >= 1
        errors = [abs(math.log1p(effective_margin(i)) - math.log1p(margin)) for i in range(1, 60)]
        assert errors[j - 1] == min(errors)

    def test_a_candidate_slower_by_the_margin_exceeds_as_often(self):
        """Shifting the edge by j and the values by gamma^j gives the very same count."""
        values, baseline = lognormal(20, 20_000, 3)
        candidate = LogHistogram()
        candidate.update(values * (1 + effective_margin(5)) * (1 + 1e-12))
        index = freeze_tau(baseline, 0.99)
        assert exceedances(candidate, index, shift=5) == pytest.approx(
            exceedances(baseline, index), abs=1
        )

    def test_nothing_lies_beyond_the_last_edge(self):
        assert exceedances(lognormal(20, 100, 4)[1], MAPPING.size - 2, shift=5) == 0

    def test_negative_margins_are_refused(self):
        with pytest.raises(ValueError, match="margin"):
            margin_buckets(-0.1)


def alone(baseline, candidate, q):
    """Ratio and interval of one quantile of one pair, number by number."""
    low_b, high_b = quantile_bounds(baseline, q, 0.025)
    low_c, high_c = quantile_bounds(candidate, q, 0.025)
    high = high_c / low_b if low_b > 0.0 else math.inf
    return quantile_ratio(baseline, candidate, q), low_c / high_b, high


class TestBounds:
    @pytest.mark.parametrize("q", [0.5, 0.95, 0.99])
    def test_hold_the_quantile_and_narrow(self, q):
        truth = 20 * math.exp(0.6 * norm.ppf(q))
        widths = []
        for size in (2_000, 20_000, 200_000):
            low, high = quantile_bounds(lognormal(20, size, 5)[1], q, 0.05)
            assert low < truth < high
            widths.append(high / low)
        assert widths == sorted(widths, reverse=True)

    def test_know_nothing_of_nothing(self):
        empty = LogHistogram()
        assert quantile_bounds(empty, 0.99, 0.05) == (0.0, math.inf)
        assert quantile_ratio_interval(empty, empty, 0.99, 0.05) == (0.0, math.inf)
        assert quantile_ratio(empty, lognormal(20, 10, 6)[1], 0.5) is None

    def test_no_upper_bound_without_enough_tail(self):
        """Ten values cannot bound a p99 from above."""
        assert quantile_bounds(lognormal(20, 10, 7)[1], 0.99, 0.05)[1] == math.inf

    @pytest.mark.parametrize("q", [0.5, 0.9, 0.95, 0.99, 0.999])
    def test_a_bound_is_never_beyond_what_chance_allows(self, q):
        """A sample too small to rule out "all lie below" has no upper bound, at any size."""
        sizes = np.arange(1, 400)
        low, high = quantile_rank_bounds(sizes, q, 0.05)
        assert np.all(high[q**sizes > 0.05] == sizes[q**sizes > 0.05] + 1)
        assert np.all(low[(1 - q) ** sizes > 0.05] == 0)

    def test_ranks_are_vectorised(self):
        low, high = quantile_rank_bounds(np.array([[0, 10], [1_000, 10**9]]), 0.99, 0.05)
        assert low[0].tolist() == [0, 0]
        assert high[0].tolist() == [1, 11]
        assert np.all(low <= np.array([[0, 10], [990, 0.99 * 10**9]]))
        assert high[1, 1] - low[1, 1] < 10**9 * 1e-4

    @pytest.mark.parametrize("q", [0.5, 0.95, 0.99])
    def test_ranks_are_those_of_the_whole_search(self, q):
        """The search ends where ranks are known; the bound itself, to its last digit, agrees."""
        t = np.unique(np.geomspace(1, 10**9, 400).astype(np.int64))
        v, slack = q * (1 - q) * t, 1e-9 * t
        above = beta_binomial_mixture_bound(v, 0.05, 100.0, q, 1 - q)
        below = beta_binomial_mixture_bound(v, 0.05, 100.0, 1 - q, q)
        low, high = quantile_rank_bounds(t, q, 0.05)
        assert low.tolist() == np.clip(np.ceil(q * t - below - slack), 0, t).tolist()
        assert high.tolist() == np.clip(np.floor(q * t + above + slack) + 1, 1, t + 1).tolist()

    def test_pairs_are_the_same_together_as_alone(self):
        arms = [lognormal(20 + seed, size, seed)[1] for seed, size in enumerate((900, 7, 40, 6000))]
        empty = LogHistogram()
        pairs = [*itertools.product(arms, arms), (empty, arms[0]), (arms[0], empty)]
        together = quantile_ratios(pairs, (0.5, 0.95), 0.05)
        expected = [[alone(*pair, q) for q in (0.5, 0.95)] for pair in pairs]
        assert [[(finite(r), *ends) for r, *ends in row] for row in together] == expected

    def test_ratio_of_a_slower_candidate(self):
        slow, fast = lognormal(30, 50_000, 8)[1], lognormal(20, 50_000, 9)[1]
        low, high = quantile_ratio_interval(fast, slow, 0.95, 0.05)
        assert 1.2 < low < 1.5 < high < 1.9
        assert low < quantile_ratio(fast, slow, 0.95) < high


class TestFreezing:
    """Tau is an edge that the baseline does exceed."""

    def test_wide_latencies_freeze_at_their_quantile(self):
        histogram = LogHistogram()
        histogram.update(np.random.default_rng(1).lognormal(3, 0.5, 10_000))
        assert freeze_tau(histogram, 0.95) == histogram.quantile_index(0.95)

    @pytest.mark.parametrize("q", [0.5, 0.95, 0.99])
    def test_latencies_within_one_bucket_exceed_the_edge_below(self, q):
        """A service that always takes as long: its upper edge is never exceeded."""
        histogram = LogHistogram()
        histogram.update(np.full(5_000, 12.0))
        tau = freeze_tau(histogram, q)
        assert exceedances(histogram, tau) == 5_000
        assert exceedances(histogram, tau, shift=1) == 0

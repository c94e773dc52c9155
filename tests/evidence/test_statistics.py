"""Do the error rates hold in forms and at limits that no rollout of `tests/statistics` has?

2 000 streams, looked at after every stratum, fixed seeds; bars allow the binomial's one-sided 1 %
on top of alpha.
"""

import numpy as np
import pytest

from streams.evidence.one_arm import OneArmSums, OneArmTest
from streams.evidence.quantile import quantile_rank_bounds
from streams.evidence.rates import RatioSums, RatioTest
from tests.evidence.simulate import STREAMS, band, crossed
from tests.statistics.traffic import canary, ramp
from tests.statistics.watching import (
    frequent_sums,
    harm_panes,
    ratio_sums,
    seen,
    watch_early_harm,
    watch_harm,
    watch_safe,
)

pytestmark = pytest.mark.statistics

RNG = np.random.default_rng


def applied(sums):
    """What must not be done: fold at the share that was asked for, here a half."""

    def fold(counts, mask, _block):
        sums.fold(1, 1, counts[:, 0, 1], counts[:, 1, 1], mask)

    return fold


class TestFalseRollback:
    def test_two_sample_form_at_a_half(self):
        traffic = canary(2, STREAMS, weight_bp=2_000, rate=0.5, panes=250)
        peak = watch_harm(traffic, frequent_sums(STREAMS, 0.5)).peak
        assert crossed(peak, 0.05) <= band(0.05)
        assert crossed(peak, 0.01) <= band(0.01)

    def test_exactly_at_a_margin(self):
        """A candidate with 25 % more errors, where 25 % more are tolerated."""
        peak = watch_harm(canary(3, STREAMS, ratio=1.25), ratio_sums(STREAMS, 0.25)).peak
        assert crossed(peak, 0.05) <= band(0.05)

    def test_one_arm_exactly_at_its_limit(self):
        rng, sums, highest = RNG(4), OneArmSums.zeros(OneArmTest(0.005), (STREAMS,)), 0.0
        for _ in range(600):
            exposures = rng.poisson(40, STREAMS)
            sums.fold(exposures, rng.binomial(exposures, 0.005))
            highest = np.maximum(highest, sums.log_e_harm())
        assert crossed(highest, 0.05) <= band(0.05)

    def test_applied_shares_would_fire(self):
        """The failing form beside the remedy: arms that breathe apart need realised shares."""
        sums, traffic = ratio_sums(STREAMS), canary(1, STREAMS, rate=0.05, jitter=0.3)
        found = seen(harm_panes(traffic, [applied(sums)]), sums.log_e_harm, STREAMS)
        assert crossed(found.peak, 0.05) > 0.2


class TestFalsePromotion:
    def test_two_sample_form_at_its_margin(self):
        traffic = canary(7, STREAMS, weight_bp=2_500, rate=0.4, ratio=1.25, panes=250)
        peak = watch_safe(traffic, frequent_sums(STREAMS, 0.4, 0.25)).peak
        assert crossed(peak, 0.05) <= band(0.05)


class TestDelay:
    def test_two_sample_form_pays_at_a_half(self):
        """At 50 % against 60 % the conditional form needs at least 1.5 times the data."""
        worse = canary(10, STREAMS, rate=0.5, ratio=1.2, panes=250)
        sharp, plain = (
            np.median(watch_early_harm(worse, sums, alphas=(0.01,)).first[0.01])
            for sums in (frequent_sums(STREAMS, 0.5), ratio_sums(STREAMS))
        )
        assert 1.5 * sharp <= plain


class TestQuantileBounds:
    @pytest.mark.parametrize("q", [0.5, 0.95, 0.99])
    def test_hold_at_every_look(self, q):
        """Up to 2 10^5 events: the bounds ever miss the quantile in at most 5 % of streams."""
        rng, looks = RNG(11), np.unique(np.geomspace(10, 2e5, 250).astype(int))
        low, high = quantile_rank_bounds(looks, q, 0.05)
        below = rng.binomial(np.diff(looks, prepend=0), q, (STREAMS, looks.size)).cumsum(axis=1)
        missed = (below < low) | (below >= high)
        assert missed.any(axis=1).mean() <= band(0.05)


class TestRatioInterval:
    def test_holds_at_every_look(self):
        """An interval of the ratio at .05, true ratio 1.5, ramp and shock, 500 streams."""
        streams, rng = 500, RNG(12)
        sums = RatioSums.zeros(RatioTest(margin=0.25), (streams,))
        missed, weights = np.zeros(streams, np.bool_), ramp(120) / 10_000
        for pane, share in enumerate(weights):
            n_b, n_c = rng.poisson(400 * (1 - share), streams), rng.poisson(400 * share, streams)
            rate = 0.01 if pane < 60 else 0.03
            sums.fold(n_b, n_c, rng.binomial(n_b, rate), rng.binomial(n_c, 1.5 * rate))
            low, high = sums.interval(0.05)
            missed |= (low > 1.5) | (high < 1.5)
        assert missed.mean() <= band(0.05, streams)

"""Do the error rates hold where naive tests fail? Reduced simulations with fixed seeds.

Each scenario feeds 2 000 streams, looked at after every stratum, through the code that judges.
Bars allow the binomial's one-sided 1 % on top of alpha.
"""

import numpy as np
import pytest

from streams.evidence.one_arm import OneArmSums, OneArmTest
from streams.evidence.quantile import quantile_rank_bounds
from streams.evidence.rates import RatioSums, RatioTest
from streams.evidence.two_sample import TwoSampleSums, TwoSampleTest
from tests.evidence.simulate import (
    STREAMS,
    Canary,
    band,
    crossed,
    fold_applied,
    highest_harm,
    highest_safe,
    pooled_z_fires,
    ramp,
    seconds_to_harm,
    shock,
)

pytestmark = pytest.mark.statistics

PANES = 600
RNG = np.random.default_rng


def steady(value: float, panes: int = PANES) -> np.ndarray:
    return np.full(panes, value)


def canary(seed, *, weight_bp=5_000, rate=0.02, ratio=1.0, panes=PANES, rps=40.0, jitter=0.0):
    """A canary whose rates differ by `ratio`; weight and rate are constants or [panes]."""
    weight = np.broadcast_to(np.asarray(weight_bp), (panes,))
    rates = np.broadcast_to(np.asarray(rate, float), (panes,))
    return Canary(
        seed=seed,
        panes=panes,
        rps=rps,
        weight_bp=weight,
        rate_b=rates,
        rate_c=np.minimum(rates * ratio, 1.0),
        jitter=jitter,
    )


def ratio_sums(margin=0.0):
    return RatioSums.zeros(RatioTest(margin=margin, resolution=None), (STREAMS,))


def even_sums(margin=0.0):
    test = TwoSampleTest(margin=margin, start_rate=0.5, resolution=None)
    return TwoSampleSums.zeros(test, (STREAMS,))


RAMP_AND_SHOCK = {"weight_bp": ramp(PANES), "rate": shock(PANES, 0.02)}
BREATHING = {"rate": 0.05, "jitter": 0.3}
DIURNAL = 0.02 * 3.0 ** np.sin(np.arange(PANES) / PANES * 4 * np.pi)


class TestFalseRollback:
    """Two identical models, watched all along: rollbacks at .05 and at .01."""

    @pytest.mark.parametrize(
        "scenario",
        [
            pytest.param({}, id="even"),
            pytest.param({"weight_bp": 500, "rate": 0.05, "rps": 60.0}, id="5-95"),
            pytest.param({"weight_bp": 1, "rate": 0.05, "rps": 2_000.0}, id="one-basis-point"),
            pytest.param({"rate": 1e-4, "rps": 2_000.0}, id="tiny-rate"),
            pytest.param({"weight_bp": ramp(PANES)}, id="ramp"),
            pytest.param(RAMP_AND_SHOCK, id="ramp-and-shock"),
            pytest.param({"weight_bp": ramp(PANES), "rate": DIURNAL}, id="diurnal"),
            pytest.param(BREATHING, id="arms-breathe-apart"),
        ],
    )
    def test_ratio(self, scenario):
        highest = highest_harm(canary(1, **scenario), ratio_sums())
        assert crossed(highest, 0.05) <= band(0.05)
        assert crossed(highest, 0.01) <= band(0.01)

    def test_two_sample_form_at_a_half(self):
        highest = highest_harm(canary(2, weight_bp=2_000, rate=0.5, panes=250), even_sums())
        assert crossed(highest, 0.05) <= band(0.05)
        assert crossed(highest, 0.01) <= band(0.01)

    def test_exactly_at_a_margin(self):
        """A candidate with 25 % more errors, where 25 % more are tolerated."""
        highest = highest_harm(canary(3, ratio=1.25), ratio_sums(margin=0.25))
        assert crossed(highest, 0.05) <= band(0.05)

    def test_one_arm_exactly_at_its_limit(self):
        rng, sums, highest = RNG(4), OneArmSums.zeros(OneArmTest(0.005), (STREAMS,)), 0.0
        for _ in range(PANES):
            exposures = rng.poisson(40, STREAMS)
            sums.fold(exposures, rng.binomial(exposures, 0.005))
            highest = np.maximum(highest, sums.log_e_harm())
        assert crossed(highest, 0.05) <= band(0.05)

    def test_pooled_counts_would_fire(self):
        """The failing form beside the remedy: ramp and shock look like harm when pooled."""
        assert pooled_z_fires(canary(1, **RAMP_AND_SHOCK), z=1.645).mean() > 0.99

    def test_applied_shares_would_fire(self):
        """The failing form beside the remedy: arms that breathe apart need realised shares."""
        highest = highest_harm(canary(1, **BREATHING), ratio_sums(), fold_applied)
        assert crossed(highest, 0.05) > 0.2


class TestFalsePromotion:
    """The true effect exactly at the margin: non-inferiority shown at .05 at any look."""

    @pytest.mark.parametrize(
        "scenario",
        [
            pytest.param({}, id="even"),
            pytest.param({"weight_bp": 500, "rate": 0.05, "rps": 60.0}, id="5-95"),
            pytest.param(RAMP_AND_SHOCK, id="ramp-and-shock"),
        ],
    )
    def test_ratio(self, scenario):
        highest = highest_safe(canary(5, ratio=1.25, **scenario), ratio_sums(margin=0.25))
        assert crossed(highest, 0.05) <= band(0.05)

    def test_latency_p95(self):
        """Slower by exactly the effective margin: exceedances of the shifted edge are equal."""
        highest = highest_safe(canary(6, weight_bp=2_500, rate=0.05), ratio_sums())
        assert crossed(highest, 0.05) <= band(0.05)

    def test_latency_p50(self):
        highest = highest_safe(canary(7, weight_bp=2_500, rate=0.5, panes=250), even_sums())
        assert crossed(highest, 0.05) <= band(0.05)


class TestDelay:
    """Ten requests a second per arm, looked at every second, alpha .01, margin 0."""

    @pytest.mark.parametrize(
        ("ratio", "median", "late"),
        [pytest.param(50, 3, 5, id="50-percent"), pytest.param(5, 40, 85, id="5-percent")],
    )
    def test_errors_rise_from_one_percent(self, ratio, median, late):
        failing = canary(8, rate=0.01, ratio=ratio, rps=20.0, panes=300)
        seconds = seconds_to_harm(failing, ratio_sums(), alpha=0.01)
        assert np.median(seconds) <= median
        assert np.quantile(seconds, 0.95, method="inverted_cdf") <= late

    def test_doubling_costs_about_a_fixed_sample(self):
        """RR 2 at 1 %: 3 115 an arm, 311 s, give the exact conditional test 80 % power at .01."""
        doubled = canary(9, rate=0.01, ratio=2, rps=20.0, panes=600)
        seconds = seconds_to_harm(doubled, ratio_sums(), alpha=0.01)
        assert np.median(seconds) <= 1.1 * 311
        assert np.quantile(seconds, 0.8, method="inverted_cdf") <= 1.7 * 311

    def test_two_sample_form_pays_at_a_half(self):
        """At 50 % against 60 % the conditional form needs at least 1.5 times the data."""
        worse = canary(10, rate=0.5, ratio=1.2, rps=40.0, panes=250)
        sharp = np.median(seconds_to_harm(worse, even_sums(), alpha=0.01))
        assert 1.5 * sharp <= np.median(seconds_to_harm(worse, ratio_sums(), alpha=0.01))


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

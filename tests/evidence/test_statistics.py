"""Do the error rates hold where naive tests fail? Reduced simulations with fixed seeds.

Each scenario feeds 2 000 streams, looked at after every stratum, through the code that judges.
Bars allow the binomial's one-sided 1 % on top of alpha.
"""

import numpy as np
import pytest
from scipy.optimize import brentq

from streams.evidence.categories import EqualitySums
from streams.evidence.jsd import JsdSums, jensen_shannon_divergence
from streams.evidence.one_arm import OneArmSums, OneArmTest
from streams.evidence.quantile import quantile_rank_bounds
from streams.evidence.rates import RatioSums, RatioTest
from streams.evidence.sample_ratio import SampleRatioSums
from streams.evidence.two_sample import TwoSampleSums, TwoSampleTest
from tests.evidence.simulate import (
    STREAMS,
    Canary,
    band,
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


def crossed(log_e, alpha) -> float:
    return float((log_e >= -np.log(alpha)).mean())


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


def mix(k: int) -> np.ndarray:
    shares = 1 / np.arange(1, k + 1)
    return shares / shares.sum()


def mix_at(k: int, target: float) -> np.ndarray:
    """A mix at a JSD of exactly `target` nats from `mix(k)`."""
    p = mix(k)
    distance = brentq(
        lambda a: float(jensen_shannon_divergence(p, (1 - a) * p + a * p[::-1])) - target, 0, 1
    )
    return (1 - distance) * p + distance * p[::-1]


def watch_mixes(seed, q, *, rps, share=0.5, alpha=0.05, panes=120, streams=STREAMS):
    """Seconds until harm, and whether similarity was ever shown, threshold .05."""
    rng, sums, p = RNG(seed), JsdSums.zeros((streams,)), mix(q.size)
    seconds, similar = np.full(streams, np.inf), np.zeros(streams, np.bool_)
    for pane in range(panes):
        sizes = rng.poisson(rps * (1 - share), streams), rng.poisson(rps * share, streams)
        sums.fold(5_000, rng.multinomial(sizes[0], p), rng.multinomial(sizes[1], q))
        harm = sums.log_e_harm(0.05, alpha) >= -np.log(alpha)
        seconds = np.where(harm & np.isinf(seconds), pane + 1.0, seconds)
        similar |= sums.log_e_safe(0.05, 0.05) >= -np.log(0.05)
    return seconds, similar


class TestMixes:
    @pytest.mark.parametrize("k", [10, 20, 50])
    def test_identical_models_are_never_rolled_back(self, k):
        """Where the plain divergence passes .05 in nearly every stream, nobody rolls back."""
        seconds, similar = watch_mixes(13, mix(k), rps=50, panes=80)
        assert np.isinf(seconds).all()
        assert similar.mean() > 0.9
        rng = RNG(13)
        p, q = (rng.multinomial(50, mix(k), STREAMS) / 50 for _ in range(2))
        assert (jensen_shannon_divergence(p, q) > 0.05).mean() > 0.2

    @pytest.mark.parametrize(("share", "rps"), [(0.5, 50), (0.02, 2_500)])
    def test_exactly_at_the_threshold(self, share, rps):
        seconds, similar = watch_mixes(14, mix_at(10, 0.05), rps=rps, share=share)
        assert np.isfinite(seconds).mean() <= band(0.05)
        assert similar.mean() <= band(0.05)

    @pytest.mark.parametrize("k", [10, 20])
    def test_twice_the_threshold_is_found(self, k):
        """At JSD .10 and alpha .01: 95 % by 900 events an arm, 99 % by 1000 (less the band)."""
        seconds, _ = watch_mixes(15, mix_at(k, 0.10), rps=100, alpha=0.01, panes=20)
        events = 50 * seconds
        assert (events <= 900).mean() >= 0.95
        assert (events <= 1_000).mean() >= 0.99 - (band(0.01) - 0.01)

    @pytest.mark.parametrize("lag", [0.0, 0.4])
    def test_a_drifting_mix_under_a_ramp(self, lag):
        """The world moves while the weight rises: kept apart by weight the arms compare truly.

        Pooled, identical models are rolled back and a candidate that lags behind is promoted.
        """
        apart, pooled = drift_under_ramp(lag, pooled=False), drift_under_ramp(lag, pooled=True)
        assert apart == pytest.approx((0.0, 1.0) if lag == 0 else (1.0, 0.0), abs=0.01)
        if lag == 0:
            assert pooled[0] > 0.9
        else:
            assert pooled[1] > 0.9

    def test_equality_under_ramp_and_drift(self):
        """Ten classes, the same drifting mix in both arms: the equality test ever at .05."""
        rng, sums = RNG(16), EqualitySums.zeros(categories=10, shape=(STREAMS,))
        highest, weights = np.zeros(STREAMS), ramp(100) / 10_000
        for pane, share in enumerate(weights):
            p = (1 - pane / 100) * mix(10) + pane / 100 * mix(10)[::-1]
            sizes = rng.poisson(100 * (1 - share), STREAMS), rng.poisson(100 * share, STREAMS)
            sums.fold(*(rng.multinomial(size, p) for size in sizes))
            highest = np.maximum(highest, sums.log_e())
        assert crossed(highest, 0.05) <= band(0.05)


def drift_under_ramp(lag: float, *, pooled: bool, streams: int = 300) -> tuple[float, float]:
    """Shares of streams rolled back ever, and shown similar at the end."""
    rng, sums = RNG(17), JsdSums.zeros((streams,))
    early = np.array([0.94, 0.04, 0.015, 0.005])
    weights, harm = ramp(120), np.zeros(streams, np.bool_)
    for pane, weight_bp in enumerate(weights):
        moved = pane / 119, max(pane / 119 - lag, 0.0)
        p, q = ((1 - by) * early + by * early[::-1] for by in moved)
        sizes = rng.poisson(300 * np.array([1 - weight_bp / 1e4, weight_bp / 1e4]), (streams, 2)).T
        group = 0 if pooled else int(weight_bp)
        sums.fold(group, rng.multinomial(sizes[0], p), rng.multinomial(sizes[1], q))
        harm |= sums.is_harm(0.05, alpha=0.01)
    return float(harm.mean()), float(sums.is_similar(0.05, alpha=0.05).mean())


class TestSampleRatio:
    @pytest.mark.parametrize("weights_bp", [(5_000, 5_000), (9_500, 500), (9_900, 50, 50)])
    def test_false_alarms(self, weights_bp):
        """A fair split looked at 300 times, 5 000 streams, alpha .001."""
        rng, sums, streams = RNG(18), SampleRatioSums.zeros((5_000,)), 5_000
        alarmed = np.zeros(streams, np.bool_)
        for _ in range(300):
            arrivals = rng.poisson(200, streams)
            sums.fold(weights_bp, rng.multinomial(arrivals, np.array(weights_bp) / 10_000))
            alarmed |= sums.log_e() >= np.log(1_000)
        assert alarmed.mean() <= band(0.001, streams)

    def test_repeated_chi_square_would_fire_more(self):
        """The failing form beside the remedy: the same looks with a fixed-sample score."""
        rng, streams = RNG(18), 5_000
        totals, alarmed = np.zeros((streams, 2)), np.zeros(streams, np.bool_)
        for _ in range(300):
            totals += rng.multinomial(rng.poisson(200, streams), [0.5, 0.5])
            n = totals.sum(axis=-1)
            alarmed |= np.abs(totals[:, 0] - n / 2) > 3.2905 * np.sqrt(n) / 2
        assert alarmed.mean() > 5 * 0.001

    def test_a_skewed_split_is_found(self):
        """6 % arrive where 5 % were sent: 20 000 units show it in nearly every stream."""
        rng, sums = RNG(19), SampleRatioSums.zeros((STREAMS,))
        sums.fold((9_500, 500), rng.multinomial(20_000, [0.94, 0.06], STREAMS))
        assert crossed(sums.log_e(), 0.001) > 0.95

"""Do the error rates of mixes and of the sample ratio hold? Reduced simulations, fixed seeds."""

import numpy as np
import pytest
from scipy.optimize import brentq

from streams.evidence.categories import EqualitySums
from streams.evidence.jsd import JsdSums, jensen_shannon_divergence
from streams.evidence.sample_ratio import SampleRatioSums
from tests.evidence.simulate import (
    STREAMS,
    band,
    crossed,
    ramp,
)

pytestmark = pytest.mark.statistics

RNG = np.random.default_rng


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

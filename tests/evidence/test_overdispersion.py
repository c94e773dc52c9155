"""Overdispersion: phi from blocks and duplicates, tempering, and what shocks in one arm do."""

import numpy as np
import pytest

from streams.evidence.overdispersion import (
    phi_from_blocks,
    phi_from_duplicates,
    tempered,
    tempered_log_e_harm,
    tempered_log_e_safe,
    variance_over_mean,
)
from streams.evidence.rates import RatioSums, RatioTest
from tests.evidence.shock_scenarios import ArmShocks
from tests.evidence.simulate import band, crossed

STREAMS = 1_000
TEST = RatioTest(margin=0.0, resolution=None)


class TestPhi:
    def test_variance_over_mean_of_equal_blocks(self):
        x = np.array([3, 7, 2, 9, 4])
        assert variance_over_mean(x, [100] * 5) == pytest.approx(x.var(ddof=1) / x.mean())

    def test_blocks_of_other_exposures(self):
        """Counts in proportion to exposures do not vary."""
        assert float(variance_over_mean([1, 2, 3], [10, 20, 30])) == pytest.approx(0.0)

    def test_covers_the_truth_in_nine_of_ten(self):
        rng = np.random.default_rng(1)
        phi = phi_from_blocks(
            rng.negative_binomial(40, 0.5, (4_000, 48)), np.full((4_000, 48), 1_000)
        )
        assert (phi >= 2.0).mean() == pytest.approx(0.9, abs=0.03)

    def test_is_never_below_one(self):
        flat = phi_from_blocks(np.full((2, 48), 5), np.full((2, 48), 100))
        assert flat.tolist() == [1.0, 1.0]
        assert phi_from_blocks(np.zeros(48), np.full(48, 100)) >= 1.0
        assert phi_from_blocks(np.zeros(48), np.zeros(48)) >= 1.0

    def test_needs_48_blocks(self):
        with pytest.raises(ValueError, match="48 baseline blocks"):
            phi_from_blocks(np.ones(47), np.ones(47))

    def test_duplicates(self):
        """Variance over mean of Poisson events of which a share comes twice."""
        rng = np.random.default_rng(2)
        single = rng.poisson(50, 200_000)
        total = single + rng.binomial(single, 0.05)
        assert total.var() / total.mean() == pytest.approx(
            float(phi_from_duplicates(0.05)), rel=0.02
        )
        with pytest.raises(ValueError, match="share"):
            phi_from_duplicates(1.5)


class TestTempering:
    def test_phi_of_one_changes_nothing_and_more_is_less(self):
        sums = RatioSums.zeros(TEST)
        sums.fold(1_000, 1_000, 10, 40)
        assert float(tempered_log_e_harm(sums, 1.0)) == float(sums.log_e_harm())
        assert float(tempered_log_e_safe(sums, 1.0)) == float(sums.log_e_safe())
        assert tempered_log_e_harm(sums, 3.0) < sums.log_e_harm()

    def test_never_sharpens(self):
        with pytest.raises(ValueError, match="1 or more"):
            tempered(np.zeros(3), 0.5)


def highest_harm(shocks, phi):
    """Highest log e-values over all looks: plain and tempered."""
    sums, highest = RatioSums.zeros(TEST, (shocks.streams,)), np.zeros((2, shocks.streams))
    for stratum in shocks.strata():
        sums.fold(*stratum)
        np.maximum(highest[0], sums.log_e_harm(), out=highest[0])
        np.maximum(highest[1], tempered_log_e_harm(sums, phi), out=highest[1])
    return highest


@pytest.mark.statistics
class TestShocksInOneArm:
    """Rates that wander apart, AR(1) over 60 or 600 s: plain .08-.75, tempered within the bar."""

    @pytest.mark.parametrize(
        ("correlation_s", "deviation", "block_s", "plain"),
        [
            pytest.param(60, 0.3, 300, 0.08, id="a-minute"),
            pytest.param(60, 0.5, 300, 0.3, id="a-minute-strong"),
            pytest.param(600, 0.3, 1_800, 0.3, id="ten-minutes"),
        ],
    )
    def test_measured_phi_holds(self, correlation_s, deviation, block_s, plain):
        shocks = ArmShocks(
            seed=3,
            streams=STREAMS,
            correlation_s=correlation_s,
            deviation=deviation,
            rps=10.0,
            rate=0.01,
            hours=2.0,
        )
        phi = phi_from_blocks(*shocks.baseline_blocks(48, block_s))
        failing, remedy = highest_harm(shocks, phi)
        assert crossed(failing, 0.05) > plain
        assert crossed(remedy, 0.05) <= band(0.05, STREAMS)
        assert crossed(remedy, 0.01) <= band(0.01, STREAMS)

    def test_duplicated_events(self):
        """Every event comes twice: .2 plain, phi = 2 holds."""
        rng, sums = np.random.default_rng(4), RatioSums.zeros(TEST, (STREAMS,))
        highest = np.zeros((2, STREAMS))
        for _ in range(400):
            n = rng.poisson(200, (2, STREAMS))
            x = 2 * rng.binomial(n, 0.01)
            sums.fold(n[0], n[1], x[0], x[1])
            np.maximum(highest[0], sums.log_e_harm(), out=highest[0])
            np.maximum(
                highest[1], tempered_log_e_harm(sums, phi_from_duplicates(1.0)), out=highest[1]
            )
        assert crossed(highest[0], 0.05) > 0.12
        assert crossed(highest[1], 0.05) <= band(0.05, STREAMS)

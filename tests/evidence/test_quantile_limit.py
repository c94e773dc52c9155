"""Absolute quantile limits: exact where the limit is an edge, cautious on both sides of it."""

import numpy as np
import pytest

from streams.evidence.one_arm import OneArmSums
from streams.evidence.quantile_limit import (
    limit_edges,
    perhaps_above,
    quantile_limit_test,
    surely_above,
)
from streams.sketches.log_histogram import MAPPING, LogHistogram
from tests.evidence.simulate import band, crossed


def histogram(values):
    held = LogHistogram()
    held.update(np.asarray(values, float))
    return held


class TestEdges:
    @pytest.mark.parametrize("limit_ms", [0.5, 10.0, 250.0, 30_000.0])
    def test_lie_around_the_limit(self, limit_ms):
        low, high = limit_edges(limit_ms)
        assert MAPPING.edges[low] <= limit_ms <= MAPPING.edges[high]
        assert high - low <= 1

    def test_an_edge_is_its_own_limit(self):
        assert limit_edges(float(MAPPING.edges[500])) == (500, 500)

    @pytest.mark.parametrize("limit_ms", [0.0, -1.0, 1e9, float("nan")])
    def test_limits_beyond_the_sketch_are_refused(self, limit_ms):
        with pytest.raises(ValueError, match="latency limit"):
            limit_edges(limit_ms)

    def test_counts_bracket_the_truth(self):
        values = np.random.default_rng(1).lognormal(np.log(200), 0.6, 20_000)
        held, truth = histogram(values), int((values > 250.0).sum())
        assert surely_above(held, 250.0) <= truth <= perhaps_above(held, 250.0)

    def test_senseless_quantiles_are_refused(self):
        with pytest.raises(ValueError, match="quantile"):
            quantile_limit_test(1.0)


@pytest.mark.statistics
class TestDecision:
    def watch(self, exceeding, streams=1_000):
        rng, sums = (
            np.random.default_rng(2),
            OneArmSums.zeros(quantile_limit_test(0.99), (streams,)),
        )
        highest = np.zeros(streams)
        for _ in range(300):
            n = rng.poisson(100, streams)
            sums.fold(n, rng.binomial(n, exceeding))
            np.maximum(highest, sums.log_e_harm(), out=highest)
        return highest

    def test_a_p99_exactly_at_the_limit_is_no_harm(self):
        highest = self.watch(0.01)
        assert crossed(highest, 0.05) <= band(0.05, 1_000)
        assert crossed(highest, 0.01) <= band(0.01, 1_000)

    def test_a_p99_beyond_the_limit_is_found(self):
        """2 % of 30 000 requests exceed what 1 % may."""
        assert crossed(self.watch(0.02), 0.01) > 0.99

"""Sample ratio against published values, and its groups."""

import json

import numpy as np
import pytest

from streams.evidence.sample_ratio import (
    SampleRatioSums,
    dirichlet_multinomial_log_marginal,
    log_multinomial_coefficient,
    multinomial_log_likelihood,
    sample_ratio_log_bayes_factor,
    sample_ratio_prior,
)

BATCHES = np.array([(20, 17, 9), (18, 21, 8), (4, 6, 4), (18, 19, 11)])
SHARES, PRIOR = np.array([0.4, 0.4, 0.2]), np.ones(3)


class TestPublishedValues:
    def test_marginals(self):
        """Log m1 and log m0 after each batch, with the batches' coefficients, to 1e-6."""
        total = np.cumsum(BATCHES, axis=0)
        coefficients = np.cumsum(log_multinomial_coefficient(BATCHES))
        m1 = dirichlet_multinomial_log_marginal(total, PRIOR) + coefficients
        m0 = multinomial_log_likelihood(total, SHARES) + coefficients
        assert m1 == pytest.approx([-7.0282014, -11.9478477, -15.4714020, -19.9648452], abs=1e-6)
        assert m0 == pytest.approx([-4.0776406, -8.2659469, -11.6107435, -15.7810312], abs=1e-6)

    @pytest.mark.parametrize(
        ("share", "expected"), [(0.5, 100.0), (0.05, 1_900.0), (0.01, 9_900.0)]
    )
    def test_precision_of_the_prior(self, share, expected):
        assert sample_ratio_prior([1 - share, share]).sum() == pytest.approx(expected)


class TestSampleRatioSums:
    def test_groups_multiply(self):
        """Two applied weights: the log e-values of both groups add up."""
        sums = SampleRatioSums.zeros()
        sums.fold([9_900, 100], [990, 30])
        sums.fold([9_000, 1_000], [500, 50])
        sums.fold([9_900, 100], [10, 0])
        expected = sum(
            sample_ratio_log_bayes_factor(counts, shares, sample_ratio_prior(shares))
            for counts, shares in (([1_000, 30], [0.99, 0.01]), ([500, 50], [0.9, 0.1]))
        )
        assert float(sums.log_e()) == pytest.approx(float(expected), abs=1e-12)

    def test_arms_without_weight_say_nothing(self):
        """Strays on an arm at weight 0, and a single arm, are no evidence."""
        sums = SampleRatioSums.zeros()
        sums.fold([10_000, 0], [500, 3])
        assert float(sums.log_e()) == 0.0

    def test_merges_and_restores_to_the_same_bytes(self):
        first, second = SampleRatioSums.zeros((2,)), SampleRatioSums.zeros((2,))
        first.fold([5_000, 5_000], [[1, 2], [3, 4]])
        second.fold([9_900, 100], [[5, 6], [7, 8]])
        second.merge(first)
        stored = json.dumps(second.to_state())
        first.merge(SampleRatioSums.from_state([json.loads(stored)[1]], (2,)))
        assert json.dumps(SampleRatioSums.from_state(json.loads(stored), (2,)).to_state()) == stored
        assert json.dumps(first.to_state()) == stored

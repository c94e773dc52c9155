"""What must not be done with mixes and sample ratios fires on the streams of `tests/statistics`."""

import numpy as np
import pytest

from streams.evidence.jsd import jensen_shannon_divergence
from tests.statistics.divergence import drift_under_ramp, mix

pytestmark = pytest.mark.statistics

RNG = np.random.default_rng


class TestFailingForms:
    @pytest.mark.parametrize("k", [10, 20, 50])
    def test_the_plain_divergence_of_identical_models(self, k):
        """At 50 events an arm it passes .05 in many streams."""
        rng = RNG(13)
        p, q = (rng.multinomial(50, mix(k), 2_000) / 50 for _ in range(2))
        assert (jensen_shannon_divergence(p, q) > 0.05).mean() > 0.2

    def test_pooled_counts_of_a_drifting_mix(self):
        """Identical models are rolled back, and a candidate that lags behind is promoted."""
        assert drift_under_ramp(0.0, 300, pooled=True)[0] > 0.9 * 300
        assert drift_under_ramp(0.4, 300, pooled=True)[1] > 0.9 * 300

    def test_repeated_chi_square(self):
        """A fixed-sample score at .001 on 300 looks at a fair split."""
        rng, streams = RNG(18), 5_000
        totals, alarmed = np.zeros((streams, 2)), np.zeros(streams, np.bool_)
        for _ in range(300):
            totals += rng.multinomial(rng.poisson(200, streams), [0.5, 0.5])
            n = totals.sum(axis=-1)
            alarmed |= np.abs(totals[:, 0] - n / 2) > 3.2905 * np.sqrt(n) / 2
        assert alarmed.mean() > 5 * 0.001

"""Divergence of mixes: the formula, groups of applied weights, edges."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.evidence.asymptotic import one_sided_asymptotic_radius
from streams.evidence.jsd import JsdSums, jensen_shannon_divergence

counts = st.lists(st.integers(0, 300), min_size=3, max_size=3)
folds = st.lists(st.tuples(st.sampled_from([100, 2_500]), counts, counts), max_size=6)


def folded(rows, shape=()):
    sums = JsdSums.zeros(shape)
    for row in rows:
        sums.fold(*row)
    return sums


def kl(p, m):
    return sum(a * np.log(a / b) for a, b in zip(p, m, strict=True) if a > 0)


class TestDivergence:
    def test_is_the_mean_of_two_relative_entropies(self):
        p, q = np.array([0.7, 0.2, 0.1, 0.0]), np.array([0.4, 0.4, 0.0, 0.2])
        m = (p + q) / 2
        expected = (kl(p, m) + kl(q, m)) / 2
        assert float(jensen_shannon_divergence(p, q)) == pytest.approx(expected, rel=1e-12)

    @pytest.mark.property
    @given(counts, counts)
    def test_is_symmetric_and_at_most_log_two(self, first, second):
        p, q = (np.array(x) / max(sum(x), 1) for x in (first, second))
        forth, back = jensen_shannon_divergence(p, q), jensen_shannon_divergence(q, p)
        assert float(forth) == pytest.approx(float(back), abs=1e-12)
        assert -1e-12 <= float(forth) <= np.log(2) + 1e-12


class TestEstimate:
    def test_matches_the_written_formula(self):
        """One applied weight: bias, smoothing and standard error term by term."""
        b, c = np.array([300, 150, 50, 0]), np.array([90, 60, 40, 10])
        n_b, n_c, k = b.sum(), c.sum(), 4
        p, q = b / n_b, c / n_c
        m = (p + q) / 2
        bend = [(x * (1 - x) / m).sum() for x in (p, q)]
        bias = ((k - 1) / 4 - bend[0] / 8) / n_b + ((k - 1) / 4 - bend[1] / 8) / n_c
        soft_p, soft_q = (b + 1) / (n_b + k), (c + 1) / (n_c + k)
        smooth = float(jensen_shannon_divergence(soft_p, soft_q))

        def spread(own, other):
            kept = own > 0
            log_ratio = np.log(own[kept] / ((own + other) / 2)[kept])
            return np.average(log_ratio**2, weights=own[kept]) - (
                np.average(log_ratio, weights=own[kept]) ** 2
            )

        v_p = max(spread(p, q), spread(soft_p, soft_q))
        v_q = max(spread(q, p), spread(soft_q, soft_p))
        inverse = 1 / n_b + 1 / n_c
        se = np.sqrt((v_p / n_b + v_q / n_c) / 4 + (k - 1) / 32 * inverse**2)
        at = folded([(2_500, b, c)]).estimates()
        plug_in = float(jensen_shannon_divergence(p, q))
        assert float(at.plug_in) == pytest.approx(plug_in, rel=1e-12)
        assert float(at.corrected) == pytest.approx(min(plug_in - bias, smooth), rel=1e-12)
        assert float(at.se) == pytest.approx(se, rel=1e-12)
        assert float(at.n) == pytest.approx(2 / inverse, rel=1e-12)

    def test_applied_weights_are_combined_as_shares(self):
        """A mix that drifts with the ramp is no difference between the arms."""
        early, late = np.array([900, 100]), np.array([100, 900])
        sums = folded([(100, early * 99, early), (5_000, late, late)])
        p, q, *_ = sums.shares()
        assert p == pytest.approx(q, abs=1e-12)
        assert float(sums.estimate()) == 0.0
        pooled = folded([(0, early * 99 + late, early + late)])
        assert bool(pooled.is_harm(0.05, alpha=0.01))
        assert not bool(sums.is_harm(0.05, alpha=0.01))

    def test_one_weight_and_its_inverse_sizes(self):
        rows = [(100, [980, 20], [30, 10]), (2_500, [60, 40], [50, 50])]
        weight = [1_000 * 40 / 1_040, 100 * 100 / 200]
        w = np.array(weight) / sum(weight)
        *_, a_p, a_q = folded(rows).shares()
        assert float(a_p) == pytest.approx(w[0] ** 2 / 1_000 + w[1] ** 2 / 100, rel=1e-12)
        assert float(a_q) == pytest.approx(w[0] ** 2 / 40 + w[1] ** 2 / 100, rel=1e-12)


class TestDecisions:
    @pytest.mark.property
    @given(counts, counts, st.sampled_from([0.05, 0.01, 1e-3]))
    def test_e_values_agree_with_the_bounds(self, b, c, alpha):
        """Crossing log 1/alpha and crossing the threshold are the same decision."""
        sums, limit = folded([(5_000, b, c)]), -np.log(alpha)
        for crossed, log_e in (
            (sums.is_harm(0.05, alpha), sums.log_e_harm(0.05, alpha)),
            (sums.is_similar(0.05, alpha), sums.log_e_safe(0.05, alpha)),
        ):
            if abs(float(log_e) - limit) > 1e-9:
                assert bool(crossed) == bool(log_e > limit)

    def test_interval_is_the_bounds(self):
        sums = folded([(5_000, [600, 400], [300, 700])])
        at, (low, high) = sums.estimates(), sums.interval(0.01, 0.05)
        assert float(low) == pytest.approx(float(sums.harm_gap(0.01)), rel=1e-12)
        radius = one_sided_asymptotic_radius(at.se, at.n, 0.05)
        assert float(high) == pytest.approx(float(at.plug_in + radius), rel=1e-12)

    def test_nothing_is_said_before_fifty_each(self):
        sums = folded([(5_000, [5_000, 0], [0, 49])])
        assert float(sums.log_e_harm(0.05, 0.01)) == 0.0
        assert float(sums.log_e_safe(0.05, 0.05)) == 0.0
        assert [float(end) for end in sums.interval(0.01, 0.05)] == [0.0, pytest.approx(np.log(2))]
        sums.fold(5_000, [0, 0], [0, 1])
        assert bool(sums.is_harm(0.05, 0.01))


class TestEdges:
    @pytest.mark.parametrize(
        "rows",
        [
            [],
            [(1, [100], [100])],
            [(1, [100, 0], [0, 0])],
            [(1, [0, 0], [0, 0])],
            [(1, [10**9, 10**9], [1, 0]), (10_000, [0, 0], [50, 50])],
        ],
    )
    def test_extremes_give_numbers(self, rows):
        """Nothing, one category, one arm, a basis point: numbers, no warning."""
        sums = folded(rows)
        log_e = [sums.log_e_harm(0.05, 1e-6), sums.log_e_safe(0.05, 1e-6)]
        assert np.isfinite([*log_e, *sums.interval(1e-6, 1e-6)]).all()

    def test_late_categories_are_appended(self):
        sums = folded([(1, [60, 40], [50, 50]), (1, [0, 0, 9], [1, 0, 8]), (2, [5], [6])])
        assert sums.groups[1].tolist() == [[60, 40, 9], [51, 50, 8]]
        assert sums.shares()[0].shape == (3,)

    def test_no_estimate_without_both_arms(self):
        assert np.isnan(folded([(1, [10, 10], [0, 0])]).estimate())


class TestLaws:
    @pytest.mark.property
    @given(folds, st.randoms(use_true_random=False))
    def test_any_order_merges_to_the_same_bytes(self, rows, random):
        whole, shuffled = json.dumps(folded(rows).to_state()), rows.copy()
        random.shuffle(shuffled)
        merged = folded(shuffled[::2])
        merged.merge(folded(shuffled[1::2]))
        assert json.dumps(merged.to_state()) == whole
        restored = JsdSums.from_state(json.loads(whole))
        assert json.dumps(restored.to_state()) == whole
        assert float(restored.log_e_harm(0.05, 0.01)) == float(merged.log_e_harm(0.05, 0.01))

    @pytest.mark.property
    @given(folds, folds)
    def test_streams_side_by_side_are_streams_alone(self, first, second):
        pairs = [
            ((g, b, c), (b2, c2)) for (g, b, c), (_, b2, c2) in zip(first, second, strict=False)
        ]
        both = folded([(g, [b, b2], [c, c2]) for (g, b, c), (b2, c2) in pairs], (2,))
        alone = [folded([row for row, _ in pairs]), folded([(r[0], *o) for r, o in pairs])]
        for name in ("log_e_harm", "log_e_safe"):
            expected = [float(getattr(sums, name)(0.05, 0.01)) for sums in alone]
            assert getattr(both, name)(0.05, 0.01).tolist() == pytest.approx(expected, abs=1e-9)

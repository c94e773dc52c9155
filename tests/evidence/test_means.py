"""Means: exact expectations, laws of states, units, edges, CUPED."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.evidence.bounded_mean import BoundedMeanSums, BoundedMeanTest
from streams.evidence.cuped import CovariateSums, Cuped, adjusted_sums, freeze_cuped
from streams.evidence.margins import Against, Harm, MeanMargin
from streams.evidence.unbounded_mean import (
    UnboundedMeanSums,
    UnboundedMeanTest,
    ValueScale,
    freeze_scale,
)

RNG = np.random.default_rng


def margin(against=Against.ABSOLUTE, by=0.0, harm=Harm.LESS):
    return MeanMargin(harm=harm, against=against, margin=by)


BOUNDED = BoundedMeanTest(0.0, 1.0, margin())
RELATIVE = BoundedMeanTest(0.0, 10.0, margin(Against.RELATIVE, -0.1))
UNBOUNDED = UnboundedMeanTest(scale=ValueScale(cap=1e6, deviation=3.0), margin=margin())
TESTS = [BOUNDED, RELATIVE, UNBOUNDED]


def empty(test, shape=()):
    kind = BoundedMeanSums if isinstance(test, BoundedMeanTest) else UnboundedMeanSums
    return kind.zeros(test, shape)


def add(sums, values_b, values_c):
    """Fold one stratum of values."""
    arms = [np.asarray(values, float) for values in (values_b, values_c)]
    parts = [(v.sum(), (v * v).sum()) for v in arms]
    sums.fold(arms[0].size, arms[1].size, parts[0], parts[1])
    return sums


def log_e(sums, side):
    method = getattr(sums, f"log_e_{side}")
    return method() if isinstance(sums, BoundedMeanSums) else method(0.05)


def stored(sums) -> str:
    return json.dumps(sums.to_state())


strata = st.lists(
    st.tuples(*[st.lists(st.integers(0, 10), max_size=6)] * 2).map(
        lambda arms: ([v / 10 for v in arms[0]], [v / 10 for v in arms[1]])
    ),
    max_size=10,
)


class TestExactness:
    @pytest.mark.parametrize("limit", [-0.3, 0.0, 0.2])
    @pytest.mark.parametrize(("n_b", "n_c"), [(2, 2), (4, 1), (1, 4)])
    @pytest.mark.parametrize("mean_b", [0.3, 0.55, 0.8])
    def test_expectation_is_at_most_one_at_the_limit(self, limit, n_b, n_c, mean_b):
        """Two strata of zeros and ones, all outcomes enumerated: E of E <= 1 on both sides."""
        mean_c = mean_b + limit
        if not 0.0 <= mean_c <= 1.0:
            return
        test = BoundedMeanTest(0.0, 1.0, margin(by=limit))
        outcomes = np.array(list(itertools.product((0, 1), repeat=2 * (n_b + n_c))), float)
        first, second = outcomes[:, : n_b + n_c], outcomes[:, n_b + n_c :]
        sums, chance = BoundedMeanSums.zeros(test, (outcomes.shape[0],)), 1.0
        for part in (first, second):
            x_b, x_c = part[:, :n_b].sum(axis=1), part[:, n_b:].sum(axis=1)
            sums.fold(n_b, n_c, (x_b, x_b), (x_c, x_c))
            for x, n, mean in ((x_b, n_b, mean_b), (x_c, n_c, mean_c)):
                chance = chance * mean**x * (1 - mean) ** (n - x)
        for side in ("harm", "safe"):
            assert float((chance * np.exp(log_e(sums, side))).sum()) <= 1.0 + 1e-9

    @pytest.mark.parametrize("mean_b", [0.3, 0.6])
    def test_expectation_is_at_most_one_at_a_ratio(self, mean_b):
        test = BoundedMeanTest(0.0, 1.0, margin(Against.RELATIVE, 0.25))
        outcomes = np.array(list(itertools.product((0, 1), repeat=6)), float)
        x_b, x_c = outcomes[:, :4].sum(axis=1), outcomes[:, 4:].sum(axis=1)
        mean_c = 1.25 * mean_b
        chance = mean_b**x_b * (1 - mean_b) ** (4 - x_b)
        chance = chance * mean_c**x_c * (1 - mean_c) ** (2 - x_c)
        sums = BoundedMeanSums.zeros(test, (64,))
        sums.fold(4, 2, (x_b, x_b), (x_c, x_c))
        for side in ("harm", "safe"):
            assert float((chance * np.exp(log_e(sums, side))).sum()) <= 1.0 + 1e-9

    def test_a_near_start_mean_sharpens(self):
        """The first strata are centred on the guess."""
        widths = []
        for start in (None, 0.9):
            sums, rng = empty(BoundedMeanTest(0.0, 1.0, margin(), start_mean=start)), RNG(7)
            for _ in range(4):
                add(sums, rng.beta(18, 2, 25), rng.beta(18, 2, 25))
            low, high = sums.interval(0.05)
            widths.append(float(high - low))
        assert widths[1] < 0.9 * widths[0]

    def test_values_in_another_unit_say_the_same(self):
        rng = RNG(1)
        plain = BoundedMeanSums.zeros(BoundedMeanTest(0.0, 1.0, margin(by=-0.1)))
        stars = BoundedMeanSums.zeros(BoundedMeanTest(1.0, 5.0, margin(by=-0.4)))
        for _ in range(10):
            b, c = rng.random(20), rng.random(10) * 0.7
            add(plain, b, c)
            add(stars, 1 + 4 * b, 1 + 4 * c)
        assert log_e(stars, "harm") == pytest.approx(float(log_e(plain, "harm")), abs=1e-6)
        assert stars.estimate() == pytest.approx(4 * float(plain.estimate()))
        ends = [end * 4 for end in plain.interval(0.05)]
        assert [float(end) for end in stars.interval(0.05)] == pytest.approx(ends, abs=1e-6)


class TestSurface:
    @pytest.mark.parametrize("test", TESTS)
    def test_nothing_is_known_of_nothing(self, test):
        sums = add(empty(test), [], [1.0, 2.0])
        assert [float(log_e(sums, side)) for side in ("harm", "safe")] == [0.0, 0.0]
        assert np.isnan(sums.estimate())
        low, high = sums.interval(0.05)
        assert low <= 0.0
        assert high >= 1.0

    @pytest.mark.parametrize("test", TESTS)
    def test_a_constant_value_is_no_harm_and_a_number(self, test):
        sums = empty(test)
        for _ in range(100):
            add(sums, [0.5] * 10, [0.5] * 10)
        assert np.isfinite(log_e(sums, "safe"))
        assert float(log_e(sums, "harm")) <= 0.0

    @pytest.mark.parametrize("test", TESTS)
    @pytest.mark.parametrize("harm", list(Harm))
    def test_sides_of_harm(self, test, harm):
        """Less is shown as less, more as more; the interval leaves the limit aside."""
        kind = type(test)
        against = margin(test.margin.against, 0.0, harm)
        test = (
            BoundedMeanTest(test.low, test.high, against)
            if kind is BoundedMeanTest
            else UnboundedMeanTest(scale=test.scale, margin=against)
        )
        sums, rng = empty(test), RNG(2)
        for _ in range(100):
            add(sums, rng.random(10), 0.5 * rng.random(10))
        shown, hidden = ("harm", "safe") if harm is Harm.LESS else ("safe", "harm")
        assert log_e(sums, shown) > np.log(100)
        assert log_e(sums, hidden) < 0.0
        low, high = (float(end) for end in sums.interval(0.05))
        assert low < float(sums.estimate()) < high < test.margin.limit

    @pytest.mark.parametrize("by", [Against.RELATIVE, Against.ABSOLUTE])
    def test_a_tolerated_loss_is_safe(self, by):
        for test in (
            BoundedMeanTest(0.0, 1.0, margin(by, -0.2)),
            UnboundedMeanTest(scale=ValueScale(cap=1.0, deviation=0.3), margin=margin(by, -0.2)),
        ):
            sums, rng = empty(test), RNG(3)
            for _ in range(200):
                add(sums, rng.random(10), rng.random(10))
            assert log_e(sums, "safe") > np.log(20)
            assert log_e(sums, "harm") < 0.0

    def test_senseless_tests_are_refused(self):
        with pytest.raises(ValueError, match="low < high"):
            BoundedMeanTest(1.0, 1.0, margin())
        with pytest.raises(ValueError, match=">= 0"):
            BoundedMeanTest(-1.0, 1.0, margin(Against.RELATIVE, -0.1))
        with pytest.raises(ValueError, match="start_mean"):
            BoundedMeanTest(0.0, 1.0, margin(), start_mean=3.0)
        with pytest.raises(ValueError, match="above -1"):
            margin(Against.RELATIVE, -1.0)
        with pytest.raises(ValueError, match="equal values"):
            freeze_scale([3.0, 3.0])
        with pytest.raises(ValueError, match="got none"):
            freeze_scale([])


class TestLaws:
    @pytest.mark.property
    @given(strata, st.randoms(use_true_random=False))
    def test_any_order_and_partition_of_unbounded_sums_merge_to_the_same_bytes(self, rows, random):
        def folded(items):
            sums = empty(UNBOUNDED)
            for b, c in items:
                add(sums, b, c)
            return sums

        shuffled = rows.copy()
        random.shuffle(shuffled)
        merged = folded(shuffled[::2])
        merged.merge(folded(shuffled[1::2]))
        assert stored(merged) == stored(folded(rows))

    @pytest.mark.property
    @pytest.mark.parametrize("test", TESTS)
    @given(first=strata, second=strata)
    def test_a_restored_state_continues_to_the_same_bytes(self, test, first, second):
        sums = empty(test)
        for b, c in first:
            add(sums, b, c)
        restored = type(sums).from_state(test, json.loads(stored(sums)))
        for b, c in second:
            add(sums, b, c)
            add(restored, b, c)
        assert stored(restored) == stored(sums)
        assert float(log_e(restored, "harm")) == float(log_e(sums, "harm"))

    @pytest.mark.parametrize("test", TESTS)
    def test_streams_side_by_side_are_streams_alone(self, test):
        rng, alone = RNG(4), [empty(test), empty(test)]
        both = empty(test, (2,))
        for turn in range(20):
            counts = rng.integers(0, 12, (2, 2))
            x = rng.random((2, 2)) * counts
            xx = x * rng.uniform(0.8, 1.0, (2, 2))
            used = np.array([True, turn % 3 > 0])
            both.fold(counts[0], counts[1], (x[0], xx[0]), (x[1], xx[1]), used)
            for i, sums in enumerate(alone):
                sums.fold(*counts[:, i], (x[0, i], xx[0, i]), (x[1, i], xx[1, i]), used[i])
        for side in ("harm", "safe"):
            expected = [float(log_e(sums, side)) for sums in alone]
            assert log_e(both, side).tolist() == pytest.approx(expected, abs=1e-9)
        for end, *ends in zip(both.interval(0.05), *[s.interval(0.05) for s in alone], strict=True):
            assert end.tolist() == pytest.approx([float(e) for e in ends], abs=1e-9)


class TestCuped:
    def test_keeps_the_mean_and_loses_the_variance(self):
        rng = RNG(5)
        p = rng.normal(10, 3, 20_000)
        x = 2.0 * p + rng.normal(0, 1, p.size)

        def sums(x, p):
            return CovariateSums(
                n=x.size, x=x.sum(), xx=(x * x).sum(), p=p.sum(), pp=(p * p).sum(), xp=(x * p).sum()
            )

        cuped = freeze_cuped(sums(x[:5_000], p[:5_000]))
        assert cuped.theta == pytest.approx(2.0, abs=0.02)
        x, p = x[5_000:], p[5_000:]
        y = x - cuped.theta * (p - cuped.centre)
        first, second = adjusted_sums(sums(x, p), cuped)
        assert first == pytest.approx(y.sum())
        assert second == pytest.approx((y * y).sum())
        assert y.var() < 0.05 * x.var()

    def test_a_constant_covariate_changes_nothing(self):
        flat = CovariateSums(n=4, x=8, xx=20, p=12, pp=36, xp=24)
        assert freeze_cuped(flat) == Cuped(theta=0.0, centre=3.0)

    def test_needs_a_warm_up(self):
        with pytest.raises(ValueError, match="none"):
            freeze_cuped(CovariateSums(n=0, x=0, xx=0, p=0, pp=0, xp=0))

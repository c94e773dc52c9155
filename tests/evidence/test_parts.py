"""Strata, budget, fixed-point sums and the equality e-process."""

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from streams.evidence.budget import log_threshold, split
from streams.evidence.categories import EqualitySums
from streams.evidence.fixed import LIMB, LIMB_MASK, FixedSum, log_sum_exp
from streams.evidence.grids import harm_grid, non_inferiority_grid, two_sided_grid
from streams.evidence.strata import StratumSums, target_exposures
from streams.sketches.packing import unpacked_ints

terms = st.lists(st.floats(-1e12, 1e12), max_size=30)


class TestFixedSum:
    @pytest.mark.property
    @given(terms, st.randoms(use_true_random=False))
    def test_order_does_not_matter(self, values, random):
        def total(items):
            sums = FixedSum()
            for item in items:
                sums.add(np.float64(item))
            return sums

        shuffled = values.copy()
        random.shuffle(shuffled)
        merged = total(shuffled[::2])
        merged.merge(total(shuffled[1::2]))
        assert merged.to_state() == total(values).to_state()
        assert float(merged.value()) == pytest.approx(math.fsum(values), rel=1e-15, abs=1e-10)

    @pytest.mark.property
    @given(st.lists(st.tuples(st.integers(-(2**62), 2**62), st.integers(0, LIMB_MASK)), max_size=4))
    def test_any_state_returns(self, limbs):
        """Sums that one int64 holds, and those that need both limbs."""
        sums = FixedSum((len(limbs),))
        for place, (high, low) in enumerate(limbs):
            sums.high[place], sums.low[place] = high, low
        again = FixedSum.from_state(json.loads(json.dumps(sums.to_state())))
        assert list(zip(again.high.tolist(), again.low.tolist(), strict=True)) == limbs

    def test_keeps_small_differences_beside_large_sums(self):
        """Between two sums of 10^10 the difference is exact to the unit."""
        sums = FixedSum((2,))
        sums.add(np.array([1e10, 1e10]))
        sums.add(np.array([2.0**-40, -LIMB]))
        assert sums.between(slice(0, 1), 1).tolist() == [LIMB + 2.0**-40]

    def test_steps_are_the_differences_between(self):
        sums = FixedSum((2, 9))
        sums.add(np.random.default_rng(1).normal(0, 1e7, (2, 9)))
        places, steps = range(2, 6), (-2, 1, 3)
        between = [
            [sums.between(slice(at + by, at + by + 1), at)[..., 0] for by in steps] for at in places
        ]
        moved = sums.moved(slice(places.start, places.stop), steps)
        assert moved.tolist() == np.moveaxis(between, -1, 0).tolist()

    def test_small_negative_sums_keep_their_digits(self):
        sums = FixedSum((2,))
        sums.add(np.array([-3 * 2.0**-40, 0.0]))
        assert sums.value().tolist() == [-3 * 2.0**-40, 0.0]
        assert sums.between(slice(1, 2), 0).tolist() == [3 * 2.0**-40]
        assert sums.touched().tolist() == [True, False]

    def test_log_sum_exp_is_defined_everywhere(self):
        values = np.array([[-np.inf, -np.inf], [1e6, 1e6], [0.0, -1e9]])
        assert log_sum_exp(values).tolist() == [-np.inf, pytest.approx(1e6 + np.log(2)), 0.0]


class TestGrids:
    @pytest.mark.parametrize(
        "grid", [harm_grid(), non_inferiority_grid(0.25), non_inferiority_grid(0), two_sided_grid()]
    )
    def test_weights_sum_to_one(self, grid):
        assert np.exp(grid.log_weight).sum() == pytest.approx(1.0, rel=1e-14)

    def test_non_inferiority_scales_with_the_margin(self):
        for margin in (-0.02, 0.05, 0.25):
            span = -non_inferiority_grid(margin).log_psi / abs(math.log1p(margin))
            assert (span[0], span[-1]) == (pytest.approx(0.4), pytest.approx(4.0))


class TestStrata:
    def test_target_by_weight(self):
        assert [target_exposures(bp) for bp in (1, 1_999, 2_000, 10_000)] == [50, 50, 20, 20]

    def test_closing_looks_at_exposures_only(self):
        quiet, noisy = StratumSums.zeros(columns=2), StratumSums.zeros(columns=2)
        quiet.add([[10, 0], [9, 0]])
        noisy.add([[10, 10], [9, 9]])
        assert [bool(s.closes(5_000)) for s in (quiet, noisy)] == [False, False]

    @pytest.mark.property
    @given(st.lists(st.integers(0, 30), min_size=1, max_size=20))
    def test_nothing_is_lost_between_strata(self, exposures):
        stratum, taken = StratumSums.zeros(columns=1, shape=(2,)), np.zeros((2, 2, 1), np.int64)
        for count in exposures:
            stratum.add([[[count], [1]], [[1], [0]]])
            taken += stratum.take(stratum.closes(5_000))
        restored = StratumSums.from_state(json.loads(json.dumps(stratum.to_state())))
        assert restored.to_state() == stratum.to_state()
        total = taken + restored.take()
        assert total[0].tolist() == [[sum(exposures)], [len(exposures)]]
        assert total[1].tolist() == [[len(exposures)], [0]]


class TestBudget:
    @pytest.mark.property
    @given(st.dictionaries(st.text(), st.floats(0.01, 100), min_size=1), st.floats(1e-6, 0.4))
    def test_shares_sum_to_alpha(self, weights, alpha):
        shares = split(alpha, weights)
        assert math.fsum(shares.values()) == pytest.approx(alpha, rel=1e-12)
        assert shares.keys() == weights.keys()

    @pytest.mark.parametrize(("alpha", "weight"), [(0.0, 1.0), (1.0, 1.0), (0.1, 0.0)])
    def test_senseless_budgets_are_refused(self, alpha, weight):
        with pytest.raises(ValueError, match=r"alpha|weights"):
            split(alpha, {"errors": weight})

    def test_threshold(self):
        assert log_threshold(0.001) == pytest.approx(math.log(1_000))


class TestEquality:
    @pytest.mark.parametrize("totals", [(3, 2, 1), (5, 0, 1)])
    def test_expectation_is_one_under_equality(self, totals):
        """Given the categories' totals, E averages to exactly 1 over who got which event."""
        share, mean = 8 / (8 + 24), 0.0
        for c in itertools.product(*(range(total + 1) for total in totals)):
            sums = EqualitySums.zeros(categories=3)
            folded_with_share(sums, totals, c, share)
            chance = np.prod(binom.pmf(c, totals, share))
            mean += chance * float(np.exp(sums.log_e()))
        assert mean == pytest.approx(1.0, rel=1e-9)

    def test_finds_a_rare_class_that_doubles(self):
        """One in fifty classes goes from 1 % to 3 %; nothing else moves."""
        baseline = np.array([10, *[990 // 49] * 49])
        candidate = np.array([30, *[970 // 49] * 49])
        sums, same = EqualitySums.zeros(categories=50), EqualitySums.zeros(categories=50)
        for _ in range(20):
            sums.fold(baseline, candidate)
            same.fold(baseline, baseline)
        assert float(sums.log_e()) > math.log(1 / 0.001) > 0 > float(same.log_e())

    @pytest.mark.property
    @given(st.lists(st.tuples(*[st.lists(st.integers(0, 50), min_size=3, max_size=3)] * 2)))
    def test_order_does_not_matter_and_states_return(self, rows):
        forth, back = EqualitySums.zeros(categories=3), EqualitySums.zeros(categories=3)
        for row in rows:
            forth.fold(*row)
        for row in reversed(rows[1:]):
            back.fold(*row)
        first = EqualitySums.zeros(categories=3)
        for row in rows[:1]:
            first.fold(*row)
        back.merge(first)
        stored = json.dumps(forth.to_state())
        assert json.dumps(back.to_state()) == stored
        restored = EqualitySums.from_state(json.loads(stored))
        assert json.dumps(restored.to_state()) == stored
        assert restored.log_e() == forth.log_e()

    def test_one_stratum_for_all_streams(self):
        """Counts without the streams' shape are each stream's."""
        both, one = EqualitySums.zeros(categories=3, shape=(2,)), EqualitySums.zeros(categories=3)
        for sums in (both, one):
            sums.fold([60, 30, 10], [30, 30, 40])
        assert both.log_e().tolist() == [float(one.log_e())] * 2

    def test_stores_only_the_categories_that_were_seen(self):
        """Two streams, sixty categories, one of them seen in each: two are stored and return."""
        sums = EqualitySums.zeros(categories=60, shape=(2,))
        counts = np.zeros((2, 60), np.int64)
        counts[0, 3], counts[1, 59] = 7, 9
        sums.fold(counts, 2 * counts)
        state = json.loads(json.dumps(sums.to_state()))
        assert unpacked_ints(state["kept"]).tolist() == [3, 60 + 59]
        restored = EqualitySums.from_state(state)
        assert restored.to_state() == state
        assert np.array_equal(restored.log_e(), sums.log_e())

    def test_categories_without_events_are_as_if_they_were_summed_up(self):
        """Streams of sixty categories, of which each has seen some: the same bits either way."""
        rng = np.random.default_rng(1)
        sums, grid = EqualitySums.zeros(categories=60, shape=(3, 2)), two_sided_grid()
        for _ in range(5):
            sums.fold(*rng.poisson(rng.choice([0.0, 4.0], (2, 3, 2, 60), p=[0.7, 0.3])))
        log_ratio = sums.x_c[..., None] * grid.log_psi - sums.log_d.value()
        log_e = log_sum_exp(grid.log_weight + log_ratio)
        damped = np.logaddexp(np.log1p(-1.0 / 60), log_e - np.log(60))
        assert sums.log_e().tolist() == damped.sum(axis=-1).tolist()

    def test_a_single_category_says_nothing(self):
        sums = EqualitySums.zeros(categories=1)
        sums.fold([10**6], [10])
        assert float(sums.log_e()) <= 0.0


def folded_with_share(sums, totals, candidate, share):
    """Fold one stratum as if its exposures, not its events, set the realised share."""
    totals, candidate = np.array(totals), np.array(candidate)
    grid = two_sided_grid()
    sums.x_c += candidate
    sums.log_d.add(totals[:, None] * np.log1p(share * np.expm1(grid.log_psi)))

"""Rate ratios: the formula, exact expectations, merge laws and edges."""

import itertools
import json
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from streams.evidence.floors import harm_above_both, safe_below_either
from streams.evidence.one_arm import OneArmSums, OneArmTest
from streams.evidence.rates import RatioSums, RatioTest
from streams.evidence.two_sample import TwoSampleSums, TwoSampleTest

TEST = RatioTest(margin=0.25)
EVEN = TwoSampleTest(margin=0.0, start_rate=0.5)


@st.composite
def strata(draw: st.DrawFn) -> tuple[int, int, int, int]:
    n_b, n_c = draw(st.integers(0, 200)), draw(st.integers(0, 200))
    return n_b, n_c, draw(st.integers(0, n_b)), draw(st.integers(0, n_c))


def folded(rows, test=TEST):
    sums = (RatioSums if isinstance(test, RatioTest) else TwoSampleSums).zeros(test)
    for row in rows:
        sums.fold(*row)
    return sums


def stored(sums) -> str:
    return json.dumps(sums.to_state())


class TestFormula:
    def test_is_the_mixture_of_likelihood_ratios(self):
        """Log e-values equal the definition, stratum by stratum, to 1e-9."""
        rng, margin = np.random.default_rng(7), 0.25
        psi = {"harm": np.geomspace(1.2, 20, 20)}
        psi["safe"] = np.exp(-np.geomspace(0.4, 4, 12) * np.log1p(margin))
        weight = {"harm": psi["harm"] ** -0.5, "safe": np.ones(12)}
        sums, log_e = RatioSums.zeros(TEST), {side: np.zeros(psi[side].size) for side in psi}
        for _ in range(300):
            n_b, n_c = rng.integers(1, 90, 2)
            x_b, x_c = rng.binomial(n_b, 0.04), rng.binomial(n_c, 0.06)
            sums.fold(n_b, n_c, x_b, x_c)
            rho = n_c / (n_b + n_c)
            r = rho * (1 + margin) / (rho * (1 + margin) + 1 - rho)
            for side, points in psi.items():
                log_e[side] += x_c * np.log(points) - (x_b + x_c) * np.log(1 - r + r * points)
        for side, found in (("harm", sums.log_e_harm()), ("safe", sums.log_e_safe())):
            w = weight[side] / weight[side].sum()
            assert float(found) == pytest.approx(np.log((w * np.exp(log_e[side])).sum()), abs=1e-9)

    @pytest.mark.parametrize("margin", [-0.02, 0.0, 0.05, 0.25, 1.0])
    @pytest.mark.parametrize(("n_b", "n_c", "events"), [(25, 25, 4), (95, 5, 9), (999, 1, 3)])
    def test_expectation_is_one_at_the_limit(self, margin, n_b, n_c, events):
        """Given the events of a stratum, E averages to exactly 1 at RR = 1 + margin."""
        rho = n_c / (n_b + n_c)
        share = rho * (1 + margin) / (rho * (1 + margin) + 1 - rho)
        mean = {"harm": 0.0, "safe": 0.0}
        for x_c in range(events + 1):
            sums = folded([(n_b, n_c, events - x_c, x_c)], RatioTest(margin=margin))
            chance = binom.pmf(x_c, events, share)
            mean["harm"] += chance * float(np.exp(sums.log_e_harm()))
            mean["safe"] += chance * float(np.exp(sums.log_e_safe()))
        assert mean == pytest.approx({"harm": 1.0, "safe": 1.0}, rel=1e-9)

    def test_mantel_haenszel_estimate(self):
        rows = [(100, 10, 5, 1), (50, 50, 2, 4)]
        above, below = 1 * 100 / 110 + 4 * 50 / 100, 5 * 10 / 110 + 2 * 50 / 100
        assert float(folded(rows).estimate()) == pytest.approx(above / below, rel=1e-9)


class TestInterval:
    def test_holds_the_estimate_and_narrows(self):
        widths = []
        for times in (1, 10, 100):
            sums = folded([(50, 50, 3, 4)] * times)
            low, high = (float(end) for end in sums.interval(0.05))
            assert low <= float(sums.estimate()) <= high
            widths.append(high - low if np.isfinite(high) else np.inf)
        assert widths == sorted(widths, reverse=True)

    def test_knows_nothing_of_nothing(self):
        assert [float(end) for end in folded([]).interval(0.05)] == [0.0, np.inf]
        assert np.isnan(folded([]).estimate())

    def test_needs_its_lattice(self):
        with pytest.raises(ValueError, match="resolution"):
            RatioSums.zeros(RatioTest(margin=0.0, resolution=None)).interval(0.05)

    @pytest.mark.property
    @given(st.lists(strata(), max_size=20), st.floats(0.001, 0.2))
    def test_smaller_alpha_is_never_narrower(self, rows, alpha):
        sums = folded(rows)
        narrow, wide = sums.interval(alpha), sums.interval(alpha / 10)
        assert wide[0] <= narrow[0]
        assert wide[1] >= narrow[1]


class TestLaws:
    @pytest.mark.property
    @given(st.lists(strata(), max_size=25), st.randoms(use_true_random=False), st.integers(1, 4))
    def test_any_order_and_partition_merge_to_the_same_bytes(self, rows, random, parts):
        whole, shuffled = stored(folded(rows)), rows.copy()
        random.shuffle(shuffled)
        pieces = [folded(shuffled[part::parts]) for part in range(parts)]
        merged = folded([])
        for piece in pieces:
            merged.merge(piece)
        assert stored(merged) == whole

    @pytest.mark.property
    @pytest.mark.parametrize("test", [TEST, EVEN])
    @given(first=st.lists(strata(), max_size=8), second=st.lists(strata(), max_size=8))
    def test_a_restored_state_continues_to_the_same_bytes(self, test, first, second):
        sums = folded(first, test)
        restored = type(sums).from_state(test, json.loads(stored(sums)))
        for row in second:
            sums.fold(*row)
            restored.fold(*row)
        assert stored(restored) == stored(sums)
        assert restored.log_e_harm() == sums.log_e_harm()

    @pytest.mark.property
    @pytest.mark.parametrize("test", [TEST, EVEN])
    @given(rows=st.lists(st.tuples(strata(), strata(), st.booleans()), max_size=8))
    def test_streams_side_by_side_are_streams_alone(self, test, rows):
        """A vectorised state holds what scalar states hold; the mask leaves others alone."""
        alone = [folded([], test), folded([], test)]
        both = type(alone[0]).zeros(test, (2,))
        for left, right, used in rows:
            both.fold(*np.array([left, right]).T, mask=np.array([True, used]))
            alone[0].fold(*left)
            alone[1].fold(*right, mask=used)
        for name in ("log_e_harm", "log_e_safe", "estimate"):
            expected = [float(getattr(sums, name)()) for sums in alone]
            assert getattr(both, name)().tolist() == pytest.approx(expected, nan_ok=True, abs=1e-9)

    @pytest.mark.property
    @given(st.lists(strata(), min_size=1, max_size=20), strata())
    def test_more_candidate_events_are_never_less_harm(self, rows, row):
        n_b, n_c, x_b, x_c = row
        if not x_b or x_c == n_c:
            return
        better, worse = folded([*rows, row]), folded([*rows, (n_b, n_c, x_b - 1, x_c + 1)])
        assert worse.log_e_harm() >= better.log_e_harm() - 1e-9
        assert worse.log_e_safe() <= better.log_e_safe() + 1e-9


class TestEdges:
    @pytest.mark.parametrize("test", [TEST, EVEN])
    def test_one_empty_arm_changes_nothing(self, test):
        assert stored(folded([(100, 0, 7, 0), (0, 100, 0, 9)], test)) == stored(folded([], test))

    @pytest.mark.parametrize("test", [RatioTest(0.0), RatioTest(1.0), TEST, EVEN])
    def test_extremes_give_numbers(self, test):
        """10^9 events, one basis point, everything failing: no NaN, no overflow, no warning."""
        big = 10**9
        rows = [(big, big, big, big), (9_999, 1, 0, 1), (1, 1, 1, 1), (big, 1, 5, 1), (7, 7, 0, 0)]
        for count in range(1, len(rows) + 1):
            sums = folded(rows[:count], test)
            values = [sums.log_e_harm(), sums.log_e_safe(), *sums.interval(1e-6)]
            assert not np.isnan(values).any()

    def test_margins_below_minus_one_are_refused(self):
        with pytest.raises(ValueError, match="margin"):
            RatioTest(margin=-1.0)


class TestTwoSample:
    @pytest.mark.parametrize(
        ("margin", "p_b", "p_c"),
        [
            (0.0, 0.5, 0.5),
            (0.0, 0.05, 0.05),
            (0.25, 0.4, 0.5),
            (0.25, 0.1, 0.125),
            (0.1, 0.7, 0.77),
        ],
    )
    @pytest.mark.parametrize("guess", [0.02, 0.5, 0.9])
    @pytest.mark.parametrize(("n_b", "n_c"), [(12, 12), (20, 3)])
    def test_expectation_is_at_most_one_at_the_limit(self, margin, p_b, p_c, guess, n_b, n_c):
        """Summed over every outcome of a stratum, whatever rate was guessed beforehand."""
        test, outcomes = TwoSampleTest(margin=margin, start_rate=guess), []
        for x_b, x_c in itertools.product(range(n_b + 1), range(n_c + 1)):
            outcomes.append((x_b, x_c))
        x_b, x_c = np.array(outcomes).T
        sums = TwoSampleSums.zeros(test, (x_b.size,))
        sums.fold(n_b, n_c, x_b, x_c)
        chance = binom.pmf(x_b, n_b, p_b) * binom.pmf(x_c, n_c, p_c)
        assert (chance * np.exp(sums.log_e_harm())).sum() <= 1 + 1e-9
        assert (chance * np.exp(sums.log_e_safe())).sum() <= 1 + 1e-9

    def test_is_sharper_than_the_conditional_form_at_a_half(self):
        rows = [(25, 25, 12, 17)] * 20
        conditional = folded(rows, RatioTest(margin=0.0))
        assert folded(rows, EVEN).log_e_harm() > 2 * conditional.log_e_harm() > 0


class TestOneArm:
    @pytest.mark.parametrize("limit", [0.001, 0.005, 0.2, 0.9])
    def test_expectation_is_at_most_one_within_the_limit(self, limit):
        x = np.arange(41)
        sums = OneArmSums.zeros(OneArmTest(limit=limit), (41,))
        sums.fold(40, x)
        for p in (limit, limit / 3):
            assert (binom.pmf(x, 40, p) * np.exp(sums.log_e_harm())).sum() <= 1 + 1e-9
        for p in (limit, (1 + limit) / 2):
            assert (binom.pmf(x, 40, p) * np.exp(sums.log_e_safe())).sum() <= 1 + 1e-9

    def test_interval_is_where_the_tests_turn(self):
        sums = OneArmSums.zeros(OneArmTest(limit=0.005))
        sums.fold(2_000, 30)
        low, high = (float(end) for end in sums.interval(0.05))
        assert 0.005 < low < 0.015 < high < 0.05
        assert sums.log_e_harm() > np.log(2 / 0.05)

    def test_knows_nothing_of_nothing(self):
        sums = OneArmSums.zeros(OneArmTest(limit=0.005))
        assert [float(end) for end in sums.interval(0.05)] == [0.0, 1.0]
        assert float(sums.log_e_harm()) == pytest.approx(0.0, abs=1e-12)

    @pytest.mark.property
    @given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), max_size=9))
    def test_state_is_the_sum_and_returns(self, rows):
        sums, test = OneArmSums.zeros(OneArmTest(0.01)), OneArmTest(0.01)
        for n, x in rows:
            sums.fold(n + x, x)
        assert sums.to_state() == {"n": sum(n + x for n, x in rows), "x": sum(x for _, x in rows)}
        assert OneArmSums.from_state(test, json.loads(stored(sums))).to_state() == sums.to_state()

    @pytest.mark.parametrize("limit", [0.0, 1.0, -0.1])
    def test_a_limit_is_a_rate(self, limit):
        with pytest.raises(ValueError, match="limit"):
            OneArmTest(limit=limit)


class TestFloors:
    def test_harm_needs_both_and_safety_either(self):
        assert float(harm_above_both(9.0, 2.0)) == 2.0
        assert float(safe_below_either(9.0, -300.0)) == pytest.approx(9.0 - np.log(2))


class TestOneParameterForEachStream:
    """Metrics side by side, each with a margin of its own, are what they are alone."""

    MARGINS = (0.25, 0.0, 1.0)
    STRATA = ((30, 20, 3, 4), (0, 9, 0, 1), (400, 100, 11, 0), (25, 25, 25, 25))

    def test_ratios(self) -> None:
        together = RatioSums.zeros(RatioTest(margin=self.MARGINS), (2, 3))
        alone = [RatioSums.zeros(RatioTest(margin=margin)) for margin in self.MARGINS]
        for stratum in self.STRATA:
            together.fold(*stratum, [[True], [False]])
            for sums in alone:
                sums.fold(*stratum)
        self.agree(together, alone)
        assert not together.n_c[1].any()

    def test_frequent_events(self) -> None:
        rates = (0.1, 0.5, 0.05)
        together = TwoSampleSums.zeros(TwoSampleTest(self.MARGINS, start_rate=rates), (2, 3))
        alone = [
            TwoSampleSums.zeros(TwoSampleTest(margin, start_rate=rate))
            for margin, rate in zip(self.MARGINS, rates, strict=True)
        ]
        for stratum in self.STRATA:
            together.fold(*stratum, [[True], [False]])
            for sums in alone:
                sums.fold(*stratum)
        self.agree(together, alone)

    def agree(
        self, together: RatioSums | TwoSampleSums, alone: Sequence[RatioSums | TwoSampleSums]
    ) -> None:
        low, high = together.interval(0.05, np.full((2, 3), 1.5))
        for place, sums in enumerate(alone):
            assert together.log_e_harm()[0, place] == pytest.approx(float(sums.log_e_harm()))
            assert together.log_e_safe()[0, place] == pytest.approx(float(sums.log_e_safe()))
            assert (low[0, place], high[0, place]) == sums.interval(0.05, 1.5)

    def test_limits(self) -> None:
        together = OneArmSums.zeros(OneArmTest(limit=(0.01, 0.5)), (2,))
        together.fold(100, 7)
        for place, limit in enumerate((0.01, 0.5)):
            sums = OneArmSums.zeros(OneArmTest(limit=limit))
            sums.fold(100, 7)
            assert together.log_e_harm()[place] == pytest.approx(float(sums.log_e_harm()))

"""Late onset: the formula, agreement with the plain test, laws, and how soon it finds."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.evidence.fixed import log_sum_exp
from streams.evidence.grids import harm_grid
from streams.evidence.one_arm import OneArmSums, OneArmTest
from streams.evidence.onset import (
    LateOnset,
    one_arm_log_factor,
    rate_ratio_log_factor,
    start_block,
)
from streams.evidence.rates import RatioSums, RatioTest
from tests.evidence.simulate import band, crossed

TEST = RatioTest(margin=0.25, resolution=None)
PLAIN = RatioTest(margin=0.0, resolution=None)
strata = st.lists(
    st.tuples(*[st.integers(0, 30)] * 2, *[st.floats(0, 1)] * 2, st.integers(0, 3)).map(
        lambda row: (row[0], row[1], int(row[2] * row[0]), int(row[3] * row[1]), row[4])
    ),
    max_size=15,
)


def folded(rows, onset=None, block=1):
    onset = onset or LateOnset.zeros(TEST.harm)
    for *counts, later in rows:
        block += later
        onset.fold(rate_ratio_log_factor(TEST, *counts), block)
    return onset


class TestFormula:
    @pytest.mark.parametrize("margin", [0.0, 0.25])
    def test_factors_are_those_of_the_plain_tests(self, margin):
        test, rng = RatioTest(margin=margin, resolution=None), np.random.default_rng(1)
        sums, total = RatioSums.zeros(test), np.zeros(20)
        one, one_total = OneArmSums.zeros(OneArmTest(0.02)), np.zeros(20)
        for _ in range(50):
            n_b, n_c = rng.integers(0, 60, 2)
            x_b, x_c = rng.binomial(n_b, 0.1), rng.binomial(n_c, 0.2)
            sums.fold(n_b, n_c, x_b, x_c)
            total += rate_ratio_log_factor(test, n_b, n_c, x_b, x_c)
            one.fold(n_c, x_c)
            one_total += one_arm_log_factor(one.test, n_c, x_c)
        weight = harm_grid().log_weight
        assert float(log_sum_exp(weight + total)) == pytest.approx(float(sums.log_e_harm()))
        assert float(log_sum_exp(weight + one_total)) == pytest.approx(float(one.log_e_harm()))

    @pytest.mark.property
    @given(strata)
    def test_is_the_mixture_over_start_blocks(self, rows):
        """The sum over starts j of v_j times the plain e-value from block j on."""
        blocks = np.cumsum([row[4] for row in rows], dtype=int) + 1
        last, mean = int(blocks[-1]) if rows else 0, 0.0
        factors = [rate_ratio_log_factor(TEST, *row[:4]) for row in rows]
        for j in range(1, last + 1):
            total = sum((f for f, b in zip(factors, blocks, strict=True) if b >= j), np.zeros(20))
            mean += np.exp(float(log_sum_exp(TEST.harm.log_weight + total))) / (j * (j + 1))
        found = float(folded(rows).log_e_harm())
        assert found == pytest.approx(np.log(mean + 1 / (last + 1)), abs=1e-9)

    def test_nothing_is_known_of_nothing(self):
        assert float(LateOnset.zeros(TEST.harm).log_e_harm()) == 0.0

    def test_blocks_of_five_minutes(self):
        assert start_block([0, 299.9, 300, 3_600]).tolist() == [1, 1, 2, 13]


class TestLaws:
    @pytest.mark.property
    @given(strata, strata)
    def test_a_restored_state_continues_to_the_same_bytes(self, first, second):
        onset = folded(first)
        state = json.loads(json.dumps(onset.to_state(), allow_nan=False))
        restored = LateOnset.from_state(TEST.harm, state)
        block = max(int(onset.block), 1)
        both = [folded(second, sums, block).to_state() for sums in (onset, restored)]
        assert both[0] == both[1]

    def test_masked_streams_stay(self):
        onset = LateOnset.zeros(TEST.harm, (2,))
        factor = rate_ratio_log_factor(TEST, [50, 50], [50, 50], [1, 1], [9, 9])
        onset.fold(factor, 1)
        before = onset.log_e_harm()
        onset.fold(factor, 3, mask=[True, False])
        assert onset.log_e_harm()[1] == before[1]
        assert onset.log_e_harm()[0] > before[0]
        assert onset.block.tolist() == [3, 1]
        state = json.loads(json.dumps(onset.to_state()))
        assert LateOnset.from_state(TEST.harm, state).to_state() == onset.to_state()

    def test_time_runs_forward(self):
        onset = folded([(9, 9, 1, 1, 4)])
        with pytest.raises(ValueError, match="in order of time"):
            onset.fold(np.zeros(20), 1)


def watch(seed, *, ratio, onset_s, seconds, streams, rps=20.0, rate=0.05):
    """Seconds from the onset to harm at .01, late-onset and plain; and highest log e-values."""
    rng = np.random.default_rng(seed)
    late, plain = LateOnset.zeros(PLAIN.harm, (streams,)), np.zeros((streams, 20))
    highest, found = np.zeros((2, streams)), np.full((2, streams), np.inf)
    for second in range(seconds):
        n = rng.poisson(rps, (2, streams))
        x_b = rng.binomial(n[0], rate)
        x_c = rng.binomial(n[1], rate * (ratio if second >= onset_s else 1.0))
        factor = rate_ratio_log_factor(PLAIN, n[0], n[1], x_b, x_c)
        late.fold(factor, start_block(second))
        plain += factor
        looks = [late.log_e_harm(), log_sum_exp(PLAIN.harm.log_weight + plain)]
        for i, log_e in enumerate(looks):
            np.maximum(highest[i], log_e, out=highest[i])
            new = (log_e >= np.log(100)) & np.isinf(found[i])
            found[i] = np.where(new, second + 1 - onset_s, found[i])
    return found, highest


@pytest.mark.statistics
class TestDelay:
    def test_onset_after_an_hour(self):
        """RR 2 at 5 %, 20 rps an arm: about a minute, where the plain test needs seven."""
        found, _ = watch(1, ratio=2.0, onset_s=3_600, seconds=4_300, streams=100)
        late, plain = np.median(found, axis=1)
        assert late <= 75
        assert plain >= 350

    def test_cost_at_an_immediate_onset(self):
        """RR 1.4, at once: at most a fifth more than the plain test (160 -> 180 s)."""
        found, _ = watch(2, ratio=1.4, onset_s=0, seconds=700, streams=500)
        late, plain = np.median(found, axis=1)
        assert late <= 1.2 * plain
        assert 130 <= plain <= 190

    def test_no_false_alarms(self):
        streams = 1_000
        _, highest = watch(3, ratio=1.0, onset_s=0, seconds=1_500, streams=streams, rps=10.0)
        assert crossed(highest[0], 0.05) <= band(0.05, streams)
        assert crossed(highest[0], 0.01) <= band(0.01, streams)

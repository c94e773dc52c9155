"""McNemar's test at any time: the formula, what cancels, and error rates under constant looks."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

from streams.evidence.paired import BETS, PairedSums, PairedTest, paired_log_factor

STREAMS, LOOKS, PAIRS = 1_000, 150, 50
Rates = tuple[float, float, float]
"""Only the candidate fails, only the baseline, both."""


def sums(only_c: int, only_b: int, both: int, margin: float = 0.0) -> PairedSums:
    found = PairedSums.zeros(PairedTest(margin))
    found.fold(10_000, only_c, only_b, both)
    return found


def crossings(
    rates: Rates, margin: float, alpha: float, shock: Callable[[int], float] = lambda _: 1.0
) -> tuple[float, float]:
    """Shares of streams in which harm, and safety, are shown at any of the looks."""
    dice = np.random.default_rng(7)
    found = PairedSums.zeros(PairedTest(margin), (STREAMS,))
    peaks = np.zeros((2, STREAMS))
    for look in range(LOOKS):
        p = [rate * shock(look) for rate in rates]
        counts = dice.multinomial(PAIRS, [*p, 1 - sum_of(p)], size=STREAMS)
        found.fold(PAIRS, *counts.T[:3])
        peaks = np.maximum(peaks, [found.log_e_harm(), found.log_e_safe()])
    harm, safe = (peaks >= np.log(1 / alpha)).mean(axis=1)
    return float(harm), float(safe)


def sum_of(values: list[float]) -> float:
    return float(np.sum(values))


class TestFormula:
    def test_without_a_margin_it_is_mcnemar(self) -> None:
        """The likelihood ratio of a coin that shows the candidate with (1 + bet) / 2."""
        c, b = 12, 5
        coin = (1 + BETS.psi) / 2
        expected = c * np.log(2 * coin) + b * np.log(2 * (1 - coin))
        assert paired_log_factor(1.0, c, b, 999).tolist() == pytest.approx(expected.tolist())

    @pytest.mark.parametrize(
        ("ratio", "both"),
        [
            (0.5, 0.0),
            (0.5, 0.02),
            (1.0, 0.0),
            (1.0, 0.02),
            (1.25, 0.0),
            (1.25, 0.02),
            (3.0, 0.0),
            (3.0, 0.02),
        ],
    )
    def test_expects_one_at_the_limit(self, ratio: float, both: float) -> None:
        """Whatever both share, a bet wins nothing on average where the rates are at the limit."""
        only_b = 0.03
        only_c = ratio * (only_b + both) - both
        assert only_c >= 0
        e = [np.exp(paired_log_factor(ratio, *at)) for at in ((1, 0, 0), (0, 1, 0), (0, 0, 1))]
        mean = only_c * e[0] + only_b * e[1] + both * e[2] + (1 - only_c - only_b - both)
        assert mean.tolist() == pytest.approx([1.0] * mean.size, abs=1e-12)

    def test_sides(self) -> None:
        """More failures of the candidate alone are harm, fewer are safe, equal ones neither."""
        assert sums(60, 20, 10).log_e_harm() > np.log(100) > 0 > sums(60, 20, 10).log_e_safe()
        assert sums(20, 60, 10).log_e_safe() > np.log(100) > 0 > sums(20, 60, 10).log_e_harm()

    def test_interval_is_where_the_tests_turn(self) -> None:
        """At its ends one of the one-sided tests reaches 2 / alpha."""
        low, high = (float(end) for end in sums(60, 20, 10).interval(0.05))
        assert low < 70 / 30 < high
        at_low, at_high = (sums(60, 20, 10, margin=end - 1) for end in (low, high))
        assert float(at_low.log_e_harm()) == pytest.approx(np.log(40), abs=1e-6)
        assert float(at_high.log_e_safe()) == pytest.approx(np.log(40), abs=1e-6)

    def test_nothing_seen(self) -> None:
        """No evidence, no estimate, no bounds."""
        nothing = PairedSums.zeros(PairedTest(0.0))
        assert (float(nothing.log_e_harm()), float(nothing.log_e_safe())) == pytest.approx((0, 0))
        assert np.isnan(nothing.estimate())
        assert nothing.interval(0.05) == (0.0, np.inf)

    def test_any_grouping_is_the_same_state(self) -> None:
        """Sums of integers; through JSON they come back."""
        parts = PairedSums.zeros(PairedTest(0.0))
        for counts in ((1, 2, 3), (4, 5, 6), (55, 13, 1)):
            parts.fold(10_000 // 4, *counts)
        parts.fold(10_000 - 3 * (10_000 // 4), 0, 0, 0)
        whole = sums(60, 20, 10)
        assert parts.to_state() == whole.to_state()
        again = PairedSums.from_state(whole.test, json.loads(json.dumps(whole.to_state())))
        assert again.to_state() == whole.to_state()

    def test_a_margin_below_all(self) -> None:
        with pytest.raises(ValueError, match="above -1"):
            PairedTest(-1.0)


@pytest.mark.statistics
class TestErrorRates:
    """Looked at 150 times; tolerance of 1 000 streams: alpha + 2.33 sqrt(alpha (1 - alpha) / n)."""

    ALPHA = 0.05
    MOST = ALPHA + 2.33 * (ALPHA * (1 - ALPHA) / STREAMS) ** 0.5

    @pytest.mark.parametrize(
        ("rates", "margin"),
        [((0.01, 0.01, 0.02), 0.0), ((0.0175, 0.01, 0.02), 0.25), ((0.02, 0.02, 0.0), 0.0)],
    )
    def test_at_the_limit(self, rates: Rates, margin: float) -> None:
        """Neither harm nor safety is shown wrongly where the rates are exactly at the limit."""
        assert max(crossings(rates, margin, self.ALPHA)) <= self.MOST

    def test_common_shocks_cancel(self) -> None:
        """Outages of twenty times the failures that hit both arms, every twenty looks."""
        outages = crossings((0.005, 0.005, 0.01), 0.0, self.ALPHA, lambda t: 1 + 19 * (t // 20 % 2))
        assert max(outages) <= self.MOST

    def test_finds_harm(self) -> None:
        """1 % to 3 %, on 7 500 pairs at the level of a rollback."""
        harm, _ = crossings((0.03, 0.01, 0.0), 0.25, 0.01)
        assert harm >= 0.99

    def test_shows_safety_from_shared_failures(self) -> None:
        """What fails on both sides speaks for the candidate: a margin of 25 % on 7 500 pairs."""
        _, safe = crossings((0.001, 0.001, 0.02), 0.25, 0.05)
        assert safe >= 0.99

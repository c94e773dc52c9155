"""Does the candidate fail, dawdle or differ on the very requests that the baseline answered?

Counts of pairs, which shadow mode has: McNemar's test for failures, the sign test for latency
(whether more than half of the pairs are slower by more than the margin), one arm's share against a
limit for answers that differ. What hits both answers of a request cancels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from streams.evidence.fixed import Floats
from streams.evidence.onset import LateOnset, start_block
from streams.evidence.paired import BETS, PairedSums, PairedTest, paired_log_factor
from streams.evidence.quantile import margin_buckets, quantile_bounds
from streams.figures import finite
from streams.judge.monitors.evidence import (
    Claims,
    Closed,
    Counts,
    Evidence,
    Gauge,
    Reader,
    Tally,
)
from streams.judge.monitors.grids import by_claim, tallies
from streams.judge.monitors.late import EARLY
from streams.judge.monitors.rates import Floors, SuccessEvidence
from streams.sketches.cell import Cell
from streams.sketches.pairs import ONE, PairCounts, RatioHistogram
from streams.spec.metric_facts import Metric, MetricKind

NOTHING = PairCounts()
TAIL = 0.95
"""The quantile of latency ratios that is told beside the median."""

Failures = Callable[[PairCounts], tuple[int, int, int]]
"""Pairs in which only the baseline, only the candidate, and both failed."""


def errors(pairs: PairCounts) -> tuple[int, int, int]:
    """Failures of any kind."""
    return pairs.errors_baseline, pairs.errors_candidate, pairs.errors_both


def timeouts(pairs: PairCounts) -> tuple[int, int, int]:
    """Timeouts."""
    return pairs.timeouts_baseline, pairs.timeouts_candidate, pairs.timeouts_both


class PairReader:
    """What the readers of pairs share: nothing is learnt."""

    ready = True

    def to_state(self) -> Any:
        """Nothing is learnt."""
        return None

    def restore(self, state: Any) -> None:
        """Nothing to take on."""


class PairedRateReader(PairReader):
    """Pairs, those in which the arm failed, and those in which both did."""

    columns = 3

    def __init__(self, failures: Failures) -> None:
        self._failures = failures

    def read(self, baseline: Cell, candidate: Cell) -> Counts:  # noqa: ARG002 - a Reader
        """[pairs, failures, failures of both] per arm."""
        pairs = candidate.pairs or NOTHING
        only_b, only_c, both = self._failures(pairs)
        return np.array([[pairs.pairs, own + both, both] for own in (only_b, only_c)], np.int64)


class DisagreementReader(PairReader):
    """Pairs with two classes, and those in which they differ."""

    columns = 2

    def read(self, baseline: Cell, candidate: Cell) -> Counts:  # noqa: ARG002 - a Reader
        """[compared, different] of the candidate; the baseline is what it differs from."""
        pairs = candidate.pairs or NOTHING
        compared = pairs.classes_same + pairs.classes_different
        return np.array([[compared, 0], [compared, pairs.classes_different]], np.int64)


class RatioReader:
    """Pairs and those in which the arm was slower by more than the margin; all ratios so far."""

    columns = 3
    ready = True

    def __init__(self, margin: float) -> None:
        self._shift = margin_buckets(margin)
        self._ratios = RatioHistogram()

    def read(self, baseline: Cell, candidate: Cell) -> Counts:  # noqa: ARG002 - a Reader
        """[pairs, slower, slower] per arm: exact, so what is sure is all that may be."""
        ratio = (candidate.pairs or NOTHING).ratio
        self._ratios.merge(ratio)
        total = ratio.total
        slower = total - ratio.count_above(ONE - self._shift), ratio.count_above(ONE + self._shift)
        return np.array([[total, count, count] for count in slower], np.int64)

    def gauge(self, alpha: float) -> Gauge:
        """The median ratio of latencies; the remark tells the tail."""
        low, high = quantile_bounds(self._ratios, 0.5, alpha)
        return Gauge(
            unit="ratio",
            estimate=self._ratios.quantile(0.5),
            low=low,
            high=finite(high),
            remark=self._tail(alpha),
        )

    def _tail(self, alpha: float) -> str:
        tail = self._ratios.quantile(TAIL)
        if tail is None:
            return ""
        low, high = quantile_bounds(self._ratios, TAIL, alpha)
        return f"p{100 * TAIL:g} of the ratio {tail:.3g} ({low:.3g} to {high:.3g})"

    def to_state(self) -> Any:
        """The ratios."""
        return self._ratios.to_state()

    def restore(self, state: Any) -> None:
        """Take on what `to_state` wrote."""
        self._ratios = RatioHistogram.from_state(state)


class PairedEvidence:
    """Candidates' rates of failure against the baseline's; columns as `PairedRateReader`."""

    def __init__(
        self, margins: tuple[float, ...], floors: tuple[float | None, ...], candidates: int
    ) -> None:
        """A margin, and a floor or None, for each metric."""
        shape = (candidates, len(margins))
        self._sums = PairedSums.zeros(PairedTest(margins), shape)
        self._onset = LateOnset.zeros(BETS, shape, early=EARLY)
        self._floors = Floors(floors, shape) if any(floors) else None

    def fold(self, closed: Closed) -> None:
        """Add closed strata."""
        (n, x_b, both), (_, x_c, _) = (np.moveaxis(arm, -1, 0) for arm in closed.arms())
        counts = (x_c - both, x_b - both, both)
        self._sums.fold(n, *counts, closed.mask)
        if closed.at_s is not None:
            factor = paired_log_factor(self._sums.test.tolerated, *counts)
            self._onset.fold(factor, start_block(closed.at_s), closed.mask)
        if self._floors is not None:
            self._floors.fold(n, x_c, closed)

    def log_e_harm(self) -> Floats:
        """Against a rate of at most (1 + margin) the baseline's, or at most the floor."""
        log_e = self._onset.log_e_harm()
        return log_e if self._floors is None else self._floors.harm(log_e)

    def log_e_safe(self) -> Floats:
        """Against a rate above (1 + margin) the baseline's and above the floor."""
        log_e = self._sums.log_e_safe()
        return log_e if self._floors is None else self._floors.safe(log_e, np.ones_like(log_e))

    def gauges(self, alpha: float) -> list[list[Gauge]]:
        """Ratios of the rates."""
        low, high = self._sums.interval(alpha)
        return by_claim(_ratio_gauge, self._sums.estimate(), low, high)

    def tallies(self) -> list[list[Tally]]:
        """Pairs and the failures of each arm."""
        s = self._sums
        return tallies(s.n, s.only_b + s.both, s.n, s.only_c + s.both)

    def to_state(self) -> Any:
        """Sums, late onset and floors."""
        return {
            "sums": self._sums.to_state(),
            "onset": self._onset.to_state(),
            "floors": self._floors and self._floors.to_state(),
        }

    def restore(self, state: Any) -> None:
        """Take on what `to_state` wrote."""
        self._sums = PairedSums.from_state(self._sums.test, state["sums"])
        self._onset = LateOnset.from_state(BETS, state["onset"], early=EARLY)
        if self._floors is not None:
            self._floors.restore(state["floors"])


def _ratio_gauge(estimate: float, low: float, high: float) -> Gauge:
    return Gauge(unit="ratio", estimate=finite(estimate), low=low, high=finite(high))


class DisagreementEvidence(SuccessEvidence):
    """Candidates' shares of different answers against absolute limits."""

    def __init__(self, most: tuple[float, ...], candidates: int) -> None:
        """A largest share for each metric: the same test as of failures."""
        super().__init__(tuple(1.0 - limit for limit in most), candidates)

    def gauges(self, alpha: float) -> list[list[Gauge]]:
        """Shares of different answers."""
        low, high = self._errors.interval(alpha)
        return by_claim(_share_gauge, self._errors.estimate(), low, high)


def _share_gauge(estimate: float, low: float, high: float) -> Gauge:
    return Gauge(unit="share", estimate=finite(estimate), low=low, high=high)


def paired_reader(metric: Metric) -> Reader:
    """What counts a metric of pairs in a pane."""
    match metric.kind:
        case MetricKind.PAIRED_ERRORS:
            return PairedRateReader(errors)
        case MetricKind.PAIRED_TIMEOUTS:
            return PairedRateReader(timeouts)
        case MetricKind.LATENCY_RATIO:
            return RatioReader(metric.margin)
        case _:
            return DisagreementReader()


def paired_evidence(claims: Claims) -> Evidence:
    """The test of metrics of pairs that share a form, but for the ratio of latencies."""
    metrics = [claim.metric for claim in claims[0]]
    if metrics[0].kind is MetricKind.DISAGREEMENT:
        return DisagreementEvidence(tuple(claim.limit for claim in claims[0]), len(claims))
    floors = tuple(metric.floor for metric in metrics)
    return PairedEvidence(tuple(metric.margin for metric in metrics), floors, len(claims))

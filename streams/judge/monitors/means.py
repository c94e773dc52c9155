"""Is a mean higher or lower with the candidate? Scores, tokens, revenue: n, sum and squares.

Columns of both forms: values, their sum in parts, the sum of their squares in squared parts: whole
numbers, so that strata add up exactly. Limits are ratios of means. Harm is that of the whole
rollout: these tests know no late onset.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import numpy as np

from streams.evidence.bounded_mean import BoundedMeanSums, BoundedMeanTest
from streams.evidence.fixed import Floats, Ints
from streams.evidence.margins import Against, MeanMargin
from streams.evidence.margins import Harm as Side
from streams.evidence.unbounded_mean import UnboundedMeanSums, UnboundedMeanTest, ValueScale
from streams.figures import finite
from streams.judge.monitors.evidence import Claims, Closed, Counts, Gauge, Tally
from streams.judge.monitors.grids import by_claim, tallies
from streams.spec.metric_facts import Harm, Metric

MEAN_COLUMNS = 3
LARGEST = 1000.0
"""Largest value in deviations that a scale may have (`capped.py`); the test does not use it."""

Sums = TypeVar("Sums", BoundedMeanSums, UnboundedMeanSums)


class _Means(Generic[Sums]):
    """Sums of each metric, in which rows are streams."""

    def __init__(self, sums: Sequence[Sums], parts: int) -> None:
        self._sums: list[Sums] = list(sums)
        self._parts = parts

    def fold(self, closed: Closed) -> None:
        """Add closed strata."""
        for metric, sums in enumerate(self._sums):
            n_b, sums_b = _scaled(closed.counts[:, metric, 0], self._parts)
            n_c, sums_c = _scaled(closed.counts[:, metric, 1], self._parts)
            sums.fold(n_b, n_c, sums_b, sums_c, closed.of)

    def gauges(self, alpha: float) -> list[list[Gauge]]:
        """Stratified ratios of means."""
        estimates = [sums.estimate() for sums in self._sums]
        low, high = zip(*[sums.interval(alpha) for sums in self._sums], strict=True)
        return by_claim(_gauge, *(np.stack(each, axis=-1) for each in (estimates, low, high)))

    def tallies(self) -> list[list[Tally]]:
        """Values of the strata in which both arms had some; every one is an event."""
        n_b = np.stack([sums.n_b for sums in self._sums], axis=-1)
        n_c = np.stack([sums.n_c for sums in self._sums], axis=-1)
        return tallies(n_b, n_b, n_c, n_c)

    def to_state(self) -> Any:
        """The sums of each metric."""
        return [sums.to_state() for sums in self._sums]


def relative_margin(metric: Metric) -> MeanMargin:
    """So much more, or less, than the baseline's mean is tolerated.

    >>> from streams.spec.metric_facts import MetricKind
    >>> relative_margin(Metric(name="t", kind=MetricKind.TOKENS_OUT, margin=0.05)).limit
    1.05
    """
    if metric.harm is Harm.LESS:
        return MeanMargin(harm=Side.LESS, against=Against.RELATIVE, margin=-metric.margin)
    return MeanMargin(harm=Side.MORE, against=Against.RELATIVE, margin=metric.margin)


class BoundedMeanEvidence(_Means[BoundedMeanSums]):
    """Means of values in [0, 1], cut into `parts`; exact at every sample size."""

    def __init__(self, margins: Sequence[MeanMargin], claims: Claims, parts: int) -> None:
        """A relative margin for each metric of the claims."""
        tests = [BoundedMeanTest(0.0, 1.0, margin) for margin in margins]
        super().__init__([BoundedMeanSums.zeros(test, (len(claims),)) for test in tests], parts)

    def log_e_harm(self) -> Floats:
        """Against a mean on the harmless side of (1 + margin) times the baseline's."""
        return np.stack([sums.log_e_harm() for sums in self._sums], axis=-1)

    def log_e_safe(self) -> Floats:
        """Against a mean on the harmful side of it."""
        return np.stack([sums.log_e_safe() for sums in self._sums], axis=-1)

    def restore(self, state: Any) -> None:
        """Take on what `to_state` wrote."""
        pairs = zip(self._sums, state, strict=True)
        self._sums = [BoundedMeanSums.from_state(sums.test, saved) for sums, saved in pairs]


class UnboundedMeanEvidence(_Means[UnboundedMeanSums]):
    """Means of capped values in deviations of a warm-up, cut into `parts`; holds asymptotically."""

    def __init__(self, margins: Sequence[MeanMargin], claims: Claims, parts: int) -> None:
        """A relative margin for each metric of the claims; alphas are each claim's own."""
        scale = ValueScale(cap=LARGEST, deviation=1.0)
        tests = [UnboundedMeanTest(scale=scale, margin=margin) for margin in margins]
        super().__init__([UnboundedMeanSums.zeros(test, (len(claims),)) for test in tests], parts)
        self._alpha_harm = np.array([[claim.alpha_share for claim in row] for row in claims])
        self._alpha_safe = np.array([[claim.alpha_promote for claim in row] for row in claims])

    def log_e_harm(self) -> Floats:
        """Against a mean on the harmless side of (1 + margin) times the baseline's."""
        pairs = zip(self._sums, self._alpha_harm.T, strict=True)
        return np.stack([sums.log_e_harm(alpha) for sums, alpha in pairs], axis=-1)

    def log_e_safe(self) -> Floats:
        """Against a mean on the harmful side of it."""
        pairs = zip(self._sums, self._alpha_safe.T, strict=True)
        return np.stack([sums.log_e_safe(alpha) for sums, alpha in pairs], axis=-1)

    def restore(self, state: Any) -> None:
        """Take on what `to_state` wrote."""
        pairs = zip(self._sums, state, strict=True)
        self._sums = [UnboundedMeanSums.from_state(sums.test, saved) for sums, saved in pairs]


def _scaled(counts: Counts, parts: int) -> tuple[Ints, tuple[Floats, Floats]]:
    """Values, and sum and sum of squares, of an arm's counts [rows, columns]."""
    n, total, squares = np.moveaxis(counts[:, :MEAN_COLUMNS], -1, 0)
    return n, (total / parts, squares / parts**2)


def _gauge(estimate: float, low: float, high: float) -> Gauge:
    return Gauge(unit="ratio", estimate=finite(estimate), low=low, high=finite(high))

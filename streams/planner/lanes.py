"""How does a metric's evidence grow in many streams at once? The judge's sums, vectorised.

One lane per metric; `streams/judge/monitors/kinds.py` chooses the same tests for one stream.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from streams.evidence.fixed import Bools, Floats, Ints
from streams.evidence.floors import harm_above_both, safe_below_either
from streams.evidence.jsd import JsdSums
from streams.evidence.one_arm import OneArmSums, OneArmTest
from streams.evidence.rates import RatioSums, RatioTest
from streams.evidence.two_sample import TwoSampleSums, TwoSampleTest
from streams.judge.monitors.rates import FREQUENT
from streams.sketches.bins import SCORE_MAPPING
from streams.spec.model import Metric, MetricKind

FORESEEN = frozenset(
    {
        MetricKind.ERRORS,
        MetricKind.TIMEOUTS,
        MetricKind.SUCCESS,
        MetricKind.LATENCY,
        MetricKind.CLASSES,
        MetricKind.SCORES,
    }
)
"""Kinds that have a lane."""


class Lane(Protocol):
    """Evidence of closed strata; counts are int64[streams, 2, columns], logarithms natural."""

    def fold(self, counts: Ints, full: Bools, weight_bp: int) -> None:
        """Add a stratum of the streams in `full`."""

    def log_e_harm(self) -> Floats:
        """Evidence against "no harm", [streams]."""

    def log_e_safe(self) -> Floats:
        """Evidence against "harm", [streams]."""


def open_lane(metric: Metric, streams: int, alpha_promote: float) -> Lane:
    """The lane of a metric of a kind in `FORESEEN`."""
    shape = (streams,)
    match metric.kind:
        case MetricKind.SUCCESS:
            return LimitLane(1.0 - (metric.floor or 0.0), shape)
        case MetricKind.LATENCY:
            return RateLane(0.0, None, 1.0 - (metric.quantile or 0.0), shape)
        case MetricKind.CLASSES | MetricKind.SCORES:
            return MixLane(metric.threshold or 0.0, alpha_promote, shape)
        case _:
            return RateLane(metric.margin, metric.floor, None, shape)


def columns(metric: Metric, classes: int) -> int:
    """Integers per arm that a metric counts."""
    match metric.kind:
        case MetricKind.CLASSES:
            return classes
        case MetricKind.SCORES:
            return SCORE_MAPPING.size
        case _:
            return 2


class RateLane:
    """Candidate's rate against the baseline's, as `RatioEvidence`."""

    def __init__(
        self, margin: float, floor: float | None, frequent: float | None, shape: tuple[int, ...]
    ) -> None:
        self._ratio = _sums(margin, frequent, shape)
        self._floor = OneArmSums.zeros(OneArmTest(floor), shape) if floor else None

    def fold(self, counts: Ints, full: Bools, weight_bp: int) -> None:  # noqa: ARG002 - realised
        """Exposures and events by arm."""
        (n_b, x_b), (n_c, x_c) = ((counts[:, arm, 0], counts[:, arm, 1]) for arm in (0, 1))
        self._ratio.fold(n_b, n_c, x_b, x_c, full)
        if self._floor is not None:
            self._floor.fold(n_c, x_c, full)

    def log_e_harm(self) -> Floats:
        """Against a rate of at most (1 + margin) the baseline's, or at most the floor."""
        log_e = self._ratio.log_e_harm()
        return log_e if self._floor is None else harm_above_both(log_e, self._floor.log_e_harm())

    def log_e_safe(self) -> Floats:
        """Against a rate above (1 + margin) the baseline's and above the floor."""
        log_e = self._ratio.log_e_safe()
        return log_e if self._floor is None else safe_below_either(log_e, self._floor.log_e_safe())


def _sums(
    margin: float, frequent: float | None, shape: tuple[int, ...]
) -> RatioSums | TwoSampleSums:
    """No interval is needed here, so no lattice is kept."""
    if frequent is None or frequent <= FREQUENT:
        return RatioSums.zeros(RatioTest(margin, resolution=None), shape)
    test = TwoSampleTest(margin, start_rate=frequent, resolution=None)
    return TwoSampleSums.zeros(test, shape)


class LimitLane:
    """The candidate's rate of failures against an absolute limit, as `SuccessEvidence`."""

    def __init__(self, limit: float, shape: tuple[int, ...]) -> None:
        self._sums = OneArmSums.zeros(OneArmTest(limit), shape)

    def fold(self, counts: Ints, full: Bools, weight_bp: int) -> None:  # noqa: ARG002 - one arm
        """Exposures and failures by arm."""
        self._sums.fold(counts[:, 1, 0], counts[:, 1, 1], full)

    def log_e_harm(self) -> Floats:
        """Against a rate of at most the limit."""
        return self._sums.log_e_harm()

    def log_e_safe(self) -> Floats:
        """Against a rate of at least the limit."""
        return self._sums.log_e_safe()


class MixLane:
    """How far apart two mixes are, as `MixEvidence`; harm is not asked of it."""

    def __init__(self, threshold: float, alpha_safe: float, shape: tuple[int, ...]) -> None:
        self._threshold, self._alpha = threshold, alpha_safe
        self._sums = JsdSums.zeros(shape)

    def fold(self, counts: Ints, full: Bools, weight_bp: int) -> None:
        """Requests by category and arm."""
        used = np.where(full[:, None, None], counts, 0)
        self._sums.fold(weight_bp, used[:, 0], used[:, 1])

    def log_e_harm(self) -> Floats:
        """Against a divergence of at most the threshold."""
        return self._sums.log_e_harm(self._threshold, self._alpha)

    def log_e_safe(self) -> Floats:
        """Against a divergence of at least the threshold."""
        return self._sums.log_e_safe(self._threshold, self._alpha)

"""How does a metric's evidence grow in many streams at once? The judge's sums, vectorised.

One lane per metric and question; `streams/judge/monitors/kinds.py` chooses the same tests for one
stream. Harm may begin late, safety is asked of the current stage alone.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from streams.evidence.fixed import Bools, Floats, Ints
from streams.evidence.floors import harm_above_both, safe_below_either
from streams.evidence.jsd import JsdSums
from streams.evidence.one_arm import OneArmSums, OneArmTest
from streams.evidence.rates import RatioSums, RatioTest
from streams.evidence.two_sample import TwoSampleSums, TwoSampleTest
from streams.judge.monitors.late import LateLimit, LateRatio
from streams.judge.monitors.rates import FREQUENT
from streams.judge.monitors.sla import SLA_COLUMNS
from streams.sketches.bins import SCORE_MAPPING
from streams.spec.metric_facts import Metric, MetricKind, Timing

MIXES = frozenset({MetricKind.CLASSES, MetricKind.SCORES, MetricKind.CONFIDENCES})
"""Kinds whose columns are categories."""
FORESEEN = frozenset(
    {
        MetricKind.ERRORS,
        MetricKind.TIMEOUTS,
        MetricKind.SUCCESS,
        MetricKind.LATENCY,
        MetricKind.LATENCY_SLA,
        *MIXES,
    }
)
"""Kinds that have a lane."""


def foreseen(metric: Metric) -> bool:
    """Whether a metric can be simulated: what is known of traffic tells of requests alone."""
    return metric.kind in FORESEEN and metric.timing is Timing.REQUEST


SURELY, PERHAPS = 1, 2
"""Columns of events: for harm and, where rounding leaves a doubt (`sla`), for safety."""


class Question(StrEnum):
    """What is asked of a lane."""

    HARM = "harm"
    SAFE = "safe"


class Lane(Protocol):
    """Evidence of closed strata; counts are int64[streams, 2, columns], logarithms natural."""

    def fold(self, counts: Ints, full: Bools, weight_bp: int, block: int) -> None:
        """Add a stratum of the streams in `full`, in start block `block`."""

    def log_e(self) -> Floats:
        """Log e-value of what is asked, [streams]."""


def open_lane(metric: Metric, question: Question, streams: int, alpha_promote: float) -> Lane:
    """The lane of a metric that is `foreseen`; harm is not asked of mixes."""
    shape = (streams,)
    match metric.kind:
        case MetricKind.SUCCESS:
            return _limit_lane(question, 1.0 - (metric.floor or 0.0), shape)
        case MetricKind.LATENCY_SLA:
            return _limit_lane(question, 1.0 - (metric.quantile or 0.0), shape, PERHAPS)
        case MetricKind.CLASSES | MetricKind.SCORES | MetricKind.CONFIDENCES:
            return SafeMix(metric.threshold or 0.0, alpha_promote, shape)
        case MetricKind.LATENCY:
            frequent = 1.0 - (metric.quantile or 0.0)
            return _rate_lane(question, _sums(question, 0.0, frequent, shape), None)
        case _:
            sums = _sums(question, metric.margin, None, shape)
            return _rate_lane(question, sums, metric.floor)


def columns(metric: Metric, classes: int) -> int:
    """Integers per arm that a metric counts."""
    match metric.kind:
        case MetricKind.CLASSES:
            return classes
        case MetricKind.SCORES | MetricKind.CONFIDENCES:
            return SCORE_MAPPING.size
        case MetricKind.LATENCY_SLA:
            return SLA_COLUMNS
        case _:
            return 2


class Unkept(RatioSums):
    """Sums that keep nothing: the factors of a stratum are all that late harm needs of them."""

    __slots__ = ()

    def fold(self, *_counts: ArrayLike) -> None:
        """Nothing."""


def _sums(
    question: Question, margin: float, frequent: float | None, shape: tuple[int, ...]
) -> RatioSums | TwoSampleSums:
    """No interval is needed here, so no lattice is kept."""
    if frequent is None or frequent <= FREQUENT:
        kept = Unkept if question is Question.HARM else RatioSums
        return kept.zeros(RatioTest(margin, resolution=None), shape)
    test = TwoSampleTest(margin, start_rate=frequent, resolution=None)
    return TwoSampleSums.zeros(test, shape)


def _rate_lane(question: Question, sums: RatioSums | TwoSampleSums, floor: float | None) -> Lane:
    shape = sums.n_b.shape
    if question is Question.HARM:
        return HarmRate(sums, HarmLimit(floor, shape) if floor else None)
    return SafeRate(sums, SafeLimit(floor, shape) if floor else None)


def _limit_lane(
    question: Question, limit: float, shape: tuple[int, ...], safe_column: int = SURELY
) -> Lane:
    if question is Question.HARM:
        return HarmLimit(limit, shape)
    return SafeLimit(limit, shape, safe_column)


class HarmLimit:
    """One arm's rate above an absolute limit, at any time: the judge's `LateLimit`."""

    def __init__(self, limit: float, shape: tuple[int, ...]) -> None:
        self._late = LateLimit(limit, shape)

    def fold(self, counts: Ints, full: Bools, weight_bp: int, block: int) -> None:  # noqa: ARG002
        """Exposures and events of the candidate."""
        self._late.fold(counts[:, 1, 0], counts[:, 1, SURELY], block, full)

    def log_e(self) -> Floats:
        """Against a rate of at most the limit."""
        return self._late.log_e_harm()


class HarmRate:
    """Candidate's rate above the baseline's, at any time: the judge's `LateRatio`, and a floor."""

    def __init__(self, sums: RatioSums | TwoSampleSums, floor: HarmLimit | None) -> None:
        self._late, self._floor = LateRatio(sums), floor

    def fold(self, counts: Ints, full: Bools, weight_bp: int, block: int) -> None:
        """Exposures and events by arm."""
        self._late.fold(*_by_arm(counts), block, full)
        if self._floor is not None:
            self._floor.fold(counts, full, weight_bp, block)

    def log_e(self) -> Floats:
        """Against a rate of at most (1 + margin) the baseline's, or at most the floor."""
        log_e = self._late.log_e_harm()
        return log_e if self._floor is None else harm_above_both(log_e, self._floor.log_e())


def _by_arm(counts: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """n_b, n_c, x_b, x_c of counts [streams, 2, columns]."""
    n, x = counts[:, :, 0], counts[:, :, SURELY]
    return n[:, 0], n[:, 1], x[:, 0], x[:, 1]


class SafeLimit:
    """One arm's rate below an absolute limit."""

    def __init__(self, limit: float, shape: tuple[int, ...], column: int = SURELY) -> None:
        self._sums, self._column = OneArmSums.zeros(OneArmTest(limit), shape), column

    def fold(self, counts: Ints, full: Bools, weight_bp: int, block: int) -> None:  # noqa: ARG002
        """Exposures and events of the candidate."""
        self._sums.fold(counts[:, 1, 0], counts[:, 1, self._column], full)

    def log_e(self) -> Floats:
        """Against a rate of at least the limit."""
        return self._sums.log_e_safe()


class SafeRate:
    """Candidate's rate not above the baseline's with its margin, or below a floor."""

    def __init__(self, sums: RatioSums | TwoSampleSums, floor: SafeLimit | None) -> None:
        self._sums, self._floor = sums, floor

    def fold(self, counts: Ints, full: Bools, weight_bp: int, block: int) -> None:
        """Exposures and events by arm."""
        self._sums.fold(*_by_arm(counts), full)
        if self._floor is not None:
            self._floor.fold(counts, full, weight_bp, block)

    def log_e(self) -> Floats:
        """Against a rate above (1 + margin) the baseline's and above the floor."""
        log_e = self._sums.log_e_safe()
        return log_e if self._floor is None else safe_below_either(log_e, self._floor.log_e())


class SafeMix:
    """Two mixes no further apart than a threshold, as `MixEvidence`."""

    def __init__(self, threshold: float, alpha_safe: float, shape: tuple[int, ...]) -> None:
        self._threshold, self._alpha = threshold, alpha_safe
        self._sums = JsdSums.zeros(shape)

    def fold(self, counts: Ints, full: Bools, weight_bp: int, block: int) -> None:  # noqa: ARG002
        """Requests by category and arm."""
        used = np.where(full[:, None, None], counts, 0)
        self._sums.fold(weight_bp, used[:, 0], used[:, 1])

    def log_e(self) -> Floats:
        """Against a divergence of at least the threshold."""
        return self._sums.log_e_safe(self._threshold, self._alpha)

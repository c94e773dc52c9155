"""About how many events would have changed a verdict, where no panes are at hand?

The closed form on the pooled counts of a verdict, as if it were one stratum: an approximation,
and told as one. Only errors, timeouts, refusals and success can be told so; others need the panes.
"""

from __future__ import annotations

from functools import partial

from streams.evidence.one_arm import OneArmSums, OneArmTest
from streams.evidence.rates import RatioSums, RatioTest
from streams.judge.decision_facts import Finding, Verdict
from streams.replay.witness import Turn, fewest
from streams.spec.metric_facts import MetricKind
from streams.spec.model import BASELINE

CLOSED = frozenset(
    {MetricKind.ERRORS, MetricKind.TIMEOUTS, MetricKind.SUCCESS, MetricKind.REFUSALS}
)
"""Kinds that have a closed form."""


def rough_turn(verdict: Verdict) -> Turn | None:
    """The turn of the harm test on pooled counts; None where the kind has no closed form."""
    if verdict.kind not in CLOSED:
        return None
    crossed = verdict.log_e_harm >= verdict.log_e_harm_threshold
    n_c, x_c = verdict.exposures[verdict.candidate], verdict.events[verdict.candidate]
    sign, most = (-1, x_c) if crossed else (1, n_c - x_c)
    found = fewest(most, partial(_turned, verdict, crossed=crossed))
    told = verdict.finding is not Finding.INVALID
    return Turn(crossed=crossed, events=sign * found if found is not None and told else None)


def _turned(verdict: Verdict, count: int, *, crossed: bool) -> bool:
    moved = verdict.events[verdict.candidate] + (-count if crossed else count)
    return (pooled_log_e(verdict, moved) >= verdict.log_e_harm_threshold) != crossed


def pooled_log_e(verdict: Verdict, candidate_events: int) -> float:
    """Log e-value for harm of pooled counts with so many events of the candidate."""
    n_c = verdict.exposures[verdict.candidate]
    if verdict.kind == MetricKind.SUCCESS:
        errors = OneArmSums.zeros(OneArmTest(1.0 - verdict.margin))
        errors.fold(n_c, candidate_events)
        return float(errors.log_e_harm())
    sums = RatioSums.zeros(RatioTest(verdict.margin - 1.0, resolution=None))
    sums.fold(verdict.exposures[BASELINE], n_c, verdict.events[BASELINE], candidate_events)
    return float(sums.log_e_harm())

"""What is the canary's score? Groups, weights, thresholds, and what fails it at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from streams.errors import SpecError
from streams.judge.kayenta.config import CanaryConfig, read_config
from streams.judge.kayenta.facts import CanaryResult, Grade, Label, MetricResult
from streams.judge.kayenta.metric import judge_metric

FULL = 100.0
NODATA_LIMIT = 0.5
"""At this part of metrics without data the canary fails."""
SCORED = frozenset({Label.PASS, Label.HIGH, Label.LOW, Label.NODATA_FAIL})

Series = Sequence[float | None]


def judge_canary(
    config: Mapping[str, Any],
    control: Mapping[str, Series],
    experiment: Mapping[str, Series],
    *,
    pass_score: float | None = None,
    marginal_score: float | None = None,
) -> CanaryResult:
    """Judge an experiment as Kayenta's NetflixACAJudge-v1.0 does.

    `config` is a canary config as its API takes it. `control` and `experiment` map a metric's name
    to its values in time order, None where one is missing; a metric without values is judged as
    one without data. Thresholds run from 0 to 100: those given, else the config's, else 95 and 75.

    Raises:
        SpecError: the config cannot be read, or a series has no metric in it.
    """
    read = read_config(config)
    known = {metric.name for metric in read.metrics}
    if strange := (set(control) | set(experiment)) - known:
        names = ", ".join(sorted(strange))
        raise SpecError(f"series without a metric in the canary config: {names}")
    return summarise(
        read,
        [
            judge_metric(m, control.get(m.name, ()), experiment.get(m.name, ()))
            for m in read.metrics
        ],
        read.pass_score if pass_score is None else pass_score,
        read.marginal_score if marginal_score is None else marginal_score,
    )


def summarise(
    config: CanaryConfig, metrics: Sequence[MetricResult], pass_score: float, marginal_score: float
) -> CanaryResult:
    """Score the metrics that are not muted."""
    heard = [metric for metric in metrics if not metric.muted]
    groups = _labels_by_group(heard)
    reason = _failure(heard)
    score = 0.0 if reason else _weighted(groups, config.group_weights)
    return CanaryResult(
        metrics=tuple(metrics),
        groups={name: group_score(labels) or 0.0 for name, labels in groups.items()},
        score=score,
        grade=_grade(score, pass_score, marginal_score),
        reason=reason,
    )


def group_score(labels: Iterable[Label]) -> float | None:
    """Part of the passed metrics among those with data, 0 to 100; None if none has any.

    >>> group_score([Label.PASS, Label.HIGH, Label.NODATA]), group_score([Label.NODATA])
    (50.0, None)
    """
    scored = [label for label in labels if label in SCORED]
    return scored.count(Label.PASS) / len(scored) * FULL if scored else None


def _labels_by_group(metrics: Iterable[MetricResult]) -> dict[str, list[Label]]:
    groups: dict[str, list[Label]] = {}
    for metric in metrics:
        for group in metric.groups:
            groups.setdefault(group, []).append(metric.label)
    return groups


def _failure(metrics: Sequence[MetricResult]) -> str:
    """Why the canary fails whatever its score; empty if it need not."""
    critical = (m for m in metrics if m.critical and m.label is not Label.PASS)
    if first := next(critical, None):
        return f"Canary Failed: {first.reason}"
    silent = sum(metric.label is Label.NODATA for metric in metrics)
    if metrics and silent / len(metrics) >= NODATA_LIMIT:
        return f"Canary Failed: {NODATA_LIMIT:.0%} or more metrics returned NODATA"
    return ""


def _weighted(groups: Mapping[str, Sequence[Label]], weights: Mapping[str, float]) -> float:
    """Groups without a weight share what the weights leave of 100; empty groups count full."""
    unweighted = groups.keys() - weights.keys()
    rest = (FULL - sum(weights.values())) / len(unweighted) if unweighted else 0.0
    total = 0.0
    for name, labels in groups.items():
        score = group_score(labels)
        total += (FULL if score is None else score) * (weights.get(name, rest) / FULL)
    return float(Decimal(repr(total)).quantize(Decimal("0.01"), ROUND_HALF_UP))


def _grade(score: float, pass_score: float, marginal_score: float) -> Grade:
    if score >= pass_score:
        return Grade.PASS
    return Grade.MARGINAL if score >= marginal_score else Grade.FAIL

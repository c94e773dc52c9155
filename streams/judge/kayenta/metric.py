"""Is one metric of the experiment too high or too low? Clean the values, compare, label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from streams.judge.kayenta.config import MetricConfig
from streams.judge.kayenta.facts import Direction, Label, Measure, MetricResult
from streams.judge.kayenta.mann_whitney import Shift, TiedError, Values, mann_whitney_shift

TOLERANCE = 0.25
"""A shift counts beyond this part of the Hodges-Lehmann estimate."""
CONFIDENCE = 0.98
NOISE = 1e-5
"""Two constants that differ get noise of this size, relative to their value."""
NOISE_SEED = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two samples side by side."""

    shift: Shift
    ratio: float
    effect: float


def judge_metric(
    config: MetricConfig, control: Sequence[float | None], experiment: Sequence[float | None]
) -> MetricResult:
    """Label one metric; None and NaN are missing values."""
    result = MetricResult(
        name=config.name, label=Label.PASS, muted=config.muted, groups=config.groups
    )
    before, after = clean(config, control), clean(config, experiment)
    if not before.size or not after.size:
        return _without_data(config, result)
    if np.array_equal(np.sort(before), np.sort(after)):
        return replace(result, reason="The Canary and Baseline data are identical")
    if np.unique(np.concatenate([before, after])).size == 1:
        return result
    try:
        return _labelled(config, result, compare(config.effect.measure, before, after))
    except TiedError:
        return replace(result, label=Label.ERROR, reason="Metric Classification Failed")


def clean(config: MetricConfig, series: Sequence[float | None]) -> Values:
    """The values after missing ones and outliers are dealt with, in order."""
    values = np.array([np.nan if value is None else value for value in series], np.float64)
    missing = np.isnan(values)
    values = np.where(missing, 0.0, values) if config.replace_nan else values[~missing]
    if config.remove_outliers and values.size:
        values = without_outliers(values, config.outlier_factor)
    return values


def without_outliers(values: Values, factor: float) -> Values:
    """Drop what lies beyond `factor` interquartile ranges and beyond the outer percentiles.

    >>> without_outliers(np.array([1.0, 2.0, 2.0, 3.0, 90.0] * 30 + [900.0]), 3.0).size
    150
    """
    p01, q1, q3, p99 = np.percentile(values, [1, 25, 75, 99])
    low = min(p01, q1 - factor * (q3 - q1))
    high = max(p99, q3 + factor * (q3 - q1))
    kept: Values = values[(values >= low) & (values <= high)]
    return kept


def compare(measure: Measure, control: Values, experiment: Values) -> Comparison:
    """Shift, ratio of means and effect size of two samples.

    Raises:
        TiedError: there is no shift to tell of.
    """
    if np.unique(control).size == 1 and np.unique(experiment).size == 1:
        rng = np.random.default_rng(NOISE_SEED)
        experiment, control = (_noisy(values, rng) for values in (experiment, control))
    if not (np.isfinite(control).all() and np.isfinite(experiment).all()):
        raise TiedError("infinite values have no shift")
    ratio = mean_ratio(control, experiment)
    effect = ratio if measure is Measure.MEAN_RATIO else cles(control, experiment)
    shift = mann_whitney_shift(experiment, control, CONFIDENCE)
    return Comparison(shift=shift, ratio=ratio, effect=effect)


def mean_ratio(control: Values, experiment: Values) -> float:
    """Mean of the experiment over mean of the control; NaN where one of them is 0."""
    before, after = _mean(control), _mean(experiment)
    return float("nan") if before == 0 or after == 0 else after / before


def cles(control: Values, experiment: Values) -> float:
    """Chance that a value of the experiment exceeds one of the control, ties by half.

    Source: Vargha and Delaney 2000, "A critique and improvement of the CL common language effect
    size statistics of McGraw and Wong".

    >>> cles(np.array([1.0, 2.0]), np.array([2.0, 3.0]))
    0.875
    """
    ordered = np.sort(control)
    below = ordered.searchsorted(experiment, "left") + ordered.searchsorted(experiment, "right")
    return float(below.sum()) / (2 * control.size * experiment.size)


def _mean(values: Values) -> float:
    """In order and corrected once, so that a ratio equal to its limit stays equal."""
    mean = float(np.add.accumulate(values)[-1]) / values.size
    return mean + float(np.add.accumulate(values - mean)[-1]) / values.size


def _noisy(values: Values, rng: np.random.Generator) -> Values:
    noisy: Values = values + rng.standard_normal(values.size) * NOISE * values[0]
    return noisy


def _without_data(config: MetricConfig, result: MetricResult) -> MetricResult:
    if config.replace_nan:
        return result
    reason = f"Missing data for {config.name}"
    if config.must_have_data and not config.critical:
        return replace(result, label=Label.NODATA_FAIL, reason=reason)
    return replace(result, label=Label.NODATA, reason=reason, critical=config.critical)


def _labelled(config: MetricConfig, result: MetricResult, found: Comparison) -> MetricResult:
    label = _label(config, found)
    result = replace(result, label=label, ratio=found.ratio)
    if label is Label.PASS:
        return result
    if config.critical and _reaches(label, found.effect, config.effect.critical):
        reason = f"The metric {config.name} was classified as {label} (Critical)"
        return replace(result, reason=reason, critical=True)
    return replace(result, reason=f"{config.name} was classified as {label}")


def _label(config: MetricConfig, found: Comparison) -> Label:
    bound = TOLERANCE * abs(found.shift.estimate)
    for label, against, beyond in (
        (Label.HIGH, Direction.DECREASE, found.shift.low > bound),
        (Label.LOW, Direction.INCREASE, found.shift.high < -bound),
    ):
        asked = config.direction is not against
        if asked and beyond and _reaches(label, found.effect, config.effect.allowed):
            return label
    return Label.PASS


def _reaches(label: Label, effect: float, limits: tuple[float, float]) -> bool:
    """Whether the effect is as large as its limit; one that cannot be told always is."""
    decrease, increase = limits
    return bool(np.isnan(effect)) or (
        effect >= increase if label is Label.HIGH else effect <= decrease
    )

"""What does a Kayenta canary config ask for? Read as Kayenta reads it, defaults included.

Unknown words fall back to Kayenta's defaults (`either`, `remove`, `keep`), as they do there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from streams.errors import SpecError
from streams.judge.kayenta.facts import Direction, Measure

OUTLIER_FACTOR = 3.0
PASS_SCORE, MARGINAL_SCORE = 95.0, 75.0
"""Thresholds where neither the caller nor the config names any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """Smallest changes that count, in units of `measure`; equal values count too."""

    measure: Measure = Measure.MEAN_RATIO
    allowed: tuple[float, float] = (1.0, 1.0)
    """Decrease, increase: beyond them a metric may be Low or High."""
    critical: tuple[float, float] = (1.0, 1.0)
    """Decrease, increase: beyond them a critical metric fails the canary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricConfig:
    """One metric's part of a canary config."""

    name: str
    groups: tuple[str, ...] = ()
    direction: Direction = Direction.EITHER
    replace_nan: bool = False
    """Missing values count as 0; otherwise they are left out."""
    remove_outliers: bool = False
    outlier_factor: float = OUTLIER_FACTOR
    critical: bool = False
    must_have_data: bool = False
    muted: bool = False
    effect: Effect = Effect()


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryConfig:
    """A canary config: metrics in order, and the classifier's weights and thresholds."""

    metrics: tuple[MetricConfig, ...]
    group_weights: Mapping[str, float]
    pass_score: float = PASS_SCORE
    marginal_score: float = MARGINAL_SCORE


def read_config(config: Mapping[str, Any]) -> CanaryConfig:
    """Read a canary config as Kayenta's API takes it (JSON as a dict).

    Raises:
        SpecError: a part has the wrong type, a metric has no or a second name, or a factor is 0.
    """
    metrics = tuple(_read_metrics(config))
    twice = {m.name for m in metrics if sum(m.name == other.name for other in metrics) > 1}
    if twice:
        raise SpecError(f"canary config: metrics named twice: {', '.join(sorted(twice))}")
    classifier = _part(config, "classifier", "canary config")
    weights = _part(classifier, "groupWeights", "classifier")
    limits = _part(classifier, "scoreThresholds", "classifier")
    return CanaryConfig(
        metrics=metrics,
        group_weights={name: _number(weights, name, 0.0, "groupWeights") for name in weights},
        pass_score=_number(limits, "pass", PASS_SCORE, "scoreThresholds"),
        marginal_score=_number(limits, "marginal", MARGINAL_SCORE, "scoreThresholds"),
    )


def _read_metrics(config: Mapping[str, Any]) -> Iterator[MetricConfig]:
    metrics = config.get("metrics")
    if not isinstance(metrics, list) or not metrics:
        raise SpecError("canary config: `metrics` must be a list with at least one metric")
    for place, metric in enumerate(metrics):
        where = f"metrics[{place}]"
        if not isinstance(metric, Mapping) or not isinstance(metric.get("name"), str):
            raise SpecError(f"canary config: {where} must be an object with a `name`")
        yield _read_metric(metric, where)


def _read_metric(metric: Mapping[str, Any], where: str) -> MetricConfig:
    canary = _part(_part(metric, "analysisConfigurations", where), "canary", where)
    outliers = _part(canary, "outliers", where)
    factor = _number(outliers, "outlierFactor", OUTLIER_FACTOR, where)
    remove = outliers.get("strategy") == "remove"
    if remove and not factor > 0:
        raise SpecError(f"canary config: {where}: outlierFactor must be above 0, got {factor:g}")
    return MetricConfig(
        name=metric["name"],
        groups=_groups(metric, where),
        direction=_direction(canary.get("direction")),
        replace_nan=canary.get("nanStrategy") == "replace",
        remove_outliers=remove,
        outlier_factor=factor,
        critical=_flag(canary, "critical", where),
        must_have_data=_flag(canary, "mustHaveData", where),
        muted=_flag(canary, "muted", where),
        effect=_read_effect(_part(canary, "effectSize", where), where),
    )


def _read_effect(effect: Mapping[str, Any], where: str) -> Effect:
    measure = Measure.CLES if effect.get("measure") == Measure.CLES else Measure.MEAN_RATIO
    neutral = 0.5 if measure is Measure.CLES else 1.0
    allowed, critical = (
        (
            _number(effect, f"{kind}Decrease", neutral, where),
            _number(effect, f"{kind}Increase", neutral, where),
        )
        for kind in ("allowed", "critical")
    )
    return Effect(measure=measure, allowed=allowed, critical=critical)


def _direction(word: object) -> Direction:
    return next((known for known in Direction if known == word), Direction.EITHER)


def _groups(metric: Mapping[str, Any], where: str) -> tuple[str, ...]:
    groups = metric.get("groups") or []
    if not isinstance(groups, list) or not all(isinstance(group, str) for group in groups):
        raise SpecError(f"canary config: {where}: `groups` must be a list of names")
    return tuple(groups)


def _part(parent: Mapping[str, Any], name: str, where: str) -> Mapping[str, Any]:
    part = parent.get(name)
    if part is None:
        return {}
    if not isinstance(part, Mapping):
        raise SpecError(f"canary config: {where}: `{name}` must be an object, got {part!r}")
    return part


def _number(part: Mapping[str, Any], name: str, default: float, where: str) -> float:
    value = part.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SpecError(f"canary config: {where}: `{name}` must be a number, got {value!r}")
    return float(value)


def _flag(part: Mapping[str, Any], name: str, where: str) -> bool:
    value = part.get(name, False)
    if not isinstance(value, bool):
        raise SpecError(f"canary config: {where}: `{name}` must be true or false, got {value!r}")
    return value

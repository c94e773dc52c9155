"""Is what was asked about a harm by this spec, and which metrics can see it?"""

from __future__ import annotations

import math

from scipy.special import ndtri

from streams.errors import SettingsError
from streams.evidence.quantile import effective_margin, margin_buckets
from streams.planner.facts import Harm, HarmKind, Traffic
from streams.spec.formats import format_margin, format_number, format_share
from streams.spec.metric_facts import Metric, MetricKind, Role
from streams.spec.model import RolloutSpec

DEFAULT_FACTOR = 2.0


def check_traffic(traffic: Traffic) -> None:
    """Refuse numbers that no service has.

    Raises:
        SettingsError: the option, what is wrong with it, what to write.
    """
    if not (traffic.rps > 0 and math.isfinite(traffic.rps)):
        _refuse("--rps", f"{traffic.rps:g} requests per second", "write more than 0, e.g. 200")
    if not 0 < traffic.p_error < 1:
        _refuse("--p-error", f"{traffic.p_error:g} is no share of failures", "write 0.1% or 0.001")
    if not 0 < traffic.p50_ms < traffic.p99_ms < math.inf:
        told = f"p50 {traffic.p50_ms:g} ms is not below p99 {traffic.p99_ms:g} ms"
        _refuse("--latency", told, "write the baseline's p50 and p99, e.g. 20ms,60ms")
    if not 2 <= traffic.classes <= 1000:  # noqa: PLR2004 - as many as a spec may tell apart
        _refuse("--classes", f"{traffic.classes} predicted classes", "write 2 to 1000")


def default_errors(spec: RolloutSpec, traffic: Traffic) -> Harm | None:
    """Twice as many failures, or twice what the spec tolerates; None if it watches no failures."""
    rates = [metric for metric in spec.metrics if _watches(metric, HarmKind.ERRORS)]
    if not rates:
        return None
    plain = Harm(kind=HarmKind.ERRORS, factor=DEFAULT_FACTOR)
    if sees(spec, traffic, plain):
        return plain
    least = min(_least_factor(metric, traffic) for metric in rates)
    return Harm(kind=HarmKind.ERRORS, factor=DEFAULT_FACTOR * least)


def check_harm(spec: RolloutSpec, traffic: Traffic, harm: Harm) -> None:
    """Refuse what is no harm by this spec, or no rate.

    Raises:
        SettingsError: the option, what is wrong with it, what to write.
    """
    option = _option(harm.kind)
    if not math.isfinite(harm.factor):
        _refuse(option, "this is no number", "write e.g. 2x")
    watching = [metric for metric in spec.metrics if _watches(metric, harm.kind)]
    if not watching:
        kinds = "failures" if harm.kind is HarmKind.ERRORS else "latency"
        _refuse(option, f"the spec watches no {kinds}", "leave it out, or add a guardrail")
    if harm.kind is HarmKind.ERRORS and traffic.p_error * harm.factor >= 1:
        rate = format_share(traffic.p_error)
        most = f"less than {1 / traffic.p_error:.3g}x"
        _refuse(option, f"{harm.factor:g}x of {rate} is no share of requests", f"write {most}")
    if not sees(spec, traffic, harm):
        least = min(_least_factor(metric, traffic) for metric in watching)
        why = _within(watching, traffic, harm)
        _refuse(option, why, f"write more than {_rounded_up(least)}x, e.g. {_example(least)}x")


def sees(spec: RolloutSpec, traffic: Traffic, harm: Harm) -> tuple[Metric, ...]:
    """The metrics whose limit the harm breaks: guardrails, or signals where no guardrail does."""
    broken = [
        metric
        for metric in spec.metrics
        if _watches(metric, harm.kind) and harm.factor > _least_factor(metric, traffic)
    ]
    guards = [metric for metric in broken if metric.role is Role.GUARDRAIL]
    return tuple(guards or broken)


def breaks_by_itself(metric: Metric, traffic: Traffic) -> bool:
    """Whether the baseline alone is beyond an absolute limit: then no candidate can pass."""
    absolute = metric.kind in {MetricKind.SUCCESS, MetricKind.LATENCY_SLA}
    return absolute and not metric.generative and _least_factor(metric, traffic) <= 1


def describe(harm: Harm, traffic: Traffic) -> str:
    """`2x failures (0.2% -> 0.4%)`, `latency +30%`."""
    match harm.kind:
        case HarmKind.ERRORS:
            rates = traffic.p_error, traffic.p_error * harm.factor
            low, high = (format_share(float(f"{rate:.3g}")) for rate in rates)
            return f"{harm.factor:.3g}x failures ({low} -> {high} of requests)"
        case HarmKind.LATENCY:
            return f"latency {format_margin(float(f'{harm.factor - 1:.6g}'))}"


def _watches(metric: Metric, kind: HarmKind) -> bool:
    if metric.generative:  # nothing is known of these but of requests
        return False
    if kind is HarmKind.LATENCY:
        return metric.kind in {MetricKind.LATENCY, MetricKind.LATENCY_SLA}
    return metric.kind in {MetricKind.ERRORS, MetricKind.SUCCESS}


def _least_factor(metric: Metric, traffic: Traffic) -> float:
    """Beyond which factor the metric calls it harm."""
    match metric.kind:
        case MetricKind.LATENCY:
            return 1 + effective_margin(margin_buckets(metric.margin))
        case MetricKind.LATENCY_SLA:
            today_ms = traffic.p50_ms * math.exp(traffic.sigma * ndtri(metric.quantile or 0.0))
            return (metric.limit_ms or 0.0) / today_ms
        case MetricKind.SUCCESS:
            return (1 - (metric.floor or 0.0)) / traffic.p_error
        case _:
            return max(1 + metric.margin, (metric.floor or 0.0) / traffic.p_error)


def _within(watching: list[Metric], traffic: Traffic, harm: Harm) -> str:
    metric = min(watching, key=lambda m: _least_factor(m, traffic))
    effect = f"an effect of {harm.factor:g}x"
    if metric.kind is MetricKind.LATENCY_SLA:
        return f"{effect} stays under {metric.name}' limit of {metric.limit_ms:g} ms: no harm"
    if metric.kind is not MetricKind.LATENCY and harm.factor > 1 + metric.margin:
        rate, floor = format_share(traffic.p_error), metric.floor or 0.0
        limit = 1 - floor if metric.kind is MetricKind.SUCCESS else floor
        told = format_share(float(f"{limit:.6g}"))
        return f"{effect} on {rate} stays under {metric.name}' limit of {told}: no harm"
    margin = format_margin(metric.margin)
    return f"{effect} inside the margin of {margin} ({metric.name}) is no harm"


def _rounded_up(factor: float) -> str:
    return format_number(math.ceil(factor * 1000 - 1e-6) / 1000)


def _example(factor: float) -> str:
    larger = 1.2 * factor
    return format_number(math.ceil(larger * 10) / 10)


def _option(kind: HarmKind) -> str:
    return "--effect" if kind is HarmKind.ERRORS else "--slower"


def _refuse(where: str, what: str, instead: str) -> None:
    raise SettingsError(f"{where}: {what} — {instead}")

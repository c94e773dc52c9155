"""What is watched, and how much worse may it get? Guardrails and signals, merged over defaults.

A default guardrail stays unless the spec says `off` or moves it to `signals`: leaving a line out
never makes a rollout less careful. `defaults: off` starts from an empty list.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import yaml

from streams.errors import SpecError
from streams.spec import defaults, units
from streams.spec.defaults import MetricDefault
from streams.spec.model import Metric, MetricKind, Role
from streams.spec.provenance import Source
from streams.spec.reader import DEFAULT, Block, refuse, scalar, written
from streams.yaml_lines import did_you_mean, entries

OFF = frozenset({"off", "false", "no"})
QUANTILE = r"^p[1-9]\d?(?:\.\d{0,2}[1-9])?$"
SLA = QUANTILE.replace("$", "_sla$")
Watch = tuple[tuple[Metric, ...], dict[str, Source]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A field of a metric and its unit."""

    field: str
    parse: Callable[[str], float]

    @property
    def key(self) -> str:
        """What the field is called in YAML, where values carry their unit."""
        return self.field.removesuffix("_ms")


MARGIN = Limit(field="margin", parse=units.margin)
FLOOR = Limit(field="floor", parse=units.share)
THRESHOLD = Limit(field="threshold", parse=units.nats)
LIMIT = Limit(field="limit_ms", parse=units.milliseconds)
WEIGHT = Limit(field="weight", parse=units.positive)
# The first is what the short form (`errors: +25%`) means.
LIMITS: dict[MetricKind, tuple[Limit, ...]] = {
    MetricKind.ERRORS: (MARGIN, FLOOR, WEIGHT),
    MetricKind.TIMEOUTS: (MARGIN, FLOOR, WEIGHT),
    MetricKind.SUCCESS: (FLOOR, WEIGHT),
    MetricKind.LATENCY: (MARGIN, WEIGHT),
    MetricKind.LATENCY_SLA: (LIMIT, WEIGHT),
    MetricKind.CLASSES: (THRESHOLD, WEIGHT),
    MetricKind.SCORES: (THRESHOLD, WEIGHT),
    MetricKind.CONFIDENCES: (THRESHOLD, WEIGHT),
}


def read_metrics(guardrails: yaml.Node | None, signals: yaml.Node | None) -> Watch:
    """Every metric of the rollout with the source of each of its fields."""
    told = _block(guardrails, "guardrails")
    asked = _block(signals, "signals")
    for name in told.keys() & asked.keys() - {"defaults"}:
        refuse(asked[name][0], f"{name} is a guardrail and a signal", "keep one of the two")
    names = () if _defaults_off(told) else defaults.GUARDRAILS
    chosen: dict[str, tuple[Role, yaml.Node | None]] = dict.fromkeys(names, (Role.GUARDRAIL, None))
    chosen |= {n: (Role.GUARDRAIL, v) for n, (_, v) in told.items() if n != "defaults"}
    chosen |= {n: (Role.SIGNAL, v) for n, (_, v) in asked.items()}
    metrics: list[Metric] = []
    sources: dict[str, Source] = {}
    for name, (role, node) in chosen.items():
        if node is not None and _is_off(node):
            continue
        metric, found = _metric(name, role, node)
        metrics.append(metric)
        sources |= {f"metrics.{name}.{field}": source for field, source in found.items()}
    _check_guarded(metrics, guardrails or signals)
    return tuple(sorted(metrics, key=_order)), sources


def _order(metric: Metric) -> tuple[int, float]:
    """One order however the file is written, so that the spec's hash speaks of content alone."""
    return list(MetricKind).index(metric.kind), metric.quantile or 0.0


def _block(node: yaml.Node | None, what: str) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    if node is None:
        return {}
    found = entries(node, what=what, error=SpecError)
    for name, (at, _) in found.items():
        if metric_default(name) is None and not (name == "defaults" and what == "guardrails"):
            hint = did_you_mean(name, defaults.METRICS)
            known = "any pNN is a latency, pNN_sla one with a limit of its own"
            refuse(at, f"unknown metric `{name}` in {what}", f"{hint} ({known})")
    return found


def metric_default(name: str) -> MetricDefault | None:
    """The defaults of a metric by name, None for a metric that does not exist."""
    if name in defaults.METRICS:
        return defaults.METRICS[name]
    of_kind = defaults.latency_sla if re.match(SLA, name) else defaults.latency
    if not re.match(QUANTILE, name.removesuffix("_sla")):
        return None
    return of_kind(float(f"{float(name.removesuffix('_sla')[1:]) / 100:.6g}"))


def _defaults_off(told: dict[str, tuple[yaml.Node, yaml.Node]]) -> bool:
    if "defaults" not in told:
        return False
    node = told["defaults"][1]
    if not _is_off(node):
        refuse(node, "`defaults` says whether the default guardrails hold", "write `off`")
    return True


def _is_off(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.value.lower() in OFF


def _metric(name: str, role: Role, node: yaml.Node | None) -> tuple[Metric, dict[str, Source]]:
    default = metric_default(name)
    if default is None:
        raise SpecError(f"no metric is called {name}")
    limits = LIMITS[default.kind]
    texts = {"margin": default.margin, "floor": default.floor, "threshold": default.threshold}
    texts["weight"] = default.weight
    values = {lim.field: lim.parse(text) for lim in limits if (text := texts.get(lim.field))}
    sources = dict.fromkeys(values, DEFAULT)
    for limit, at, value in _given(name, node, limits):
        values[limit.field] = value
        sources[limit.field] = written(at)
    if node is not None and limits[0] is LIMIT and LIMIT.field not in values:
        refuse(node, f"{name} has no limit", f"write e.g. `{name}: 300ms`")
    sources["role"] = DEFAULT if node is None else written(node)
    fields = {"name": name, "kind": default.kind, "role": role, "quantile": default.quantile}
    return Metric.model_validate(fields | values), sources


def _given(
    name: str, node: yaml.Node | None, limits: tuple[Limit, ...]
) -> list[tuple[Limit, yaml.Node, float]]:
    """What the spec says of this metric, in the short or the long form."""
    if node is None:
        return []
    if isinstance(node, yaml.MappingNode):
        block = Block(node, what=name, known=[limit.key for limit in limits])
        told = [(limit, block.get(limit.key)) for limit in limits]
        return [
            (limit, value, scalar(value, limit.parse, what=f"{name}.{limit.key}"))
            for limit, value in told
            if value is not None
        ]
    return [(limits[0], node, scalar(node, limits[0].parse, what=name))]


def _check_guarded(metrics: list[Metric], node: yaml.Node | None) -> None:
    if node is None or any(metric.role is Role.GUARDRAIL for metric in metrics):
        return
    refuse(node, "no guardrail is left", "keep at least one, e.g. `errors: +25%`")

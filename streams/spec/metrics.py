"""What is watched, and how much worse may it get? Guardrails and signals, merged over defaults.

A default guardrail stays unless the spec says `off` or moves it to `signals`: leaving a line out
never makes a rollout less careful. `defaults: off` starts from an empty list.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import yaml

from streams.errors import SpecError
from streams.spec import defaults
from streams.spec.defaults import MetricDefault
from streams.spec.limits import CHANGE, FLOOR, LIMITS, NEEDED, Limit
from streams.spec.metric_facts import BY_REQUEST, Harm, Metric, MetricKind, Role, Timing
from streams.spec.model import Mode, Unit
from streams.spec.outcomes import Asked, floor_of
from streams.spec.provenance import Source
from streams.spec.reader import DEFAULT, Block, refuse, scalar, written
from streams.yaml_lines import did_you_mean, entries

OFF = frozenset({"off", "false", "no"})
QUANTILE = r"^(?:(?:ttft|tpot)_)?p[1-9]\d?(?:\.\d{0,2}[1-9])?$"
ONLY_SIGNALS = frozenset({"cpu", "memory", "gpu"})
"""Use against the baseline: harm holds for a person."""
SLA = QUANTILE.replace("$", "_sla$")
Watch = tuple[tuple[Metric, ...], dict[str, Source]]


Chosen = dict[str, tuple[Role, yaml.Node | None, MetricDefault]]


def read_metrics(
    guardrails: yaml.Node | None,
    signals: yaml.Node | None,
    asked: Asked | None = None,
    mode: Mode = Mode.LIVE,
    unit: Unit = Unit.REQUEST,
) -> Watch:
    """Every metric of the rollout with the source of each of its fields.

    `asked` tells which outcomes there are to ask of. Where users are the `unit`, a default
    guardrail that counts requests is a signal.
    """
    asked = asked or Asked()
    metrics: list[Metric] = []
    sources: dict[str, Source] = {}
    for name, (role, node, default) in _chosen(guardrails, signals, asked, mode).items():
        if node is not None and _is_off(node):
            continue
        by_request = node is None and unit is Unit.USER and default.kind in BY_REQUEST
        found_role = Role.SIGNAL if by_request else role
        for metric, found in _metrics(name, found_role, node, default, asked):
            metrics.append(metric)
            sources |= {f"metrics.{metric.name}.{field}": told for field, told in found.items()}
    _check_guarded(metrics, guardrails or signals)
    return tuple(sorted(metrics, key=_order)), sources


def _chosen(
    guardrails: yaml.Node | None, signals: yaml.Node | None, asked: Asked, mode: Mode
) -> Chosen:
    """What is watched, as what, and what its author wrote of it."""
    told = _block(guardrails, "guardrails", asked, mode)
    hints = _block(signals, "signals", asked, mode)
    for name in told.keys() & hints.keys() - {"defaults"}:
        refuse(hints[name][0], f"{name} is a guardrail and a signal", "keep one of the two")
    for name in told.keys() & ONLY_SIGNALS:
        refuse(
            told[name][0],
            f"{name} is a guardrail, but more use than the baseline alone never rolls back",
            f"write it under `signals`; `{name}_limit: 80%` may be a guardrail",
        )
    off = _defaults_off(told)
    names = () if off else (*defaults.GUARDRAILS_OF[mode], *asked.guardrails)
    heard = () if off else defaults.SIGNALS_OF[mode]
    lines: dict[str, tuple[Role, yaml.Node | None]] = dict.fromkeys(names, (Role.GUARDRAIL, None))
    lines |= dict.fromkeys(heard, (Role.SIGNAL, None))
    lines |= {n: (Role.GUARDRAIL, v) for n, (_, v) in told.items() if n != "defaults"}
    lines |= {n: (Role.SIGNAL, v) for n, (_, v) in hints.items()}
    plain: Chosen = {}
    spread: Chosen = {}
    for name, (role, node) in lines.items():
        each = asked.spread(name, _known(name, asked, mode))
        found = plain if each[0][0] == name else spread
        found |= {one: (role, node, default) for one, default in each}
    return spread | plain  # a class of its own says more than all of them


def _known(name: str, asked: Asked, mode: Mode) -> MetricDefault:
    default = metric_default(name, mode) or asked.default(name)
    if default is None:
        raise SpecError(f"no metric is called {name}")
    return default


def _order(metric: Metric) -> tuple[int, float, str]:
    """One order however the file is written, so that the spec's hash speaks of content alone."""
    return list(MetricKind).index(metric.kind), metric.quantile or 0.0, metric.name


def _block(
    node: yaml.Node | None, what: str, asked: Asked, mode: Mode
) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    if node is None:
        return {}
    found = entries(node, what=what, error=SpecError)
    for name, (at, _) in found.items():
        asked.check(name, at)
        known = metric_default(name, mode) or asked.default(name)
        if known is None and name in defaults.SHADOW_ONLY:
            why = "compares both answers to one request, which only mirrored copies have"
            refuse(at, f"{name} {why}", "write `mode: shadow`, or leave it out")
        if known is None and not (name == "defaults" and what == "guardrails"):
            hint = did_you_mean(name, [*defaults.METRICS_OF[mode], *asked.names])
            more = "any pNN is a latency, pNN_sla one with a limit of its own; a business metric "
            refuse(at, f"unknown metric `{name}` in {what}", f"{hint} ({more}needs its outcome)")
    return found


def metric_default(name: str, mode: Mode = Mode.LIVE) -> MetricDefault | None:
    """The defaults of a metric by name, None for a metric that does not exist in this mode."""
    if name in defaults.METRICS_OF[mode]:
        return defaults.METRICS_OF[mode][name]
    of_kind = defaults.latency_sla if re.match(SLA, name) else defaults.latency
    plain = name.removesuffix("_sla")
    if not re.match(QUANTILE, plain):
        return None
    timing, _, percent = plain.rpartition("p")
    quantile = float(f"{float(percent) / 100:.6g}")
    return of_kind(quantile, Timing(timing.rstrip("_") or Timing.REQUEST))


def _defaults_off(told: dict[str, tuple[yaml.Node, yaml.Node]]) -> bool:
    if "defaults" not in told:
        return False
    node = told["defaults"][1]
    if not _is_off(node):
        refuse(node, "`defaults` says whether the default guardrails hold", "write `off`")
    return True


def _is_off(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.value.lower() in OFF


def _metrics(
    name: str, role: Role, node: yaml.Node | None, default: MetricDefault, asked: Asked
) -> list[tuple[Metric, dict[str, Source]]]:
    """The metric, and the absolute floor that may stand beside it."""
    values, sources = _values(name, node, default)
    fields = {"name": name, "kind": default.kind, "role": role, "quantile": default.quantile}
    fields |= {"outcome": asked.outcome_of(name, default), "label": default.label}
    fields["timing"] = default.timing
    if default.kind is not MetricKind.MISTAKES or FLOOR.field not in values:
        return [(Metric.model_validate(fields | values), sources)]
    floor = {"name": floor_of(name), "kind": MetricKind.ACCURACY, FLOOR.field: values.pop("floor")}
    floor |= {"weight": values["weight"]}
    told = {key: sources[key] for key in ("role", "weight")} | {"floor": sources.pop("floor")}
    return [
        (Metric.model_validate(fields | values), sources),
        (Metric.model_validate(fields | floor), told),
    ]


def _values(
    name: str, node: yaml.Node | None, default: MetricDefault
) -> tuple[dict[str, object], dict[str, Source]]:
    limits = LIMITS[default.kind]
    texts = {"margin": default.margin, "floor": default.floor, "threshold": default.threshold}
    texts |= {"weight": default.weight, "change": default.change, "most": default.most}
    texts |= {"limit": default.limit}
    values: dict[str, object] = {
        lim.field: lim.parse(text) for lim in limits if (text := texts.get(lim.field))
    }
    sources = dict.fromkeys(values, DEFAULT)
    for limit, at, value in _given(name, node, limits):
        values[limit.field] = value
        sources[limit.field] = written(at)
    if node is not None and limits[0] in NEEDED and limits[0].field not in values:
        refuse(node, f"{name} has no {limits[0].key}", f"write e.g. `{name}: {NEEDED[limits[0]]}`")
    sources["role"] = DEFAULT if node is None else written(node)
    return _sided(values), sources


def _sided(values: Mapping[str, object]) -> dict[str, object]:
    """A change with its side as a margin and the side of harm."""
    found = dict(values)
    change = found.pop(CHANGE.field, None)
    if isinstance(change, float):
        found["margin"] = abs(change)
        found["harm"] = Harm.LESS if math.copysign(1.0, change) < 0 else Harm.MORE
    return found


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

"""How does the whole spec look, with every default filled in and where each value came from?

The text is YAML that loads to the same spec: it may be stored in place of the short one.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import yaml

from streams.spec.defaults import CANDIDATE_NAME, GUARDRAILS_OF, SIGNALS_OF
from streams.spec.formats import (
    format_change,
    format_duration,
    format_margin,
    format_milliseconds,
    format_number,
    format_share,
    format_weight,
)
from streams.spec.knobs import NEVER
from streams.spec.limits import LIMITS
from streams.spec.metric_facts import Harm, Metric, Role
from streams.spec.model import Mode, RolloutSpec, Stage, Target
from streams.spec.outcome_facts import Outcome, OutcomeKind
from streams.spec.outcomes import Asked
from streams.spec.provenance import LoadedSpec, Origin, Source
from streams.spec.rules import rule_lines

COLUMN = 34
"""Where comments begin, unless the line is longer."""


class Line(NamedTuple):
    """A line of YAML and the comment that tells its source."""

    text: str
    comment: str = ""


def render_spec(loaded: LoadedSpec) -> str:
    """YAML with a comment per value; `parse_spec` of it gives the same spec."""
    return "\n".join(
        f"{line.text:<{COLUMN}} # {line.comment}" if line.comment else line.text
        for line in spec_lines(loaded)
    )


def render_recorded(spec: RolloutSpec) -> str:
    """The same YAML without comments: where values came from is not recorded."""
    unknown = defaultdict[str, Source](lambda: Source(origin=Origin.DEFAULT))
    return "\n".join(line.text for line in spec_lines(LoadedSpec(spec=spec, provenance=unknown)))


def spec_lines(loaded: LoadedSpec) -> Iterator[Line]:
    """The lines of `render_spec`, for a terminal that colours comments."""
    spec, told = loaded.spec, loaded.provenance
    yield _line("rollout", _word(spec.rollout), told["rollout"])
    yield _line("service", _word(spec.service), told["service"])
    yield _line("baseline", _word(spec.baseline), told["baseline"])
    yield from _candidates(spec, told)
    if spec.revision:
        yield _line("revision", _word(spec.revision), told["revision"])
    yield Line("route:")
    yield _line("  name", _word(spec.route), told["route.name"])
    router = spec.target.router
    options = _flow(spec.target.options)
    yield _line(f"  {_word(router)}", options, told[f"route.{router}"])
    yield from _pace(spec.target, told)
    yield _line("mode", spec.mode, told["mode"])
    if spec.mode is Mode.SHADOW:
        within = format_duration(spec.pair_within_s)
        yield _line("pair_within", within, told["pair_within"])
    yield Line("stages:")
    for index, stage in enumerate(spec.stages):
        yield from _stage(stage, f"stages[{index}].", told)
    yield from _outcomes(spec, told)
    yield from _metrics(spec, told)
    if spec.segments:
        yield from _segments(spec, told)
    yield from _targeting(spec, told)
    yield from _knobs(spec, told)


def _line(key: str, value: str, source: Source) -> Line:
    return Line(f"{key}: {value}", str(source))


def _word(text: str) -> str:
    """The text as a YAML scalar that reads back as the same characters."""
    return _flow(text).removesuffix("\n...")


def _flow(value: object) -> str:
    dumped: str = yaml.safe_dump(
        value, default_flow_style=True, width=math.inf, allow_unicode=True, sort_keys=False
    )
    return dumped.removesuffix("\n")


def _pace(target: Target, told: Mapping[str, Source]) -> Iterator[Line]:
    if target.dry_run:
        yield _line("  dry_run", "true", told["route.dry_run"])
    if target.max_step_bp is not None:
        yield _line("  max_step", format_weight(target.max_step_bp), told["route.max_step"])
    if target.dwell_s:
        yield _line("  dwell", format_duration(target.dwell_s), told["route.dwell"])


def _candidates(spec: RolloutSpec, told: Mapping[str, Source]) -> Iterator[Line]:
    only = spec.candidates[0]
    if len(spec.candidates) == 1 and only.name == CANDIDATE_NAME:
        yield _line("candidate", _word(only.version), told["candidates.candidate"])
        return
    yield Line("candidates:")
    for candidate in spec.candidates:
        source = told[f"candidates.{candidate.name}"]
        yield _line(f"  {_word(candidate.name)}", _word(candidate.version), source)


def _stage(stage: Stage, path: str, told: Mapping[str, Source]) -> Iterator[Line]:
    yield _line("  - weight", format_weight(stage.weight_bp), told[f"{path}weight"])
    yield _line("    min_time", format_duration(stage.min_time_s), told[f"{path}min_time"])
    if stage.max_time_s is not None:
        longest = format_duration(stage.max_time_s)
        yield _line("    max_time", longest, told[f"{path}max_time"])
    yield _line("    min_exposures", str(stage.min_exposures), told[f"{path}min_exposures"])
    if stage.approval:
        yield _line("    approval", "true", told[f"{path}approval"])


def _metrics(spec: RolloutSpec, told: Mapping[str, Source]) -> Iterator[Line]:
    for role in Role:
        chosen = [metric for metric in spec.metrics if metric.role is role]
        usual = SIGNALS_OF[spec.mode]
        if role is Role.GUARDRAIL:
            usual = (*GUARDRAILS_OF[spec.mode], *Asked(spec.outcomes).guardrails)
        missing = [name for name in usual if name not in {m.name for m in spec.metrics}]
        if chosen or missing:
            yield Line(f"{role}s:")
        for metric in chosen:
            yield from _metric(metric, told)
        yield from (Line(f"  {name}: off", "turned off by the spec") for name in missing)


def _metric(metric: Metric, told: Mapping[str, Source]) -> Iterator[Line]:
    yield Line(f"  {_word(metric.name)}:", str(told[f"metrics.{metric.name}.role"]))
    formats = {
        "margin": format_margin,
        "floor": format_share,
        "threshold": format_number,
        "most": format_share,
        "limit_ms": format_milliseconds,
        "limit": format_share,
        "weight": format_number,
        "change": format_change,
    }
    for limit in LIMITS[metric.kind]:
        value = _change(metric) if limit.field == "change" else getattr(metric, limit.field)
        if value is not None:
            source = told[f"metrics.{metric.name}.{limit.field}"]
            yield _line(f"    {limit.key}", formats[limit.field](value), source)


def _segments(spec: RolloutSpec, told: Mapping[str, Source]) -> Iterator[Line]:
    yield Line("segments:")
    for dimension in spec.segments:
        values = list(dimension.values)
        long = {"values": values, "header": dimension.header}
        text = _flow(values if dimension.header is None else long)
        yield _line(f"  {_word(dimension.name)}", text, told[f"segments.{dimension.name}"])
    budget = format_share(spec.segment_budget)
    yield _line("segment_budget", budget, told["segment_budget"])
    yield _line("on_segment_harm", spec.on_segment_harm, told["on_segment_harm"])


def _targeting(spec: RolloutSpec, told: Mapping[str, Source]) -> Iterator[Line]:
    if spec.targeting:
        yield Line("targeting:")
    for index, (key, facts) in enumerate(rule_lines(spec.targeting)):
        yield _line(f"  - {key}", _flow(facts), told[f"targeting[{index}]"])


def _change(metric: Metric) -> float:
    """The margin with the sign of the side that is harm."""
    return math.copysign(metric.margin, -1.0 if metric.harm is Harm.LESS else 1.0)


def _outcomes(spec: RolloutSpec, told: Mapping[str, Source]) -> Iterator[Line]:
    if not spec.outcomes:
        return
    yield Line("outcomes:")
    for outcome in spec.outcomes:
        yield Line(f"  {_word(outcome.name)}:")
        for key, value in _fields(outcome).items():
            yield _line(f"    {key}", value, told[f"outcomes.{outcome.name}.{key}"])
    yield _line("outcome_sample", format_share(spec.outcome_sample), told["outcome_sample"])


def _fields(outcome: Outcome) -> dict[str, str]:
    """What an outcome says of itself, in the words of the YAML."""
    found = {
        "kind": outcome.kind.value,
        "window": format_duration(outcome.window_s),
        "delivery": format_duration(outcome.delivery_s),
    }
    if outcome.kind is not OutcomeKind.LABEL:
        found["explicit"] = _flow(outcome.explicit).removesuffix("\n...")
    if outcome.high is not None:
        found["range"] = f"[0, {format_number(outcome.high)}]"
    if outcome.classes:
        found["classes"] = _flow(list(outcome.classes))
    if outcome.positive:
        found["positive"] = _word(outcome.positive)
    if outcome.kind is OutcomeKind.LABEL:
        found["probability"] = outcome.probability.value
    return found


def _knobs(spec: RolloutSpec, told: Mapping[str, Source]) -> Iterator[Line]:
    for key in ("alpha_rollback", "alpha_promote"):
        yield _line(key, format_share(getattr(spec, key)), told[key])
    for key in ("timeout", "routing_lag", "report_every", "lease"):
        yield _line(key, format_duration(getattr(spec, f"{key}_s")), told[key])
    silence = spec.silence_rollback_s
    text = NEVER if silence is None else format_duration(silence)
    yield _line("silence_rollback", text, told["silence_rollback"])
    yield _line("max_classes", str(spec.max_classes), told["max_classes"])
    yield _line("overdispersion", spec.overdispersion, told["overdispersion"])
    yield _line("unit", spec.unit, told["unit"])
    yield _line("max_units", str(spec.max_units), told["max_units"])

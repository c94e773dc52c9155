"""What did the author of this YAML ask for?

Four facts suffice: service, baseline, candidate, route. Everything else has a default, and each
value of the result knows its source. A spec that makes no sense is refused at its line.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from streams.errors import SpecError
from streams.spec import defaults, stages, units
from streams.spec.copies import read_mode, read_pair_within
from streams.spec.metrics import read_metrics
from streams.spec.model import BASELINE, Candidate, Mode, RolloutSpec, Target
from streams.spec.outcomes import EXAMPLE as OUTCOMES_EXAMPLE
from streams.spec.outcomes import Asked, Read, read_outcomes
from streams.spec.provenance import LoadedSpec, Source, Told
from streams.spec.reader import DEFAULT, Block, derived, refuse, scalar, written
from streams.spec.rules import read_targeting
from streams.spec.segments import EXAMPLE, Segments, read_segments
from streams.yaml_lines import compose, compose_file, entries, kind, plain, where

KEYS = (
    *("rollout", "service", "route", "baseline", "candidate", "candidates"),
    *("stages", "guardrails", "signals", "alpha_rollback", "alpha_promote"),
    *("timeout", "routing_lag", "report_every", "lease", "silence_rollback", "max_classes"),
    *("overdispersion", "segments", "segment_budget", "on_segment_harm"),
    *("unit", "max_units", "targeting", "outcomes", "outcome_sample", "mode", "pair_within"),
)
NEVER = "never"
ROUTE_EXAMPLE = (
    "route: {envoy: {rds: /run/envoy/rds.json, route: digits, "
    "clusters: {baseline: v1, candidate: v2}}}"
)
Candidates = tuple[tuple[Candidate, ...], dict[str, Source]]


def load_spec(path: Path) -> LoadedSpec:
    """Read a rollout spec from a YAML file.

    Raises:
        SpecError: `file:line: what — what to write instead`.
    """
    return _build(compose_file(path, error=SpecError), str(path))


def parse_spec(text: str, *, name: str = "spec") -> LoadedSpec:
    """`load_spec` of text; `name` stands for the file in messages."""
    return _build(compose(text, name=name, error=SpecError), name)


def _build(root: yaml.Node | None, name: str) -> LoadedSpec:
    if root is None:
        raise SpecError(f"{name}:1: the spec is empty — write service, baseline, candidate, route")
    block = Block(root, what="the spec", known=KEYS)
    service = _needed(block, "service", "service: digits")
    baseline = _needed(block, "baseline", "baseline: v1")
    candidates, sources = _candidates(block, baseline.value)
    route, target, route_sources = _route(block)
    mode = read_mode(block)
    unit = block.take("unit", units.unit, default=defaults.UNIT)
    plan, stage_sources = _stages(block, len(candidates), mode.value)
    outcomes, outcome_sources = _outcomes(block)
    metrics, metric_sources = read_metrics(
        block.get("guardrails"), block.get("signals"), Asked(outcomes), mode.value, unit.value
    )
    rollout = _rollout(block, service.value, candidates)
    told, knobs = _knobs(block)
    within = read_pair_within(block, mode.value, knobs["timeout_s"])
    told |= {"mode": mode.source, "pair_within": within.source}
    segments, segment_sources = _segments(block)
    rules, rule_sources = read_targeting(block.get("targeting"))
    sources |= (
        route_sources | stage_sources | metric_sources | segment_sources | rule_sources | told
    )
    sources |= outcome_sources
    sources |= {"rollout": rollout.source, "service": service.source, "baseline": baseline.source}
    facts: dict[str, Any] = {
        "rollout": rollout.value,
        "service": service.value,
        "route": route,
        "baseline": baseline.value,
        "candidates": candidates,
        "target": target,
        "mode": mode.value,
        "pair_within_s": within.value,
        "stages": plan,
        "metrics": metrics,
        "segments": segments,
        "targeting": rules,
        "outcomes": outcomes,
    }
    return LoadedSpec(spec=_spec(facts | knobs, block, name), provenance=sources)


def _spec(facts: Mapping[str, Any], block: Block, name: str) -> RolloutSpec:
    try:
        return RolloutSpec.model_validate(facts)
    except ValidationError as failure:
        first = failure.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        said = first["msg"].removeprefix("Value error, ")
        key, _, _ = said.partition(":")
        node = block.get(key)
        if node is not None:
            raise SpecError(f"{where(node)}: {said}") from failure
        raise SpecError(f"{name}: {place}: {said}") from failure


def _needed(block: Block, key: str, example: str) -> Told[str]:
    node = block.need(key, example=example)
    return Told(scalar(node, units.words, what=key), written(node))


def _candidates(block: Block, baseline: str) -> Candidates:
    node = block.get("candidates")
    if node is not None and "candidate" in block:
        refuse(node, "both `candidate` and `candidates` are given", "keep one of them")
    if node is None:
        told = _needed(block, "candidate", "candidate: v2")
        found = [(defaults.CANDIDATE_NAME, block.need("candidate", example="candidate: v2"))]
        sources = {"candidates.candidate": told.source}
    else:
        inner = entries(node, what="candidates", error=SpecError)
        for key, _ in inner.values():
            scalar(key, units.name, what="a candidate's name")
        found = [(key, value) for key, (_, value) in inner.items()]
        sources = {f"candidates.{key}": written(value) for key, value in found}
        if not 1 <= len(found) <= 16:  # noqa: PLR2004 - model.py
            refuse(node, f"{len(found)} candidates", "name 1 to 16 of them")
    return tuple(_distinct(found, baseline)), sources


def _distinct(found: list[tuple[str, yaml.Node]], baseline: str) -> list[Candidate]:
    taken = {baseline: "the baseline"}
    candidates = []
    for name, node in found:
        version = scalar(node, units.words, what=_called(name))
        if name == BASELINE:
            refuse(node, "a candidate is called `baseline`", "give it another name")
        if version in taken:
            refuse(
                node,
                f"{_called(name)} is the version of {taken[version]} ({version})",
                "a candidate must differ from every other arm: write the new version",
            )
        taken[version] = _called(name)
        candidates.append(Candidate(name=name, version=version))
    return candidates


def _called(candidate: str) -> str:
    """`candidate small`; the only one has no name of its own."""
    return "candidate" if candidate == defaults.CANDIDATE_NAME else f"candidate {candidate}"


def _route(block: Block) -> tuple[str, Target, dict[str, Source]]:
    node = block.need("route", example=ROUTE_EXAMPLE)
    if kind(node) == "empty":
        refuse(node, "route is empty", f"write e.g. `{ROUTE_EXAMPLE}`")
    if isinstance(node, yaml.ScalarNode):
        router = scalar(node, units.name, what="route")
        sources = {"route.name": DEFAULT, f"route.{router}": written(node)}
        return defaults.ROUTE_NAME, Target(router=router), sources
    inner = entries(node, what="route", error=SpecError)
    routers = [key for key in inner if key != "name"]
    if len(routers) != 1:
        refuse(
            node,
            f"route names {len(routers)} routers{': ' * bool(routers)}{', '.join(routers)}",
            f"name one, e.g. `{ROUTE_EXAMPLE}`; `name` is the route's own name",
        )
    key, value = inner[routers[0]]
    router = scalar(key, units.name, what="router")
    sources = {"route.name": DEFAULT, f"route.{router}": written(key)}
    sources |= _option_sources(value, router)
    route = defaults.ROUTE_NAME
    if "name" in inner:
        route = scalar(inner["name"][1], units.name, what="route.name")
        sources["route.name"] = written(inner["name"][1])
    return route, Target(router=router, options=_options(value)), sources


def _option_sources(node: yaml.Node, router: str) -> dict[str, Source]:
    """Where each option stands, for whoever knows what it may be: the router."""
    if not isinstance(node, yaml.MappingNode):
        return {}
    inner = entries(node, what=f"route.{router}", error=SpecError)
    return {f"route.{router}.{name}": written(key) for name, (key, _) in inner.items()}


def _options(node: yaml.Node) -> dict[str, Any]:
    found = plain(node)
    if found is None:
        return {}
    if not isinstance(found, dict):
        refuse(node, f"the router's options are {kind(node)}", "write them as `key: value`")
    return found


def _stages(block: Block, candidates: int, mode: Mode) -> stages.Plan:
    node = block.get("stages")
    if node is None:
        return stages.default_plan(mode)
    return stages.read_plan(node, candidates=candidates, mode=mode)


def _segments(block: Block) -> Segments:
    """The dimensions; what is said about slices makes sense only where there are some."""
    for key in ("segment_budget", "on_segment_harm"):
        node = block.get(key)
        if node is not None and "segments" not in block:
            refuse(node, f"{key} is given without segments", f"add e.g. `{EXAMPLE}`")
    return read_segments(block.get("segments"))


def _outcomes(block: Block) -> Read:
    sample = block.get("outcome_sample")
    if sample is not None and "outcomes" not in block:
        why = "outcome_sample is given without outcomes"
        refuse(sample, why, f"add e.g. `{OUTCOMES_EXAMPLE}`")
    return read_outcomes(block.get("outcomes"))


def _rollout(block: Block, service: str, candidates: tuple[Candidate, ...]) -> Told[str]:
    told = block.take_optional("rollout", units.name)
    return told or Told(
        rollout_id(service, [candidate.version for candidate in candidates]),
        derived("service and candidate version"),
    )


def rollout_id(service: str, versions: list[str]) -> str:
    """`digits-v2`; what a name may not hold is replaced, and a hash keeps such ids apart.

    >>> rollout_id("digits", ["v2"])
    'digits-v2'
    >>> rollout_id("my service", ["sha256:ab"])
    'my-service-sha256-ab-5babc9'
    """
    plain_id = "-".join([service, *versions])
    found = re.sub(r"[^A-Za-z0-9._-]+", "-", plain_id).lstrip("._-")
    if found == plain_id and len(found) <= 128:  # noqa: PLR2004 - a Name's length
        return found
    digest = hashlib.sha256(plain_id.encode()).hexdigest()[:6]
    return f"{found[:120]}-{digest}" if found else f"rollout-{digest}"


def _knobs(block: Block) -> tuple[dict[str, Source], dict[str, Any]]:
    """The fields that are one value each: their sources, and their values by model name."""
    told: dict[str, tuple[str, Told[Any]]] = {
        "alpha_rollback": _knob(block, "alpha_rollback", defaults.ALPHA_ROLLBACK),
        "alpha_promote": _knob(block, "alpha_promote", defaults.ALPHA_PROMOTE),
        "timeout": _time(block, "timeout", defaults.TIMEOUT),
        "routing_lag": _time(block, "routing_lag", defaults.ROUTING_LAG),
        "report_every": _time(block, "report_every", defaults.REPORT_EVERY),
        "lease": _time(block, "lease", defaults.LEASE),
    }
    silence = block.take("silence_rollback", _or_never, default=defaults.SILENCE_ROLLBACK)
    told["silence_rollback"] = ("silence_rollback_s", silence)
    most = block.take("max_classes", units.count, default=defaults.MAX_CLASSES)
    told["max_classes"] = ("max_classes", most)
    bursts = block.take("overdispersion", units.overdispersion, default=defaults.OVERDISPERSION)
    told["overdispersion"] = ("overdispersion", bursts)
    part = block.take("segment_budget", units.part, default=defaults.SEGMENT_BUDGET)
    told["segment_budget"] = ("segment_budget", part)
    harm = block.take("on_segment_harm", units.segment_harm, default=defaults.ON_SEGMENT_HARM)
    told["on_segment_harm"] = ("on_segment_harm", harm)
    told["unit"] = ("unit", block.take("unit", units.unit, default=defaults.UNIT))
    remembered = block.take("max_units", units.count, default=defaults.MAX_UNITS)
    told["max_units"] = ("max_units", remembered)
    sample = block.take("outcome_sample", units.sample, default=defaults.OUTCOME_SAMPLE)
    told["outcome_sample"] = ("outcome_sample", sample)
    for key, (_, found) in told.items():
        _check_knob(block, key, found.value)
    sources = {key: found.source for key, (_, found) in told.items()}
    return sources, {field: found.value for field, found in told.values()}


def _knob(block: Block, key: str, default: str) -> tuple[str, Told[Any]]:
    return key, block.take(key, units.probability, default=default)


def _time(block: Block, key: str, default: str) -> tuple[str, Told[Any]]:
    return f"{key}_s", block.take(key, units.duration, default=default)


def _or_never(text: str) -> float | None:
    return None if text == NEVER else units.duration(text)


def _check_knob(block: Block, key: str, value: float | str | None) -> None:
    node = block.get(key)
    if node is None or value is None or isinstance(value, str):
        return
    if key == "max_classes" and not 2 <= value <= 1000:  # noqa: PLR2004 - model.py
        refuse(node, f"max_classes is {value}", "write 2 to 1000; the rest is counted as `other`")
    if key == "max_units" and not 1000 <= value <= 100_000_000:  # noqa: PLR2004 - model.py
        refuse(node, f"max_units is {value}", "write 1000 to 100000000; each takes up to 64 bytes")
    if value == 0 and key != "routing_lag":
        refuse(node, f"{key} is 0", "write a time above 0")

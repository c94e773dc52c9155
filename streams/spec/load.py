"""What did the author of this YAML ask for?

Four facts suffice: service, baseline, candidate, route. Everything else has a default, and each
value of the result knows its source. A spec that makes no sense is refused at its line.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from streams.errors import SpecError
from streams.spec import units
from streams.spec.arms import read_candidates, read_rollout
from streams.spec.copies import read_mode, read_pair_within
from streams.spec.knobs import read_knobs
from streams.spec.metrics import read_metrics
from streams.spec.model import RolloutSpec
from streams.spec.outcomes import Asked, read_outcomes
from streams.spec.provenance import LoadedSpec, Origin, Source
from streams.spec.reader import Block, words
from streams.spec.route import read_route
from streams.spec.rules import read_targeting
from streams.spec.segments import read_segments
from streams.spec.stages import read_stages
from streams.spec.units import UnitError
from streams.yaml_lines import compose, compose_file, where

KEYS = (
    *("rollout", "service", "route", "baseline", "candidate", "candidates", "revision"),
    *("stages", "guardrails", "signals", "alpha_rollback", "alpha_promote"),
    *("timeout", "routing_lag", "report_every", "lease", "silence_rollback", "max_classes"),
    *("overdispersion", "segments", "segment_budget", "on_segment_harm"),
    *("unit", "max_units", "targeting", "outcomes", "outcome_sample", "mode", "pair_within"),
)
Part = tuple[dict[str, Any], dict[str, Source]]
"""Fields of the model, and the source of each by its path in the YAML."""


def load_spec(path: Path) -> LoadedSpec:
    """Read a rollout spec from a YAML file.

    Raises:
        SpecError: `file:line: what — what to write instead`.
    """
    return _build(compose_file(path, error=SpecError), str(path))


def parse_spec(text: str, *, name: str = "spec") -> LoadedSpec:
    """`load_spec` of text; `name` stands for the file in messages."""
    return _build(compose(text, name=name, error=SpecError), name)


def with_revision(loaded: LoadedSpec, revision: str) -> LoadedSpec:
    """The same spec for a revision that its author could not know yet.

    Raises:
        SpecError: it is no name, or the spec has several candidates or names another one.
    """
    told = loaded.spec.revision
    if told not in ("", revision):
        raise SpecError(f"--revision {revision}: the spec names `{told}` — leave one of them out")
    try:
        facts = {**dict(loaded.spec), "revision": units.words(revision)}
        spec = RolloutSpec.model_validate(facts)
    except UnitError as error:
        raise SpecError(f"--revision: {error}") from error
    except ValidationError as failure:
        raise SpecError(
            f"--{failure.errors()[0]['msg'].removeprefix('Value error, ')}"
        ) from failure
    source = Source(origin=Origin.FILE, at="--revision")
    return LoadedSpec(spec=spec, provenance={**loaded.provenance, "revision": source})


def _build(root: yaml.Node | None, name: str) -> LoadedSpec:
    if root is None:
        raise SpecError(f"{name}:1: the spec is empty — write service, baseline, candidate, route")
    block = Block(root, what="the spec", known=KEYS)
    arms, sources = _arms(block)
    plan, plan_sources = _plan(block, len(arms["candidates"]))
    watched, watched_sources = _watched(block, plan)
    sources |= plan_sources | watched_sources
    return LoadedSpec(spec=_spec(arms | plan | watched, block, name), provenance=sources)


def _arms(block: Block) -> Part:
    """Who stands against whom, and where they are told apart."""
    service = words(block, "service", example="service: digits")
    baseline = words(block, "baseline", example="baseline: v1")
    candidates, candidate_sources = read_candidates(block, baseline.value)
    route, target, route_sources = read_route(block)
    rollout = read_rollout(block, service.value, candidates)
    told = {"rollout": rollout, "service": service, "baseline": baseline}
    if (revision := block.take_optional("revision", units.words)) is not None:
        told["revision"] = revision
    facts: dict[str, Any] = {key: one.value for key, one in told.items()}
    facts |= {"candidates": candidates, "route": route, "target": target}
    sources = {key: one.source for key, one in told.items()}
    return facts, sources | candidate_sources | route_sources


def _plan(block: Block, candidates: int) -> Part:
    """Which traffic they get, step by step, and for how long things may take."""
    mode = read_mode(block)
    stages, stage_sources = read_stages(block.get("stages"), candidates, mode.value)
    knobs, knob_sources = read_knobs(block)
    within = read_pair_within(block, mode.value, knobs["timeout_s"])
    rules, rule_sources = read_targeting(block.get("targeting"))
    facts: dict[str, Any] = {"mode": mode.value, "stages": stages, "pair_within_s": within.value}
    sources = {"mode": mode.source, "pair_within": within.source}
    return (
        facts | knobs | {"targeting": rules},
        sources | stage_sources | knob_sources | rule_sources,
    )


def _watched(block: Block, plan: Mapping[str, Any]) -> Part:
    """What is looked at, and in which slices."""
    outcomes, outcome_sources = read_outcomes(block.get("outcomes"))
    metrics, metric_sources = read_metrics(
        block.get("guardrails"), block.get("signals"), Asked(outcomes), plan["mode"], plan["unit"]
    )
    segments, segment_sources = read_segments(block.get("segments"))
    facts = {"outcomes": outcomes, "metrics": metrics, "segments": segments}
    return facts, outcome_sources | metric_sources | segment_sources


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

"""Whom must a router tell apart, and can it?

A spec's targeting rules, and how a request shows its segment. Both are constant for a rollout.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from streams.actuator.ports import Capabilities, Kind, Sticky
from streams.actuator.weights import units
from streams.errors import TargetRejected
from streams.spec.dimensions import OTHER_VALUE, Dimension, SegmentHarm
from streams.spec.formats import format_weight
from streams.spec.model import FULL_BP, Mode, RolloutSpec, Unit
from streams.spec.targeting import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """How a request shows that it is of a segment."""

    header: str
    values: tuple[str, ...]
    """One of these; of a dimension's `other`: none of these."""
    other: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """Whom a router tells apart; by default nobody."""

    rules: tuple[Rule, ...] = ()
    """Any of them lets a request have a candidate; without rules every request may."""
    shown: Mapping[str, Shown] = field(default_factory=dict)
    """Segment -> how a request shows it; segments that no router needs to know are left out."""


EVERYBODY = Audience()


@dataclass(frozen=True, slots=True, kw_only=True)
class Inability:
    """What of a spec a router cannot do, and what to do about it."""

    path: str
    """In the words of the YAML: `targeting[0]`."""
    sentence: str


def audience_of(spec: RolloutSpec) -> Audience:
    """What the router of this spec must know."""
    shown = {
        name: _shown(dimension.header, dimension, value)
        for dimension in spec.segments
        if dimension.header is not None
        for name, value in zip(dimension.slices, (*dimension.values, OTHER_VALUE), strict=True)
    }
    return Audience(rules=spec.targeting, shown=shown)


def _shown(header: str, dimension: Dimension, value: str) -> Shown:
    if value == OTHER_VALUE:
        return Shown(header=header, values=dimension.values, other=True)
    return Shown(header=header, values=(value,))


def inabilities(spec: RolloutSpec, can: Capabilities) -> Iterator[Inability]:
    """What this spec asks for that a router of these capabilities cannot do."""
    router = spec.target.router
    if spec.mode is Mode.SHADOW and not can.mirror:
        yield Inability(
            path="mode",
            sentence=f"router {router} cannot copy requests to a candidate — take one that can "
            "(envoy), or write `mode: live`",
        )
    if spec.unit is Unit.USER and can.sticky is Sticky.NO:
        yield Inability(
            path="unit",
            sentence=f"router {router} draws an arm for every request anew, so users would be of "
            "both arms — write `unit: request`, or take a router that keeps users (`davy routers`)",
        )
    if can.kind is Kind.GATE and (spec.target.max_step_bp or spec.target.dwell_s):
        path = "max_step" if spec.target.max_step_bp else "dwell"
        yield Inability(
            path=f"route.{path}",
            sentence=f"router {router} goes by steps of the target's own, which say how far and "
            f"how soon — say so there, and leave {path} out",
        )
    if spec.target.max_step_bp and spec.target.max_step_bp * can.largest_weight < 2 * FULL_BP:
        finest = f"{100 / can.largest_weight:.2g} %"
        yield Inability(
            path="route.max_step",
            sentence=f"router {router} has steps of {finest}, and a max_step must be at least two "
            "of them — use a larger one, or leave it out",
        )
    yield from _too_fine(spec, can)
    if spec.on_segment_harm is SegmentHarm.SEGMENT:
        yield from _cannot_target_segments(spec, can)
    for index, rule in enumerate(spec.targeting):
        if rule.kind not in can.rules:
            known = ", ".join(sorted(can.rules)) or "none"
            yield Inability(
                path=f"targeting[{index}]",
                sentence=f"router {router} cannot compile a {rule.kind} rule (it can: {known}) — "
                "let another router move this traffic, or leave the rule out",
            )


def _too_fine(spec: RolloutSpec, can: Capabilities) -> Iterator[Inability]:
    """Stages whose share rounds to nothing at this target; a gate has steps of its own."""
    if can.kind is Kind.GATE:
        return
    for index, stage in enumerate(spec.stages):
        try:
            units(spec.weights_at(index), can.largest_weight, can.total)
        except TargetRejected as error:
            yield Inability(
                path=f"stages[{index}].weight",
                sentence=f"router {spec.target.router}, {format_weight(stage.weight_bp)}: {error}",
            )


def _cannot_target_segments(spec: RolloutSpec, can: Capabilities) -> Iterator[Inability]:
    if not can.segments:
        yield Inability(
            path="on_segment_harm",
            sentence=f"router {spec.target.router} has one weight for all requests and cannot send "
            "a single slice back — write `rollout`, or take a router that can target segments",
        )
        return
    for dimension in spec.segments:
        if dimension.header is None and can.reads_headers:
            name, values = dimension.name, ", ".join(dimension.values)
            yield Inability(
                path=f"segments.{name}",
                sentence=f"router {spec.target.router} must know which header shows the {name} — "
                f"write `{name}: {{values: [{values}], header: x-{name.lower()}}}`",
            )

"""Which words may be chosen where a spec asks for one of a few? One reader for each such choice."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

from streams.spec.dimensions import SegmentHarm
from streams.spec.model import Mode, Overdispersion, Unit
from streams.spec.outcome_facts import OutcomeKind, Probability
from streams.spec.units import UnitError

Choice = TypeVar("Choice", bound=StrEnum)


def mode(text: str) -> Mode:
    """`live` or `shadow`."""
    return _chosen(Mode, text, "is no mode", "write `live`, or `shadow` to judge copies")


def unit(text: str) -> Unit:
    """`request` or `user`."""
    instead = "write `user` where a user or session stays with one version, else `request`"
    return _chosen(Unit, text, "is nothing that routing assigns", instead)


def overdispersion(text: str) -> Overdispersion:
    """`none` or `measured`."""
    return _chosen(Overdispersion, text, "is no way to treat bursts", "write `none` or `measured`")


def segment_harm(text: str) -> SegmentHarm:
    """`rollout` or `segment`."""
    return _chosen(SegmentHarm, text, "does not go back", "write `rollout` or `segment`")


def outcome_kind(text: str) -> OutcomeKind:
    """`label`, `rate` or `mean`."""
    return _chosen(OutcomeKind, text, "is no kind of outcome", "write label, rate or mean")


def stated_in(text: str) -> Probability:
    """`score` or `confidence`."""
    return _chosen(Probability, text, "is no field of a prediction", "write score or confidence")


def yes(text: str) -> bool:
    """`true` or `false`."""
    if text.lower() not in {"true", "false"}:
        raise UnitError(f"`{text}` is neither true nor false", "write `true` or `false`")
    return text.lower() == "true"


def _chosen(kinds: type[Choice], text: str, problem: str, instead: str) -> Choice:
    if text not in set(kinds):
        raise UnitError(f"`{text}` {problem}", instead)
    return kinds(text)

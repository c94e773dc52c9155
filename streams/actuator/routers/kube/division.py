"""Who gets which split, told by header conditions that must hold? Without a single "not".

Kubernetes' route kinds add conditions up and know no negation that all of them share. So whoever
shows something gets a rule of his own, and the route itself is left to the rest: with targeting
rules to those whom no rule names, without them to those of no segment with weights of its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import assert_never

from streams.actuator.audience import Audience
from streams.actuator.ports import Arms, Segments
from streams.actuator.routers.segments import least, own_segments
from streams.actuator.weights import home
from streams.errors import TargetRejected
from streams.spec.dimensions import OTHER_VALUE
from streams.spec.model import ALL_SEGMENT, MIRROR, UNTARGETED
from streams.spec.targeting import HeaderRule, PrefixRule, Rule, RuleKind, UserHashRule, UsersRule

RULES = frozenset({RuleKind.HEADER, RuleKind.PREFIX, RuleKind.USERS})
AND = " & "


class How(StrEnum):
    """How a header is compared."""

    EXACT = "exact"
    PREFIX = "prefix"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """A condition on one header; a header that is missing shows nothing."""

    header: str
    how: How
    text: str


Signs = tuple[Sign, ...]
"""All of them hold; no header stands twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Requests that show something, and what they get."""

    label: str
    """`all`, or the declared values that they show: `country=SG & tier=free`."""
    any_of: tuple[Signs, ...]
    shares: Arms


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """Everybody: the parts, the most special first, and the rest."""

    parts: tuple[Part, ...]
    rest: Arms
    mirror: Arms = field(default_factory=dict)
    targeted: bool = False
    """Whether there are targeting rules: then the parts are who is targeted, the rest is not."""

    segment_headers: frozenset[str] = frozenset()
    """Headers that show segments with parts of their own."""

    @property
    def headers(self) -> frozenset[str]:
        """Every header that is looked at."""
        return frozenset(s.header for part in self.parts for signs in part.any_of for s in signs)


def divide(audience: Audience, weights: Segments) -> Division:
    """Who gets what.

    Raises:
        TargetRejected: a segment that no header shows, or a rule that needs a hash.
    """
    dimensions = _dimensions(audience, weights)
    targeted = bool(audience.rules)
    signs: list[Signs] = [(sign,) for sign in _named(audience.rules)] if targeted else [()]
    parts = [_part(mix, dimensions, weights, signs) for mix in _mixes(dimensions)]
    rest = (
        parts[-1].shares if not targeted else weights.get(UNTARGETED, home(weights["all"])["all"])
    )
    found = parts if targeted else parts[:-1]
    return Division(
        parts=tuple(part for part in found if part.any_of),
        rest=rest,
        mirror=weights.get(MIRROR, {}),
        targeted=targeted,
        segment_headers=frozenset(s.header for each in dimensions for s in each.signs.values()),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Dimension:
    """A dimension in which some segment has weights of its own."""

    signs: Mapping[str, Sign]
    """Segment -> what shows it; for those that need a rule."""
    other: str
    """The segment of all others, where it has weights of its own; else empty."""

    def leaves(self, sign: Sign) -> bool:
        """Whether requests with this sign may be among the others."""
        return sign not in self.signs.values()


def _dimensions(audience: Audience, weights: Segments) -> list[_Dimension]:
    grouped: dict[str, list[str]] = {}
    for segment in own_segments(weights):
        grouped.setdefault(segment.partition("=")[0], []).append(segment)
    return [_dimension(audience, name, own) for name, own in grouped.items()]


def _dimension(audience: Audience, name: str, own: list[str]) -> _Dimension:
    """Where the others have weights of their own, every declared value needs a rule."""
    other = f"{name}={OTHER_VALUE}"
    shown = {s: audience.shown[s] for s in audience.shown if s.partition("=")[0] == name}
    if missing := [segment for segment in own if segment not in shown]:
        raise TargetRejected(
            f"segment {missing[0]}: no header tells who is of it; name one under `segments`"
        )
    declared = [s for s in shown if s != other and (other in own or s in own)]
    signs = {
        s: Sign(header=shown[s].header, how=How.EXACT, text=shown[s].values[0]) for s in declared
    }
    return _Dimension(signs=signs, other=other if other in own else "")


def _mixes(dimensions: list[_Dimension]) -> list[tuple[str, ...]]:
    """A declared segment or "" of each dimension; the most special first, the rest last."""
    chosen = itertools.product(*([*dimension.signs, ""] for dimension in dimensions))
    return sorted(chosen, key=lambda mix: -sum(map(bool, mix)))


def _part(
    mix: tuple[str, ...], dimensions: list[_Dimension], weights: Segments, signs: list[Signs]
) -> Part:
    pairs = [*zip(mix, dimensions, strict=True)]
    wanted = tuple(dimension.signs[segment] for segment, dimension in pairs if segment)
    others = [dimension for segment, dimension in pairs if not segment]
    own = {*own_segments(weights)}
    mine = [name for segment, each in pairs if (name := segment or each.other) in own]
    both = (_together(each, wanted) for each in signs if _possible(each, others))
    return Part(
        label=AND.join(filter(None, mix)) or ALL_SEGMENT,
        any_of=tuple(dict.fromkeys(signs for signs in both if signs is not None)),
        shares=least(weights[name] for name in mine) if mine else weights[ALL_SEGMENT],
    )


def _possible(signs: Signs, others: list[_Dimension]) -> bool:
    return all(dimension.leaves(sign) for sign in signs for dimension in others)


def _together(one: Signs, more: Signs) -> Signs | None:
    """Both at once; None where no request shows both."""
    found = {sign.header: sign for sign in one}
    for sign in more:
        there = found.setdefault(sign.header, sign)
        if there != sign and not (there.how is How.PREFIX and sign.text.startswith(there.text)):
            return None
        found[sign.header] = sign
    return tuple(found.values())


def _named(rules: tuple[Rule, ...]) -> Iterator[Sign]:
    for rule in rules:
        match rule:
            case HeaderRule():
                yield from (_exact(rule.header, value) for value in rule.values)
            case PrefixRule():
                yield Sign(header=rule.header, how=How.PREFIX, text=rule.prefix)
            case UsersRule():
                yield from (_exact(rule.header, user) for user in rule.users)
            case UserHashRule():
                raise TargetRejected("user_hash: this route kind cannot hash users; name them")
            case _:
                assert_never(rule)


def _exact(header: str, text: str) -> Sign:
    return Sign(header=header, how=How.EXACT, text=text)

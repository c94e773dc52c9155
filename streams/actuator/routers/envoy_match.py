"""Which of Envoy's matchers tell a request of this audience apart?

A route's header matchers are all-of and its entries first-match, targeting rules are any-of. So
the one entry in front of all takes whom *no* rule names: every matcher inverted. Sources: Envoy's
`HeaderMatcher`, `WeightedCluster.use_hash_policy`, `RouteAction.HashPolicy`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, assert_never

from streams.actuator.audience import Audience, Shown
from streams.spec.targeting import HeaderRule, PrefixRule, Rule, RuleKind, UserHashRule, UsersRule

Json = dict[str, Any]
RULES = frozenset(RuleKind)


def unnamed(audience: Audience) -> list[Json]:
    """Matchers that hold together for whom no rule by name or value holds."""
    return [_not(header, how, text) for header, how, text in _named(audience.rules)]


def hash_rules(audience: Audience) -> list[UserHashRule]:
    """The ranges of users, in ascending order, overlaps joined."""
    ranges = sorted(
        (rule for rule in audience.rules if isinstance(rule, UserHashRule)),
        key=lambda rule: rule.from_bp,
    )
    joined: list[UserHashRule] = []
    for rule in ranges:
        if joined and rule.from_bp <= joined[-1].to_bp:
            end = max(joined[-1].to_bp, rule.to_bp)
            joined[-1] = joined[-1].model_copy(update={"to_bp": end})
        else:
            joined.append(rule)
    return joined


def missing(header: str) -> Json:
    """Requests without this header: Envoy would give them a random hash."""
    return {"name": header, "present_match": True, "invert_match": True}


def showing(shown: Shown) -> list[Json]:
    """Requests of a segment."""
    if shown.other:
        return [_not(shown.header, "exact", value) for value in shown.values]
    (value,) = shown.values
    return [{"name": shown.header, "string_match": {"exact": value}}]


def _named(rules: tuple[Rule, ...]) -> Iterator[tuple[str, str, str]]:
    """Header, way to compare and text of every rule but those by hash."""
    for rule in rules:
        match rule:
            case HeaderRule():
                yield from ((rule.header, "exact", value) for value in rule.values)
            case PrefixRule():
                yield rule.header, "prefix", rule.prefix
            case UsersRule():
                yield from ((rule.header, "exact", user) for user in rule.users)
            case UserHashRule():
                pass
            case _:
                assert_never(rule)


def _not(header: str, how: str, text: str) -> Json:
    """A missing header does not match; without the last line it would not match inverted either."""
    return {
        "name": header,
        "invert_match": True,
        "string_match": {how: text},
        "treat_missing_header_as_empty": True,
    }


def narrows(have: list[Mapping[str, Any]], want: list[Mapping[str, Any]]) -> bool:
    """Whether these inverted matchers leave out more people than those, and all of theirs."""
    return len(have) < len(want) and all(matcher in want for matcher in have)

"""Can these parts be had exactly beside the other rules of the object? If not, why not?

Of two matches the more special one takes a request: path, then method, then the number of headers,
then that of query parameters; then the rule that stands first. A rule of davy's has a rule's path
and method and more headers, so it must not come between that rule and another one of the same
path. Rules of *other* route objects are not seen; give a rollout's path an object of its own.
Source: Gateway API v1, HTTPRouteRule.matches, GRPCRouteRule.matches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from streams.actuator.routers.kube.division import Division, How, Signs
from streams.actuator.routers.kube.patches import Json
from streams.errors import TargetRejected

MOST_RULES, MOST_MATCHES, MOST_IN_ALL, MOST_HEADERS = 16, 64, 128, 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """What of a match counts before headers, and after them."""

    before: Callable[[Json], tuple[object, ...] | None]
    """Path and method; equal where equally special and both can hold. None: nobody can tell."""
    after: Callable[[Json], int]
    """The number of query parameters."""
    completed: Callable[[Json], Json]
    """The match with what the API adds where nothing is said."""


class Ranked(Protocol):
    """What is asked of a dialect here."""

    @property
    def ranking(self) -> Ranking:
        """How special a match is."""
        ...

    def matches(self, rule: Json) -> list[Json]:
        """What a rule matches."""
        ...


def check_exact(dialect: Ranked, others: Sequence[Json], at: int, division: Division) -> None:
    """TargetRejected with the reason and the way out."""
    base = dialect.matches(others[at])
    _check_headers(base, division)
    _check_prefixes(division)
    _check_sizes(sum(len(dialect.matches(rule)) for rule in others), len(others), base, division)
    for place, other in enumerate(others):
        if place != at and _comes_between(dialect, other, base, first=place < at):
            name = other.get("name", f"#{place}")
            raise TargetRejected(
                f"rule {name} matches the same path as the rollout's rule and comes before it for "
                "some requests, which a rule for some headers would take from it; put one of them "
                "into a route object of its own"
            )


def _check_headers(base: Sequence[Json], division: Division) -> None:
    known = {h["name"].lower() for match in base for h in match.get("headers") or ()}
    if both := sorted(known & division.headers):
        raise TargetRejected(
            f"the rollout's rule itself looks at {', '.join(both)}, which cannot be asked twice; "
            "match it in a rule of its own, or take another header for rules and segments"
        )


def _check_prefixes(division: Division) -> None:
    """A prefix and a value of one header are equally special: nobody could say which one wins."""
    each = [sign for part in division.parts for signs in part.any_of for sign in signs]
    prefixed = {sign.header for sign in each if sign.how is How.PREFIX}
    if both := sorted(prefixed & division.segment_headers):
        raise TargetRejected(
            f"a prefix rule and a segment look at one header ({', '.join(both)}), and this route "
            "kind cannot put one before the other; take a header of its own for the segment"
        )
    if bad := [sign.text for sign in each if "`" in sign.text]:
        raise TargetRejected(
            f"header value {bad[0]!r}: no route controller is safe with a backtick"
        )


def _check_sizes(total: int, rules: int, base: Sequence[Json], division: Division) -> None:
    sizes = [len(base) * len(part.any_of) for part in division.parts]
    longest = max(map(len, _signs(division))) + max(len(m.get("headers") or ()) for m in base)
    for have, most, what in (
        (rules + len(sizes), MOST_RULES, "rules in one object"),
        (max(sizes), MOST_MATCHES, "matches in one rule (a header value of a rule is one)"),
        (total + sum(sizes), MOST_IN_ALL, "matches in one object"),
        (longest, MOST_HEADERS, "headers in one match"),
    ):
        if have > most:
            raise TargetRejected(
                f"{have} {what}, and the API takes {most}; name fewer users, values or segments"
            )


def _signs(division: Division) -> list[Signs]:
    return [signs for part in division.parts for signs in part.any_of]


def _comes_between(dialect: Ranked, other: Json, base: Sequence[Json], *, first: bool) -> bool:
    """Whether another rule takes some of the requests of the base's path before the base does."""
    rank = dialect.ranking
    for mine in base:
        for match in dialect.matches(other):
            theirs, ours = rank.before(match), rank.before(mine)
            if theirs is None or ours is None or theirs == ours:
                a = (len(match.get("headers") or ()), rank.after(match))
                b = (len(mine.get("headers") or ()), rank.after(mine))
                if a > b or (a == b and first):
                    return True
    return False

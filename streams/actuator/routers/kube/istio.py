"""In what words does a VirtualService say rule, split, match, copy?

The first route whose match holds takes a request, so davy's stand right in front of the rollout's
and take nothing from others. Source: Istio, networking/v1 VirtualService.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar

from streams.actuator.ports import Arms
from streams.actuator.routers.kube.division import Division, Signs
from streams.actuator.routers.kube.patches import Json, Operation, expect
from streams.actuator.weights import units
from streams.errors import TargetNotFound, TargetRejected
from streams.spec.model import BASELINE, FULL_BP
from streams.spec.targeting import TARGETED_HEADER

OWN = "/davy "
ELSEWHERE = ("redirect", "directResponse", "delegate")


@dataclass(frozen=True, slots=True, kw_only=True)
class IstioDialect:
    """See Dialect."""

    field: ClassVar[str] = "http"
    destinations: Mapping[str, str]
    """Arm -> `host` or `host/subset`."""
    route: str | None
    """Name of the rollout's route; None: the only one."""
    total: int
    """What weights add up to."""

    @property
    def prefix(self) -> str:
        """How names of davy's routes begin."""
        return f"{self.route or ''}{OWN}"

    def locate(self, rules: Sequence[Json], where: str) -> int:
        """See Dialect."""
        names = [str(rule.get("name", f"#{at}")) for at, rule in enumerate(rules)]
        wanted = [at for at, rule in enumerate(rules) if not self.owns(rule)]
        if self.route is not None:
            wanted = [at for at in wanted if rules[at].get("name") == self.route]
        if len(wanted) != 1:
            raise TargetNotFound(
                f"{where}: {len(wanted)} http routes answer to target.options.route "
                f"`{self.route}`; it has {', '.join(names) or 'none'}"
            )
        self._check(rules[wanted[0]], f"{where}: route {names[wanted[0]]}")
        return wanted[0]

    def _check(self, rule: Json, where: str) -> None:
        have = sorted(_key(each) for each in rule.get("route") or ())
        if have != sorted(self.destinations.values()):
            raise TargetRejected(
                f"{where}: needs destinations {', '.join(self.destinations.values())} (host or "
                f"host/subset) and no others, the candidate's with weight 0 to begin with; it has "
                f"{', '.join(have) or 'none'}"
            )
        if found := [key for key in ELSEWHERE if key in rule]:
            raise TargetRejected(f"{where}: {found[0]} sends requests past the weights; remove it")

    def owns(self, rule: Json) -> bool:
        """See Dialect."""
        return str(rule.get("name", "")).startswith(self.prefix)

    def named(self, rule: Json, number: int, label: str) -> Json:  # noqa: ARG002 - labels differ
        """See Dialect."""
        return {**rule, "name": f"{self.prefix}{label}"}

    def first_own(self, at: int, rules: int) -> int:  # noqa: ARG002 - before the rollout's
        """See Dialect."""
        return at

    def guards(self, path: str, rule: Json) -> list[Operation]:
        """See Dialect."""
        named = [expect(f"{path}/name", rule["name"])] if "name" in rule else []
        return named + [
            expect(f"{path}/route/{at}/destination/{key}", each["destination"][key])
            for at, each in enumerate(rule["route"])
            for key in ("host", "subset")
            if key in each["destination"]
        ]

    def split(self, rule: Json) -> dict[str, int]:
        """See Dialect; a weight that is not given is 0, and all of a single destination's."""
        routes = rule.get("route") or ()
        unsaid = 1 if len(routes) == 1 else 0
        given = {_key(each): int(each.get("weight", unsaid)) for each in routes}
        return {arm: given.get(key, 0) for arm, key in self.destinations.items()}

    def with_split(self, rule: Json, weights: Arms) -> Json:
        """See Dialect."""
        by_key = {key: weights[arm] for arm, key in self.destinations.items()}
        return {**rule, "route": [{**each, "weight": by_key[_key(each)]} for each in rule["route"]]}

    def units(self, shares: Arms) -> dict[str, int]:
        """See Dialect."""
        return units(shares, self.total, self.total)

    def matches(self, rule: Json) -> list[Json]:
        """See Dialect."""
        return list(rule.get("match") or [{}])

    def matching(self, rule: Json, any_of: Sequence[Signs]) -> Json:
        """See Dialect."""
        made = [
            {**match, "headers": {**match.get("headers", {}), **_headers(signs)}}
            for match in self.matches(rule)
            for signs in any_of
        ]
        return {**rule, "match": made}

    def mirror(self, rule: Json) -> dict[str, int]:
        """See Dialect; both the field for one copy and the one for several count."""
        found = {arm: _copied(rule, key) for arm, key in self.destinations.items()}
        return {arm: share for arm, share in found.items() if share and arm != BASELINE}

    def with_mirror(self, rule: Json, mirror: Mapping[str, int]) -> Json:
        """See Dialect."""
        ours = {key for arm, key in self.destinations.items() if arm != BASELINE}
        kept = [each for each in rule.get("mirrors") or () if _key(each) not in ours]
        found = {_key(each): each["destination"] for each in rule.get("route") or ()}
        made = [
            {
                "destination": found[self.destinations[arm]],
                "percentage": {"value": share * 100 / FULL_BP},
            }
            for arm, share in mirror.items()
        ]
        rest = {key: value for key, value in rule.items() if key != "mirrors"}
        return {**rest, "mirrors": kept + made} if kept or made else rest

    def mark(self, rule: Json) -> str:
        """See Dialect."""
        told = _request(rule).get("set", {})
        return ",".join(str(v) for key, v in told.items() if key.lower() == TARGETED_HEADER)

    def with_mark(self, rule: Json, mark: str) -> Json:
        """See Dialect."""
        told = _request(rule)
        others = {k: v for k, v in told.get("set", {}).items() if k.lower() != TARGETED_HEADER}
        wanted = others | ({TARGETED_HEADER: mark} if mark else {})
        request = {k: v for k, v in told.items() if k != "set"} | (
            {"set": wanted} if wanted else {}
        )
        headers = {k: v for k, v in rule.get("headers", {}).items() if k != "request"}
        headers |= {"request": request} if request else {}
        rest = {key: value for key, value in rule.items() if key != "headers"}
        return {**rest, "headers": headers} if headers else rest

    def check(self, others: Sequence[Json], at: int, division: Division) -> None:
        """See Dialect; first match makes everything exact but what is asked twice."""
        base = others[at]
        if division.mirror and "mirror" in base:
            raise TargetRejected(
                "the route has a `mirror` of its own, beside which there can be no `mirrors`; "
                "write it as an entry of `mirrors`"
            )
        known = {name.lower() for match in self.matches(base) for name in _named(match)}
        if both := sorted(known & division.headers):
            raise TargetRejected(
                f"the rollout's route itself looks at {', '.join(both)}, which cannot be asked "
                "twice; match it in a route of its own, or take another header for rules and "
                "segments"
            )


def _named(match: Json) -> list[str]:
    return [*match.get("headers", {}), *match.get("withoutHeaders", {})]


def _headers(signs: Signs) -> dict[str, dict[str, str]]:
    return {sign.header: {sign.how.value: sign.text} for sign in signs}


def _key(each: Json) -> str:
    to: dict[str, Any] = each.get("destination") or {}
    return f"{to.get('host')}/{to['subset']}" if to.get("subset") else str(to.get("host"))


def _copied(rule: Json, key: str) -> int:
    """Basis points copied to a destination, rounded up; everything where no share is given."""
    one = rule.get("mirror")
    alone = {"destination": one, "percentage": rule.get("mirrorPercentage")} if one else None
    entries = [*(rule.get("mirrors") or ()), *([alone] if alone else [])]
    shares = [each.get("percentage") for each in entries if _key(each) == key]
    return min(FULL_BP, sum(FULL_BP if p is None else _bp(p.get("value", 0)) for p in shares))


def _bp(percent: float) -> int:
    """0.07 as it is written is 7, though 100 times the nearest binary number is more."""
    return math.ceil(Decimal(str(percent)) * 100)


def _request(rule: Json) -> dict[str, Any]:
    return dict(rule.get("headers", {}).get("request") or {})

"""In what words do HTTPRoute and GRPCRoute say rule, split, match, copy?

Source: Gateway API v1. Which rule takes a request is decided by how special its match is; of those
that are equally so, the first one takes it. So davy's rules stand last and move nobody's place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from streams.actuator.ports import Arms
from streams.actuator.routers.kube import gateway_filters as filters
from streams.actuator.routers.kube.division import Division, How, Sign, Signs
from streams.actuator.routers.kube.gateway_exact import Ranking, check_exact
from streams.actuator.routers.kube.patches import Json, Operation, expect
from streams.errors import TargetNotFound, TargetRejected

OWN = ".davy-"


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayDialect:
    """See Dialect; the same for both kinds but for how special a match is."""

    field: ClassVar[str] = "rules"
    backends: Mapping[str, str]
    """Arm -> name of its backend."""
    rule: str | int | None
    """Name or place of the rollout's rule; None: the only one."""
    ranking: Ranking

    @property
    def prefix(self) -> str:
        """How names of davy's rules begin."""
        stem = self.rule if isinstance(self.rule, str) else f"rule-{self.rule or 0}"
        return f"{stem}{OWN}"

    def locate(self, rules: Sequence[Json], where: str) -> int:
        """See Dialect."""
        names = [str(rule.get("name", f"#{at}")) for at, rule in enumerate(rules)]
        found = [at for at, rule in enumerate(rules) if not self.owns(rule) and self._is(at, rule)]
        if len(found) != 1:
            raise TargetNotFound(
                f"{where}: {len(found)} rules answer to target.options.rule `{self.rule}`; "
                f"it has {', '.join(names) or 'none'}"
            )
        self._check(rules[found[0]], f"{where}: rule {names[found[0]]}")
        return found[0]

    def _is(self, at: int, rule: Json) -> bool:
        if self.rule is None:
            return True
        return at == self.rule if isinstance(self.rule, int) else rule.get("name") == self.rule

    def _check(self, rule: Json, where: str) -> None:
        have = sorted(str(ref.get("name")) for ref in rule.get("backendRefs") or ())
        if have != sorted(self.backends.values()):
            raise TargetRejected(
                f"{where}: needs backendRefs with exactly {', '.join(self.backends.values())}, "
                f"the candidate's with weight 0 to begin with; it has {', '.join(have) or 'none'}"
            )

    def owns(self, rule: Json) -> bool:
        """See Dialect."""
        return str(rule.get("name", "")).startswith(self.prefix)

    def named(self, rule: Json, number: int, label: str) -> Json:  # noqa: ARG002 - no room for it
        """See Dialect."""
        return {**rule, "name": f"{self.prefix}{number}"}

    def first_own(self, at: int, rules: int) -> int:  # noqa: ARG002 - they stand last
        """See Dialect."""
        return rules

    def guards(self, path: str, rule: Json) -> list[Operation]:
        """See Dialect."""
        refs = enumerate(rule["backendRefs"])
        named = [expect(f"{path}/name", rule["name"])] if "name" in rule else []
        return [*named, *(expect(f"{path}/backendRefs/{at}/name", r["name"]) for at, r in refs)]

    def split(self, rule: Json) -> dict[str, int]:
        """See Dialect; a weight that is not given is 1."""
        given = {
            ref.get("name"): int(ref.get("weight", 1)) for ref in rule.get("backendRefs") or ()
        }
        return {arm: given.get(name, 0) for arm, name in self.backends.items()}

    def with_split(self, rule: Json, weights: Arms) -> Json:
        """See Dialect."""
        by_name = {name: weights[arm] for arm, name in self.backends.items()}
        refs = [{**ref, "weight": by_name[ref["name"]]} for ref in rule["backendRefs"]]
        return {**rule, "backendRefs": refs}

    def units(self, shares: Arms) -> dict[str, int]:
        """Basis points as they are."""
        return dict(shares)

    def matches(self, rule: Json) -> list[Json]:
        """See Dialect; with what the API adds where nothing is said."""
        return [self.ranking.completed(match) for match in rule.get("matches") or [{}]]

    def matching(self, rule: Json, any_of: Sequence[Signs]) -> Json:
        """See Dialect."""
        made = [
            {**match, "headers": [*(match.get("headers") or ()), *map(header_match, signs)]}
            for match in rule.get("matches") or [{}]
            for signs in any_of
        ]
        return {**rule, "matches": made}

    def mirror(self, rule: Json) -> dict[str, int]:
        """See Dialect."""
        return filters.copies(rule, self.backends)

    def with_mirror(self, rule: Json, mirror: Mapping[str, int]) -> Json:
        """See Dialect."""
        return filters.copying(rule, mirror, self.backends)

    def mark(self, rule: Json) -> str:
        """See Dialect."""
        return filters.mark(rule)

    def with_mark(self, rule: Json, mark: str) -> Json:
        """See Dialect."""
        return filters.marked(rule, mark)

    def check(self, others: Sequence[Json], at: int, division: Division) -> None:
        """See Dialect."""
        base = others[at]
        if base.get("sessionPersistence"):
            raise TargetRejected(
                "sessionPersistence pins users to a candidate, and they would stay there after a "
                "rollback; remove it from the rule, davy raises nothing before that"
            )
        if division.parts:
            check_exact(self, others, at, division)


def header_match(sign: Sign) -> dict[str, Any]:
    """A condition in the API's words; a prefix as a regular expression that fits the whole."""
    if sign.how is How.EXACT:
        return {"type": "Exact", "name": sign.header, "value": sign.text}
    value = f"^{re.escape(sign.text)}.*$"
    return {"type": "RegularExpression", "name": sign.header, "value": value}

"""In what words does a kind of object say rule, split, match, copy? One dialect a kind.

All functions are pure: they take a rule as JSON and give a changed copy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from streams.actuator.ports import Arms
from streams.actuator.routers.kube.division import Division, Signs
from streams.actuator.routers.kube.patches import Json, Operation


class Dialect(Protocol):
    """How one kind of object says things."""

    @property
    def field(self) -> str:
        """The list under `spec` that holds the rules."""
        ...

    def locate(self, rules: Sequence[Json], where: str) -> int:
        """Which rule is the rollout's. TargetNotFound, or TargetRejected where it is unfit."""
        ...

    def owns(self, rule: Json) -> bool:
        """Whether davy made it for this rollout's rule."""
        ...

    def named(self, rule: Json, number: int, label: str) -> Json:
        """The rule under a name that says it is davy's; `label` is for people."""
        ...

    def first_own(self, at: int, rules: int) -> int:
        """Where davy's rules begin, in a list of so many others with the rollout's rule `at`."""
        ...

    def guards(self, path: str, rule: Json) -> list[Operation]:
        """Tests that the names in the rollout's rule are still those that were seen."""
        ...

    def split(self, rule: Json) -> dict[str, int]:
        """Arm -> weight."""
        ...

    def with_split(self, rule: Json, weights: Arms) -> Json:
        """The rule with these weights, each given explicitly."""
        ...

    def units(self, shares: Arms) -> dict[str, int]:
        """Weights of shares in basis points. TargetRejected below the resolution."""
        ...

    def matches(self, rule: Json) -> list[Json]:
        """What it matches: any of these."""
        ...

    def matching(self, rule: Json, any_of: Sequence[Signs]) -> Json:
        """The rule for those of its requests that show any of these."""
        ...

    def mirror(self, rule: Json) -> dict[str, int]:
        """Candidate -> basis points of requests copied to it, rounded up; those above nothing."""
        ...

    def with_mirror(self, rule: Json, mirror: Mapping[str, int]) -> Json:
        """The rule with these copies; those to strangers are kept."""
        ...

    def mark(self, rule: Json) -> str:
        """What its requests tell the service of being targeted; empty: nothing."""
        ...

    def with_mark(self, rule: Json, mark: str) -> Json:
        """The rule whose requests tell that; empty takes it away."""
        ...

    def check(self, others: Sequence[Json], at: int, division: Division) -> None:
        """TargetRejected where parts cannot be had exactly beside these rules, none of them own."""
        ...

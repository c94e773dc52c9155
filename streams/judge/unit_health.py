"""Can users be counted at all? Routing must be sticky, and all of them must be told apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from streams.judge.arrivals import Arrivals
from streams.judge.decision_facts import HealthCheck

STRAYED = 0.05
"""Share of the baseline's users that may come from another arm while weights stand still.

Weights only rise, so a sticky route brings nobody back. Users who come and go are seen by the arm
with the small weight in one request and by the other in ten: the candidate would look harmless.
"""
LEAST = 200
"""Users seen before that share says anything."""
WORN = 0.1
"""Share of the users that must still be at risk."""


@dataclass(slots=True)
class UnitHealth:
    """What was seen of users in the current stage, and whether any was ever lost."""

    lost: bool = False
    seen: int = 0
    at_risk: int = 0
    returned: int = 0
    returning: int = 0

    def hear(self, arrivals: Arrivals) -> None:
        """Any pane, at once."""
        self.lost = self.lost or arrivals.lost > 0

    def settle(self, arrivals: Arrivals) -> None:
        """A confirmed pane of the current stage, outside the guard."""
        self.seen += arrivals.seen
        self.at_risk += arrivals.at_risk
        self.returned += arrivals.returned
        self.returning += arrivals.returning

    def enter_stage(self) -> None:
        """Whoever was lost stays lost."""
        self.seen = self.at_risk = self.returned = self.returning = 0

    @property
    def strayed(self) -> float | None:
        """Share of the baseline's users whom another arm had served; None if nobody was seen."""
        return self.returned / self.returning if self.returning else None

    def failure(self, *, dropped: bool) -> str:
        """Why units say nothing, empty if they do.

        Once a candidate is `dropped`, its users rightly come back to the baseline.
        """
        if self.lost:
            return (
                "too_many: a source partition met more users than max_units; "
                "apply again with a larger max_units, or with unit: request"
            )
        if not dropped and self.returning >= LEAST and (self.strayed or 0.0) > STRAYED:
            return (
                "not_sticky: users come back to the baseline from a candidate; "
                "make the route sticky, or apply again with unit: request"
            )
        return ""

    def check(self, *, dropped: bool) -> HealthCheck:
        """The check; observed is the share of the baseline's users who came from elsewhere."""
        failure = self.failure(dropped=dropped)
        risk = self.at_risk / self.seen if self.seen else 1.0
        worn = self.seen >= LEAST and risk < WORN
        told = f"{risk:.0%} of the users seen had not erred before"
        reason = failure or (f"worn_out: {told}; harm would be found late" if worn else told)
        return HealthCheck(
            name="units",
            ok=not failure and not worn,
            reason=reason,
            log_e=0.0,
            log_e_threshold=0.0,
            observed=self.strayed,
            expected=0.0,
        )

    def to_state(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Read what `to_state` wrote."""
        return cls(**state)

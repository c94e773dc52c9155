"""What do units (users) of one (segment, arm) do in a pane? Those at risk, what befell them first.

A unit is at risk of an error until it has erred in this rollout, whichever arm served it, and errs
once (`streams.evidence.units`). For latency its slowest request takes the error's place: two
histograms tell for every limit how many had kept it so far, and how many broke it now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from streams.sketches.log_histogram import LogHistogram

COUNTS = (
    *("seen", "error_risk", "errors", "timeout_risk", "timeouts"),
    *("fresh", "crossed", "unnamed", "lost"),
)


@dataclass(slots=True)
class Slowest:
    """Units of a pane by the bucket of their slowest request: before the pane, and after it."""

    before: LogHistogram = field(default_factory=LogHistogram)
    after: LogHistogram = field(default_factory=LogHistogram)

    def first_exceedances(self, edge: int) -> tuple[int, int]:
        """Units never above this bucket before, and those of them that are now."""
        above = self.before.count_above(edge)
        return self.before.total - above, self.after.count_above(edge) - above


@dataclass(slots=True)
class UnitCell:
    """Mergeable counts of units; those of different source partitions are different units."""

    seen: int = 0
    """Different units, those that are lost left out."""
    error_risk: int = 0
    """Those that had not erred in an earlier pane."""
    errors: int = 0
    """Those of them that erred in this one."""
    timeout_risk: int = 0
    timeouts: int = 0
    fresh: int = 0
    """Units that the rollout had not seen, where this arm alone served them."""
    crossed: int = 0
    """Units that another arm had served before."""
    unnamed: int = 0
    """Requests without a unit; each was its own."""
    lost: int = 0
    """Units that could not be told apart any more, and are not counted."""
    slowest: dict[int, Slowest] = field(default_factory=dict)
    """By the buckets that a candidate's latencies are lowered by: a margin."""

    def merge(self, other: Self) -> None:
        """Add another source partition's units."""
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for shift, slowest in other.slowest.items():
            own = self.slowest.setdefault(shift, Slowest())
            own.before.merge(slowest.before)
            own.after.merge(slowest.after)

    def copy(self) -> Self:
        """An independent copy."""
        copied = type(self)()
        copied.merge(self)
        return copied

    def first_exceedances(self, shift: int, edge: int) -> tuple[int, int]:
        """Units at risk of their first latency above `edge`, candidates' lowered by `shift`.

        And those that it befell.
        """
        slowest = self.slowest.get(shift)
        return slowest.first_exceedances(edge) if slowest else (0, 0)

    def to_state(self) -> dict[str, Any]:
        """The Avro record `davy.UnitCell`."""
        slowest = [
            {"shift": shift, "before": each.before.to_state(), "after": each.after.to_state()}
            for shift, each in sorted(self.slowest.items())
        ]
        return {name: getattr(self, name) for name in COUNTS} | {"slowest": slowest}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Read what `to_state` wrote."""
        slowest = {
            each["shift"]: Slowest(
                before=LogHistogram.from_state(each["before"]),
                after=LogHistogram.from_state(each["after"]),
            )
            for each in state["slowest"]
        }
        return cls(**{name: state[name] for name in COUNTS}, slowest=slowest)

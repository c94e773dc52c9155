"""What is known from outcomes? Every outcome of a rollout, beside what requests tell at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from streams.judge.budget import alpha_shares
from streams.judge.contest import Found
from streams.judge.decision_facts import Figure, HealthCheck, Verdict
from streams.judge.facts import PaneInput
from streams.judge.health import told
from streams.judge.monitors.watch import Watch
from streams.judge.outcomes.awaited import Awaited, Usable
from streams.judge.weights import SPANS_KEPT, WeightTimeline
from streams.spec.model import ALL_SEGMENT, RolloutSpec

LONG_SPANS_KEPT = 512
"""Changes and gaps of weights that are remembered until outcomes have matured."""


def spans_kept(spec: RolloutSpec) -> int:
    """How many spans of weights a rollout must remember: cohorts ask of a window ago."""
    return LONG_SPANS_KEPT if spec.outcomes else SPANS_KEPT


class OutcomeField:
    """The outcomes of a rollout; of one without any it is empty and costs nothing."""

    def __init__(self, spec: RolloutSpec, pane_ms: int) -> None:
        """Raise `SpecError` where a metric lacks what its kind needs."""
        shares = alpha_shares(spec)
        self._by_name = {
            outcome.name: Awaited(spec, outcome, shares, pane_ms) for outcome in spec.outcomes
        }
        self._fates: dict[str, int] = {}

    def take(self, pane: PaneInput, timeline: WeightTimeline) -> None:
        """The cohorts that came with a pane."""
        for cohort in pane.cohorts:
            self._by_name[cohort.outcome].take(cohort, timeline)
        if pane.fates:
            self._fates = dict(pane.fates)

    def settle(self, timeline: WeightTimeline, usable: Usable) -> None:
        """Cohorts of the current stage, for promotion."""
        for awaited in self._by_name.values():
            awaited.settle(timeline, usable)

    @property
    def dropped(self) -> int:
        """Cohorts of the current stage that were given up unconfirmed."""
        return sum(awaited.dropped for awaited in self._by_name.values())

    def found(self, candidate: str, invalid: str) -> list[Found]:
        """What was found of a candidate; `invalid` names the failed health check, if any."""
        each = (awaited.found(candidate, invalid) for awaited in self._by_name.values())
        return [found for many in each for found in many]

    def watches(self, candidate: str | None = None) -> list[Watch]:
        """Of one candidate in the whole; of all rows where none is named."""
        every = (w for a in self._by_name.values() for t in a.tested for w in t.watches)
        if candidate is None:
            return list(every)
        mine = (ALL_SEGMENT, candidate)
        return [watch for watch in every if (watch.claim.segment, watch.claim.candidate) == mine]

    def failed(self, candidates: Sequence[str]) -> tuple[str, ...]:
        """Failed checks of outcomes with metrics: while there are any, no weight is raised."""
        return tuple(
            f"{name} of {candidate}"
            for awaited in self._by_name.values()
            for candidate in candidates
            for name in awaited.failed(candidate)
        )

    def verdicts(self, invalid: str) -> tuple[Verdict, ...]:
        """Of every metric and row, outcome by outcome."""
        each = (awaited.verdicts(invalid) for awaited in self._by_name.values())
        return tuple(verdict for many in each for verdict in many)

    def checks(self) -> tuple[HealthCheck, ...]:
        """Whether outcomes can be compared, and what became of them."""
        if not self._by_name:
            return ()
        each = tuple(check for awaited in self._by_name.values() for check in awaited.checks())
        counts = ", ".join(f"{name} {count}" for name, count in self._fates.items() if count)
        reason = f"told: of all rollouts together {counts}" if counts else "none"
        return (*each, told("outcomes", reason, ok=True, observed=None, expected=None))

    def figures(self) -> tuple[Figure, ...]:
        """What is shown of each arm."""
        each = (awaited.figures() for awaited in self._by_name.values())
        return tuple(figure for many in each for figure in many)

    def forget(self, dimension: str, gone: Collection[str]) -> None:
        """Slices of a dimension left: rows that had exposures of theirs begin anew with harm."""
        for awaited in self._by_name.values():
            for tested in awaited.tested:
                tested.forget(dimension, gone)

    def enter_stage(self) -> None:
        """What was shown in an earlier stage does not promote."""
        for awaited in self._by_name.values():
            awaited.enter_stage()

    def to_state(self) -> dict[str, Any]:
        """Everything that was learnt, as JSON values."""
        outcomes = {name: awaited.to_state() for name, awaited in self._by_name.items()}
        return {"outcomes": outcomes, "fates": self._fates}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `to_state` wrote for the same spec."""
        for name, awaited in self._by_name.items():
            awaited.restore(state["outcomes"][name])
        self._fates = dict(state["fates"])

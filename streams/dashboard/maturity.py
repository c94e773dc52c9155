"""How mature are the labels of a rollout? Pure functions."""

from __future__ import annotations

from collections.abc import Mapping

from streams.dashboard.answers.series import ArmMaturity, CohortTold, Maturity, OutcomeMaturity
from streams.dashboard.pane_book import PaneBook
from streams.dashboard.ripening import Ripening, Tally
from streams.dashboard.shares import PERCENT
from streams.spec.model import RolloutSpec
from streams.spec.outcome_facts import Outcome

MOST_COHORTS = 120


def maturity_of(spec: RolloutSpec, book: PaneBook) -> Maturity:
    """Of each outcome that the spec awaits."""
    return Maturity(
        outcomes=[
            _outcome(spec, outcome, book.outcomes.get(outcome.name, Ripening()), book.pane_ms)
            for outcome in spec.outcomes
        ]
    )


def _outcome(
    spec: RolloutSpec, outcome: Outcome, ripening: Ripening, pane_ms: int
) -> OutcomeMaturity:
    return OutcomeMaturity(
        outcome=outcome.name,
        window_s=outcome.window_s,
        delivery_s=outcome.delivery_s,
        arms=[_arm(arm, ripening.tallies.get(arm, Tally())) for arm in spec.arms],
        cohorts=[
            CohortTold(
                from_s=first * pane_ms / 1000,
                through_s=(first + told.panes) * pane_ms / 1000,
                complete=told.complete,
                exposures=_counts(spec, told.exposures),
                labelled=_counts(spec, told.labelled),
            )
            for first, told in ripening.cohorts(MOST_COHORTS)
        ],
    )


def _arm(arm: str, tally: Tally) -> ArmMaturity:
    coverage = PERCENT * tally.labelled / tally.matured if tally.matured else None
    return ArmMaturity(
        arm=arm,
        exposures=tally.exposures,
        matured=tally.matured,
        labelled=tally.labelled,
        coverage_pct=coverage,
    )


def _counts(spec: RolloutSpec, counts: Mapping[str, int]) -> dict[str, int]:
    return {arm: counts.get(arm, 0) for arm in spec.arms}

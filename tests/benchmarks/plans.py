"""What is judged meanwhile? Rollouts that stay in their first stage, weights confirmed."""

from __future__ import annotations

from streams.spec.model import FULL_BP, Stage
from tests.agents.pipeline import Pipeline, spec
from tests.benchmarks.events import CANDIDATE_SHARE

WEIGHT_BP = round(CANDIDATE_SHARE * FULL_BP)
STAYS = (Stage(weight_bp=WEIGHT_BP, min_time_s=1e6), Stage(weight_bp=FULL_BP))
"""A rollout with these ends by no decision of its own."""
LIVE = spec(report_every_s=1.0, stages=STAYS)
"""Decides each second and stays where it is."""
BEFORE_MS, CONFIRMED_S = 60_000, 3540
"""Before the first event, and from it on: for so long the weights are confirmed."""


def confirm(flow: Pipeline, rollout: str, first_ms: int) -> None:
    """Its traffic is where its first stage wants it, since before the first event and for an hour.

    Without that panes are tested for harm alone: neither for promotion nor for the sample ratio.
    """
    flow.routed(rollout, "observed", WEIGHT_BP, first_ms - BEFORE_MS, 0)


def check_promotion(flow: Pipeline) -> None:
    """The last decision of each rollout tells of evidence for promotion."""
    last = {each["rollout"]: each for each in flow.decisions()}
    assert last, "nothing was decided"
    for rollout, decision in last.items():
        told = max(verdict["log_e_safe"] for verdict in decision["verdicts"])
        assert told > 0, f"{rollout} has no evidence for promotion"

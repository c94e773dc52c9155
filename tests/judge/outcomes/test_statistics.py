"""Delays, coverage and ramps through the judge itself: how often is it wrong, how soon right?

Reduced runs of what `tests/evidence/test_labels.py` shows of the formulas at scale.
"""

from __future__ import annotations

import pytest

from streams.evidence.budget import log_threshold
from streams.judge.decision_facts import Action, Decision, Finding
from streams.spec.model import FULL_BP, Stage
from tests.evidence.simulate import band
from tests.judge.outcomes.world import (
    ACCURACY,
    CONVERSION,
    LABEL,
    SALE,
    Answers,
    OutcomeWorld,
    check,
    outcome_spec,
    run,
    verdict,
)

pytestmark = [pytest.mark.statistics, pytest.mark.timeout(900)]

STREAMS = 40
RAMP = (
    Stage(weight_bp=500, min_time_s=20),
    Stage(weight_bp=2000, min_time_s=20),
    Stage(weight_bp=5000, min_time_s=20),
    Stage(weight_bp=FULL_BP),
)


def shock(second: int) -> float:
    """Both arms answer worse and worse, in bursts."""
    return (1.0 + second / 100) * (2.0 if second % 40 < 10 else 1.0)


def last_of(seed: int, seconds: int = 150, **changes: object):
    """The last decision on a world of its own."""
    return run(OutcomeWorld(seed=seed, **changes), seconds)[-1]


def crossed(ends: list[Decision], metric: str, alpha: float) -> float:
    """Share of rollouts in which harm was ever shown at alpha; they were judged at .01."""
    limit = log_threshold(alpha)
    return sum(verdict(end, metric).log_e_harm >= limit for end in ends) / len(ends)


class TestNothingIsWrong:
    """Exposures whose outcomes have not come never look like anything; shocks hit both arms."""

    @pytest.mark.parametrize(
        ("metric", "outcome", "answers"),
        [(ACCURACY, LABEL, Answers()), (CONVERSION, SALE, Answers(coverage=0.3))],
        ids=["mistakes", "conversions"],
    )
    def test_under_a_ramp_with_delays_few_are_rolled_back(self, metric, outcome, answers):
        exact = metric.model_copy(update={"margin": 0.0})
        spec = outcome_spec(exact, outcomes=(outcome,), stages=RAMP)
        world = {"spec": spec, "rate": 60, "baseline": answers, "candidate": answers}
        ends = [last_of(seed, 120, drift=shock, **world) for seed in range(STREAMS)]
        for alpha in (0.05, 0.01):
            assert crossed(ends, metric.name, alpha) <= band(alpha, STREAMS)
        assert not any(check.log_e >= log_threshold(0.001) for e in ends for check in e.health)
        assert all(verdict(end, metric.name).exposures["candidate"] > 500 for end in ends)


class TestBias:
    def test_twice_the_delay_is_flagged_before_the_matured_verdict(self):
        """W = 4 mean delays: slower conversions would else be fewer conversions."""
        metric = CONVERSION.model_copy(update={"margin": 0.0})
        spec = outcome_spec(metric, outcomes=(SALE,))
        usual, slow = Answers(coverage=0.3, mean_delay_s=10), Answers(coverage=0.3, mean_delay_s=20)
        ends = [
            last_of(seed, spec=spec, rate=20, baseline=usual, candidate=slow, seconds=600)
            for seed in range(20)
        ]
        flagged = [end for end in ends if verdict(end, "sale").finding is Finding.INVALID]
        assert len(flagged) >= 0.95 * len(ends)
        assert not any(check(end, "label_delay:sale").ok for end in flagged)

    def test_a_coverage_gap_promotes_nobody(self):
        """.9 against .8 labelled, mistakes exactly at the margin."""
        spec = outcome_spec(ACCURACY, alpha_promote=0.05)
        candidate = Answers(coverage=0.8, wrong=0.105)
        ends = [
            last_of(seed, spec=spec, rate=200, candidate=candidate, seconds=200)
            for seed in range(20)
        ]
        assert not any(end.action is Action.PROMOTE for end in ends)
        gaps = [end for end in ends if not check(end, "label_coverage:label").ok]
        assert len(gaps) >= 0.95 * len(ends)

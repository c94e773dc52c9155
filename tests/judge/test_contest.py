"""Several candidates: the harmful go, the best of the harmless is promoted."""

from __future__ import annotations

import math

import pytest

from streams.judge.contest import Standing, lacking, winner
from streams.judge.decision_facts import Action, Decision, Finding
from streams.judge.facts import CommandKind
from streams.judge.rollout import RolloutJudge
from streams.spec.model import ALL_SEGMENT, FULL_BP, Candidate, Stage
from tests.judge.world import ERRORS, GOOD, PANE_MS, SUCCESS, Model, World, make_spec, run

TWO = (Candidate(name="a", version="v2"), Candidate(name="b", version="v3"))
BAD = Model(errors=0.5)


def judged(
    a: Model, b: Model, commands: dict[int, CommandKind] | None = None, **spec: object
) -> list[Decision]:
    asked = make_spec(**{"candidates": TWO, "metrics": (ERRORS, SUCCESS)} | spec)
    world = World(spec=asked, models={"a": a, "b": b}, rate=400)
    return run(RolloutJudge(asked, PANE_MS), world, 400, commands)


def weights(decision: Decision) -> dict[str, int]:
    return decision.weights_bp[ALL_SEGMENT]


class TestHarm:
    """Harm of one candidate is no reason to lose the other."""

    def test_the_harmful_goes_the_other_stays(self) -> None:
        decisions = judged(GOOD, BAD)
        drop = next(d for d in decisions if d.reason.startswith("candidate_dropped"))
        assert (drop.action, drop.terminal, drop.stage) == (Action.HOLD, False, 0)
        assert weights(drop) == {"baseline": FULL_BP - 250, "a": 250, "b": 0}
        last = decisions[-1]
        assert Action.PROMOTE is last.action
        assert weights(last) == {"baseline": 0, "a": FULL_BP, "b": 0}

    def test_what_was_taken_out_never_comes_back(self) -> None:
        decisions = judged(GOOD, BAD)
        seqs = [d.seq for d in decisions if d.reason.startswith("candidate_dropped")]
        later = [d for d in decisions if d.seq >= seqs[0]]
        assert {weights(d)["b"] for d in later} == {0}
        assert {v.finding for v in decisions[-1].verdicts if v.candidate == "b"} >= {Finding.HARM}

    def test_none_left_is_a_rollback(self) -> None:
        last = judged(BAD, BAD)[-1]
        assert (last.action, last.terminal) == (Action.ROLLBACK, True)
        assert weights(last) == {"baseline": FULL_BP, "a": 0, "b": 0}

    def test_a_person_promotes_one_of_those_left(self) -> None:
        last = judged(GOOD, BAD, {30: CommandKind.PROMOTE})[-1]
        assert weights(last) == {"baseline": 0, "a": FULL_BP, "b": 0}


class TestPromotion:
    """One candidate wins."""

    def test_the_better_of_two_harmless(self) -> None:
        last = judged(Model(errors=0.01), Model(errors=0.0))[-1]
        assert (last.action, weights(last)["b"]) == (Action.PROMOTE, FULL_BP)

    def test_each_has_its_part_of_both_budgets(self) -> None:
        verdicts = judged(GOOD, GOOD)[-1].verdicts
        assert math.fsum(v.alpha_share for v in verdicts) == pytest.approx(0.01)
        assert [v.log_e_safe_threshold for v in verdicts] == [pytest.approx(math.log(40))] * 4

    def test_the_proven_wins_when_time_is_up(self) -> None:
        """b can be shown neither harmful nor harmless at a success rate at its very limit."""
        stages = (
            Stage(weight_bp=5_000, min_time_s=10, max_time_s=200),
            Stage(weight_bp=FULL_BP),
        )
        at_limit = Model(errors=0.1)
        decisions = judged(Model(errors=0.01), at_limit, stages=stages, metrics=(SUCCESS,))
        last = decisions[-1]
        assert (last.action, weights(last)["a"]) == (Action.PROMOTE, FULL_BP)
        findings = {v.candidate: v.finding for v in last.verdicts}
        assert findings == {"a": Finding.NO_HARM, "b": Finding.UNDECIDED}


def one(name: str, at_worst: float, *unproven: str) -> tuple[Standing, float]:
    standing = Standing(candidate=name, findings=(), harmed=(), suspicious=(), unproven=unproven)
    return standing, at_worst


class TestWinner:
    """By hand."""

    @pytest.mark.parametrize(
        ("standings", "expected"),
        [
            ([one("a", 1.2), one("b", 1.1)], "b"),
            ([one("a", 1.1), one("b", 1.1)], "a"),
            ([one("a", 0.9, "p99 of a"), one("b", 1.4)], "b"),
            ([one("a", math.inf, "p99 of a"), one("b", 1.4, "p99 of b")], "b"),
        ],
    )
    def test_is_the_best_of_the_proven(
        self, standings: list[tuple[Standing, float]], expected: str
    ) -> None:
        assert winner(standings) == expected

    def test_lacking(self) -> None:
        both = [one("a", 1.0)[0], one("b", 1.0, "p99 of b")[0]]
        assert lacking(both, overtime=False) == ("p99 of b",)
        assert lacking(both, overtime=True) == ()
        assert lacking(both[1:], overtime=True) == ("p99 of b",)

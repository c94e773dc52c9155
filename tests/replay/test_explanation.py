"""What would have changed a verdict is true: judged with it, the verdict is another."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import pytest

from streams.judge.decision_facts import Decision
from streams.judge.monitors.evidence import Closed
from streams.replay.cuts import replay_decisions
from streams.replay.explanation import Basis, Explanation, Told, explain_again, explain_recorded
from streams.replay.records import Trail
from streams.replay.rollout import judged_panes
from streams.replay.rough import pooled_log_e
from streams.replay.witness import moved
from tests.replay.trails import SPEC, decisions_of, trail, with_decision


def explained(found: Trail, place: int = -1) -> Explanation:
    return explain_again(found.decisions[place], found)


def told_of(explanation: Explanation, metric: str) -> Told:
    return next(told for told in explanation.told if told.verdict.metric == metric)


def judged_with(found: Trail, events: int) -> Decision | None:
    """The last decision, had the newest panes so many of the candidate's errors more or fewer."""
    panes = judged_panes(SPEC, copy.deepcopy(list(found.panes)))
    decisions = decisions_of(found)
    left = events
    for pane in sorted((p for p in panes if p <= decisions[-1].cut.pane), reverse=True):
        cell = panes[pane].cells.get(("all", "candidate"))
        if cell is not None and left:
            step = max(left, -cell.errors) if left < 0 else min(left, cell.exposures - cell.errors)
            cell.errors, left = cell.errors + step, left - step
    again = replay_decisions(
        SPEC, decisions[0].pane_ms, panes, found.routing, found.commands, decisions
    )
    last = decisions[-1].cut.pane
    return next((decision for decision in again if decision.cut.pane == last), None)


class TestTurns:
    def test_a_rollback_hangs_on_that_many_errors(self) -> None:
        """The judge itself, on the panes with so many errors fewer, does not roll back."""
        found = trail("errors")
        turn = told_of(explained(found), "errors").harm
        assert turn is not None
        assert turn.crossed
        assert turn.events is not None
        assert turn.events < 0
        without = judged_with(found, turn.events)
        assert without is None or without.action != "rollback"
        kept = judged_with(found, turn.events + 1)
        assert kept is not None
        assert kept.action == "rollback"

    def test_a_promotion_hangs_on_that_many_errors(self) -> None:
        told = told_of(explained(trail("good", 90)), "errors")
        assert told.harm is not None
        assert told.safe is not None
        assert not told.harm.crossed
        assert told.safe.crossed
        assert 0 < (told.safe.events or 0) < (told.harm.events or 0)

    @pytest.mark.parametrize("place", range(5))
    def test_every_decision_is_judged_again(self, place: int) -> None:
        explanation = explained(trail(), place)
        assert explanation.remark == ""
        assert {told.basis for told in explanation.told} == {Basis.REJUDGED}
        assert sum(told.budget_share or 0 for told in explanation.told) == pytest.approx(1.0)

    def test_a_mix_has_no_events_to_count(self) -> None:
        told = told_of(explained(trail()), "classes")
        assert (told.harm, told.safe) == (None, None)

    def test_a_tampered_decision_is_said_to_be_one(self) -> None:
        found = trail()
        record = copy.deepcopy(found.decisions[-1].record)
        record["verdicts"][0]["events"]["candidate"] += 1
        explanation = explained(with_decision(found, -1, record))
        assert "run davy replay digits-2" in explanation.remark
        assert {told.basis for told in explanation.told} == {Basis.POOLED}

    def test_without_panes_it_says_why(self) -> None:
        records = {**trail().records, "panes": ()}
        explanation = explained(Trail(rollout="digits-2", records=records))
        assert "no activation of it is left" in explanation.remark


class TestPooled:
    @pytest.mark.parametrize("metric", ["errors", "success"])
    def test_the_turn_turns_the_closed_form(self, metric: str) -> None:
        decision = decisions_of(trail())[-1]
        told = told_of(explain_recorded(decision, None), metric)
        verdict, turn = told.verdict, told.harm
        assert turn is not None
        assert turn.events is not None
        step = 1 if turn.events > 0 else -1
        at = verdict.events["candidate"] + turn.events
        limit = verdict.log_e_harm_threshold
        before, after = (
            pooled_log_e(verdict, at - step) >= limit,
            pooled_log_e(verdict, at) >= limit,
        )
        assert (before, after) == (turn.events < 0, turn.events > 0)

    def test_latency_needs_panes(self) -> None:
        told = told_of(explain_recorded(decisions_of(trail())[-1], None), "p95")
        assert told.harm is None


def closed(errors: int) -> Closed:
    counts = np.array([[[[9, 1], [4, errors]]]])
    return Closed(counts=counts, of=np.array([True]), weights_bp=[500])


STRATA = [closed(2), closed(1)]


def errors_of(strata: Sequence[Closed]) -> list[int]:
    return [each.counts[0, 0, 1, 1].item() for each in strata]


class TestMoved:
    @pytest.mark.parametrize(
        ("events", "expected"), [(0, [2, 1]), (2, [2, 3]), (4, [3, 4]), (-2, [1, 0]), (-9, [0, 0])]
    )
    def test_newest_first_within_the_exposures(self, events: int, expected: list[int]) -> None:
        _, changed = moved(STRATA, events)
        assert errors_of(changed) == expected
        assert errors_of(STRATA) == [2, 1]

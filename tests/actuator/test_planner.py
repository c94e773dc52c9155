"""The pure parts as tables: weights, leases, which decision counts, what forbids a raise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.actuator.acceptance import Refusal, take_decision
from streams.actuator.facts import CommandRead, DecisionFact, RoutingRecord
from streams.actuator.lease import LeaseWatch, Silence
from streams.actuator.ports import Capabilities, Fence, FenceKind, Observed
from streams.actuator.reconcile import Move, plan
from streams.actuator.restoring import restore
from streams.actuator.standing import Accepted, Standing, take_command
from streams.actuator.weights import complaint, lower_of, measured, rises, units
from streams.errors import TargetRejected
from streams.judge.decision_facts import Action
from streams.judge.facts import CommandKind, RoutingPhase
from tests.actuator.targets import ARMS, split

FINE = Capabilities(largest_weight=10_000, fence=FenceKind.PROCESS, survives_restart=False)
COARSE = replace(FINE, largest_weight=256)


def standing(accepted_bp: int | None = None, **more: Any) -> Standing:
    """A rollout with decision 3 accepted."""
    accepted = None
    if accepted_bp is not None:
        accepted = Accepted(seq=3, decision_id="d3", weights_bp=split(accepted_bp))
    return Standing(arms=ARMS, spec_hash="spec", accepted=accepted, **more)


def decision(seq: int, candidate_bp: int, **more: Any) -> DecisionFact:
    facts: dict[str, Any] = {
        "rollout": "r1",
        "decision_id": f"d{seq}",
        "seq": seq,
        "spec_hash": "spec",
        "action": Action.ADVANCE,
        "terminal": False,
        "weights_bp": split(candidate_bp),
        "prev_hash": f"h{seq - 1}",
        "body_hash": f"h{seq}",
    }
    return DecisionFact(**facts | more)


def seen(candidate_bp: int, **more: Any) -> Observed:
    return Observed(weights_bp=split(candidate_bp), revision="1", **more)


class TestPlan:
    @pytest.mark.parametrize(
        ("wanted", "have", "silence", "more", "move", "result"),
        [
            (2500, 100, Silence.FRESH, {}, Move.RAISE, 2500),
            (2500, 2500, Silence.FRESH, {}, Move.KEEP, 2500),
            (100, 2500, Silence.FROZEN, {}, Move.LOWER, 100),
            (0, 2500, Silence.FROZEN, {"paused": "ada"}, Move.LOWER, 0),
            (0, 2500, Silence.FRESH, {"drifted": "drift_lower"}, Move.LOWER, 0),
            (2500, 100, Silence.FROZEN, {}, Move.KEEP, 100),
            (2500, 100, Silence.TOO_LONG, {}, Move.KEEP, 100),
            (2500, 100, Silence.FRESH, {"paused": "ada"}, Move.KEEP, 100),
            (2500, 100, Silence.FRESH, {"drifted": "drift_lower"}, Move.KEEP, 100),
            (2500, 100, Silence.FRESH, {"ceiling": split(100)}, Move.KEEP, 100),
            (2500, 900, Silence.FRESH, {"ceiling": split(100)}, Move.LOWER, 100),
            (2500, 100, Silence.FROZEN, {"granted_seq": 3}, Move.RAISE, 2500),
            (2500, 100, Silence.FROZEN, {"granted_seq": 2}, Move.KEEP, 100),
        ],
    )
    def test_table(
        self,
        *,
        wanted: int,
        have: int,
        silence: Silence,
        more: dict[str, Any],
        move: Move,
        result: int,
    ) -> None:
        """Down always, at once; up only with a fresh lease and nobody against it."""
        todo = plan(standing(wanted, **more), seen(have), silence, FINE)
        assert (todo.move, todo.weights_bp) == (move, split(result))

    def test_not_ready(self) -> None:
        """A raise waits for the target; a lowering does not."""
        unready = ("candidate",)
        raising = plan(standing(2500), seen(100, unready=unready), Silence.FRESH, FINE)
        lowering = plan(standing(0), seen(100, unready=unready), Silence.FRESH, FINE)
        assert (raising.move, lowering.move) == (Move.KEEP, Move.LOWER)

    def test_before_the_first_decision(self) -> None:
        """Nothing is wanted, so nothing is moved."""
        assert plan(standing(), seen(700), Silence.FRESH, FINE).move is Move.KEEP

    def test_lowering_below_resolution_goes_to_nothing(self) -> None:
        """Less is asked than the target can have: nothing is less, too."""
        todo = plan(standing(10), seen(2500), Silence.FRESH, COARSE)
        assert (todo.move, todo.weights_bp) == (Move.LOWER, split(0))

    def test_raising_below_resolution_is_refused(self) -> None:
        with pytest.raises(TargetRejected, match="below resolution"):
            plan(standing(10), seen(0), Silence.FRESH, COARSE)

    def test_one_candidate_down_while_another_may_not_go_up(self) -> None:
        """Per candidate: the fall is made, the rise is held."""
        weights = {"all": {"baseline": 5000, "b": 4000, "c": 1000}}
        accepted = Accepted(seq=3, weights_bp=weights)
        two = Standing(arms=("baseline", "b", "c"), spec_hash="spec", accepted=accepted)
        have = Observed(weights_bp={"all": {"baseline": 6000, "b": 2000, "c": 2000}}, revision="1")
        todo = plan(two, have, Silence.FROZEN, FINE)
        assert todo.move is Move.LOWER
        assert todo.weights_bp == {"all": {"baseline": 7000, "b": 2000, "c": 1000}}


class TestDecisions:
    @pytest.mark.parametrize(
        ("given_decision", "refusal"),
        [
            (decision(4, 2500), None),
            (decision(9, 2500), Refusal.CHAIN_BROKEN),
            (decision(9, 0), None),
            (decision(3, 100), None),
            (decision(3, 2500, decision_id="other"), Refusal.STALE),
            (decision(2, 0), Refusal.STALE),
            (decision(4, 2500, spec_hash="other"), Refusal.OTHER_SPEC),
            (decision(4, 2500, weights_bp={"all": {"baseline": 1}}), Refusal.BAD_WEIGHTS),
            (decision(4, 2500, weights_bp={}), Refusal.BAD_WEIGHTS),
            (decision(4, 2500, prev_hash="forged"), Refusal.CHAIN_BROKEN),
            (decision(4, 0, prev_hash="forged"), None),
            (decision(5, 2500, prev_hash="unknown"), Refusal.CHAIN_BROKEN),
        ],
    )
    def test_table(self, given_decision: DecisionFact, refusal: Refusal | None) -> None:
        """Newer, of this spec, complete, and linked: else refused, and nothing is taken over."""
        before = standing(100, link=(3, "h3"))
        after, refused = take_decision(before, given_decision)
        assert (refused and refused.code) == refusal
        if refusal is not None:
            assert after.accepted == before.accepted

    def test_a_forger_cannot_begin_a_chain(self) -> None:
        """What was refused is no link: neither the forger's next word nor the gap behind it."""
        before = standing(100, link=(3, "h3"))
        forged = decision(4, 2500, prev_hash="forged", body_hash="f4")
        after, _ = take_decision(before, forged)
        _, refused = take_decision(after, decision(5, 2500, prev_hash="f4"))
        assert (after, refused and refused.code) == (before, Refusal.CHAIN_BROKEN)
        _, honest = take_decision(after, decision(4, 2500))
        assert honest is None

    def test_a_person_begins_a_new_chain(self) -> None:
        """A lost decision blocks raises until somebody says resume."""
        resumed = take_command(
            standing(100, link=(3, "h3")),
            CommandRead(rollout="r1", kind=CommandKind.RESUME, actor="ann", at_ms=1),
        )
        after, refused = take_decision(resumed, decision(9, 2500))
        assert refused is None
        assert after.fence == 9

    def test_hold_raises_nothing(self) -> None:
        """A stage's weights restated by a hold are kept or lowered to, never raised to."""
        held, _ = take_decision(standing(100), decision(4, 2500, action=Action.HOLD))
        below = plan(held, seen(100), Silence.FRESH, FINE)
        assert (below.move, below.reason.split(":")[0]) == (Move.KEEP, "hold")
        assert plan(held, seen(5000), Silence.FRESH, FINE).move is Move.LOWER
        raised, _ = take_decision(held, decision(5, 2500, action=Action.ADVANCE))
        assert plan(raised, seen(100), Silence.FRESH, FINE).move is Move.RAISE

    def test_after_the_end_only_down(self) -> None:
        """A promoted rollout may still be rolled back; a rolled back one stays so."""
        end = {"terminal": True}
        promoted, _ = take_decision(standing(100), decision(4, 10_000, **end))
        back, refused = take_decision(
            promoted, decision(5, 0, action=Action.ROLLBACK, terminal=False)
        )
        assert (refused, back.terminal, back.wanted) == (None, True, split(0))
        _, refused = take_decision(back, decision(6, 100))
        assert refused is not None
        assert refused.code is Refusal.TERMINAL


class TestRestore:
    def record(self, phase: RoutingPhase, fence: int, candidate_bp: int) -> RoutingRecord:
        weights = split(candidate_bp)
        return RoutingRecord(
            rollout="r1",
            phase=phase,
            fence=fence,
            desired_bp=weights,
            applied_bp=weights,
            at=fence,
            since=fence,
            router="memory",
        )

    def test_a_late_actuators_records_do_not_count(self) -> None:
        """An actuator that lost its partition wrote after the new one: its fence is older."""
        records = [
            self.record(RoutingPhase.APPLIED, 7, 0),
            self.record(RoutingPhase.OBSERVED, 5, 2500),
        ]
        now = restore(standing(), records)
        assert (now.fence, now.wanted, now.given) == (7, split(0), split(0))

    def test_a_refused_record_moves_no_fence(self) -> None:
        """What was refused was not accepted."""
        records = [
            self.record(RoutingPhase.APPLIED, 2, 100),
            self.record(RoutingPhase.REFUSED, 9, 10_000),
        ]
        assert restore(standing(), records).fence == 2


class TestLease:
    def test_fresh_frozen_too_long(self) -> None:
        """From receipt: fresh for one lease, then frozen, then too long."""
        watch = LeaseWatch(rollback_s=300.0).hear(10.0, 30.0)
        said = [watch.silence(at) for at in (10.0, 39.9, 40.0, 309.9, 310.0)]
        frozen = Silence.FROZEN
        assert said == [Silence.FRESH, Silence.FRESH, frozen, frozen, Silence.TOO_LONG]
        assert [watch.next_change(at) for at in (10.0, 40.0, 310.0)] == [40.0, 310.0, None]

    def test_a_new_process_trusts_nobody_yet(self) -> None:
        """Watching without having heard: frozen, and too long when the time is up."""
        watch = LeaseWatch(rollback_s=300.0).watch(0.0)
        assert [watch.silence(at) for at in (0.0, 300.0)] == [Silence.FROZEN, Silence.TOO_LONG]

    def test_never_watched_never_too_long(self) -> None:
        """A rollout that davy does not steer yet has no silence."""
        assert LeaseWatch(rollback_s=300.0).silence(1e9) is Silence.FROZEN

    def test_an_ended_judge_is_not_silent(self) -> None:
        """After its last word nothing is counted; what was fresh stays so for its time."""
        watch = LeaseWatch(rollback_s=300.0).hear(0.0, 30.0).end()
        assert [watch.silence(at) for at in (1.0, 1e6)] == [Silence.FRESH, Silence.FROZEN]

    def test_never_sooner_than_the_lease(self) -> None:
        """A deadline below the lease counts as the lease."""
        watch = LeaseWatch(rollback_s=1.0).hear(0.0, 30.0)
        assert [watch.silence(at) for at in (29.0, 30.0)] == [Silence.FRESH, Silence.TOO_LONG]


class TestFence:
    @pytest.mark.parametrize(
        "text", ["", "0", "davy", "davy:", "davy:x:r", "davy:3:", "davy:3.:r", "istio:3:r"]
    )
    def test_a_strangers_word_is_no_fence(self, text: str) -> None:
        assert Fence.parse(text) is None

    @pytest.mark.property
    @given(
        st.integers(0, 2**62),
        st.integers(0, 2**62),
        st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,50}", fullmatch=True),
    )
    def test_round_trip(self, seq: int, claim: int, rollout: str) -> None:
        fence = Fence(rollout=rollout, seq=seq, claim=claim)
        assert Fence.parse(str(fence)) == fence


@pytest.mark.property
class TestWeights:
    @given(
        shares=st.lists(st.integers(0, 3000), min_size=1, max_size=3),
        largest=st.integers(1, 300),
        fixed=st.booleans(),
    )
    def test_rounded_down_and_never_to_nothing(
        self, *, shares: list[int], largest: int, fixed: bool
    ) -> None:
        """No candidate gets more than asked; none that asked for something gets nothing."""
        wanted = {"baseline": 10_000 - sum(shares)}
        wanted |= {f"c{number}": share for number, share in enumerate(shares)}
        try:
            given_units = units(wanted, largest, largest if fixed else None)
        except TargetRejected:
            return
        total = sum(given_units.values())
        assert total == largest or not fixed
        assert 0 <= min(given_units.values()) <= max(given_units.values()) <= largest
        for arm in wanted.keys() - {"baseline"}:
            assert given_units[arm] * 10_000 <= wanted[arm] * total
            assert (given_units[arm] > 0) == (wanted[arm] > 0)
        assert not rises({"all": wanted}, {"all": measured(given_units)})

    @given(st.integers(39, 9999))
    def test_close_with_256_steps(self, share: int) -> None:
        """HAProxy's weights come within a tenth of what is asked, from 2 % on within 1 %."""
        got = measured(units(split(share)["all"], 256))["candidate"]
        assert got >= share * (0.99 if share >= 200 else 0.66)

    @given(st.integers(0, 10_000), st.integers(0, 10_000))
    def test_lower_of_is_never_a_raise(self, have: int, want: int) -> None:
        result = lower_of(split(have), split(want))
        assert not rises(split(have), result)
        assert not rises(split(want), result)
        assert complaint(result, ARMS) == ""

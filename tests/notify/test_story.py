"""What records tell: every transition, and only what is new."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.judge.decision_facts import Action
from streams.judge.facts import CommandKind, RoutingPhase
from streams.notify.desk import Desk
from streams.notify.facts import TROUBLES, Notice
from streams.notify.ledger import Mark
from streams.notify.story import Story
from streams.notify_settings import Severity, Transition
from tests.notify.records import (
    ROLLOUT,
    SPEC,
    applied,
    command,
    decision,
    entry,
    hold,
    kinds,
    routing,
    settled,
    told,
)

SEEN, DONE, FAILED = RoutingPhase.OBSERVED, RoutingPhase.APPLIED, RoutingPhase.FAILED
INTENT, REFUSED = RoutingPhase.INTENT, RoutingPhase.REFUSED


class TestDecisions:
    def test_a_rollout_from_beginning_to_end(self):
        """Restated decisions and ordinary waiting are no news."""
        facts = [
            applied(),
            hold(1, "no_baseline: none was seen", stage=-1, bp=0),
            decision(2, Action.ADVANCE, stage=0),
            decision(3, Action.ADVANCE, "raising: waits for its weights", stage=0),
            hold(4, "min_time: needs 60 s", stage=0),
            hold(5, "min_exposures: needs 200", stage=0),
            decision(6, Action.ADVANCE, stage=1, bp=5000),
            hold(7, "not_shown_harmless: errors", stage=1),
            decision(8, Action.PROMOTE, "no_harm_shown: all", stage=2, bp=10_000),
            decision(9, Action.PROMOTE, "no_harm_shown: all", stage=2, bp=10_000),
        ]
        assert kinds(*facts) == ["started", "stage_advanced", "stage_advanced", "promoted"]

    def test_what_a_notice_says(self):
        """Everything that a receiver needs, and the same key for the same decision."""
        [_, notice] = told(applied(), decision(8, Action.PROMOTE, "no_harm_shown: all", bp=10_000))
        assert notice.key == f"{ROLLOUT}-d8-promoted"
        assert (notice.subject.service, notice.winner) == ("digits", "v2")
        assert (notice.code, notice.sentence, notice.seq) == ("no_harm_shown", "all", 8)
        assert notice.shares_bp == {"candidate": 10_000}

    @pytest.mark.parametrize(
        ("code", "expected"),
        [
            ("invalid", "invalid"),
            ("incomplete", "invalid"),
            ("signal_harm", "held"),
            ("max_time", "held"),
            ("paused", "held"),
            ("awaiting_approval", "approval_needed"),
            ("a_code_of_tomorrow", "held"),
        ],
    )
    def test_a_hold_is_told_once_and_its_end(self, code, expected):
        """For as long as it is restated nothing is told; then that it is over."""
        facts = [
            hold(1, f"{code}: why"),
            hold(2, f"{code}: why still"),
            hold(3, "min_time: needs 60 s"),
        ]
        found = told(*facts)
        assert [str(n.transition) for n in found] == [expected, "recovered"]
        assert str(found[1].ended) == expected

    def test_one_trouble_after_another(self):
        """The first is over when another kind begins; the same kind for another reason is news."""
        facts = [hold(1, "invalid: x"), hold(2, "paused: ada"), hold(3, "max_time: y")]
        assert kinds(*facts) == ["invalid", "recovered", "held", "held"]

    def test_silence_must_last(self):
        """An arm without a request for a moment is no news; for half a minute it is."""
        flicker = [hold(1, "silence: x"), hold(2, "min_time: y", at_s=10), hold(3, "silence: x")]
        assert kinds(*flicker) == []
        lasting = [hold(n, "silence: x", at_s=10 * n) for n in range(1, 7)]
        assert kinds(*lasting, decision(9, Action.ADVANCE, "raising: z")) == ["silent", "recovered"]

    def test_the_end_says_all(self):
        """A rollback out of a hold is one transition, not two."""
        facts = [hold(1, "signal_harm: x"), decision(2, Action.ROLLBACK, "harm: errors", bp=0)]
        assert kinds(*facts) == ["held", "rolled_back"]

    def test_older_decisions_tell_nothing(self):
        """What was signed once and is sent again changes nothing."""
        facts = [decision(5, Action.ADVANCE), decision(4, Action.ROLLBACK, "harm: old", bp=0)]
        assert kinds(*facts) == ["stage_advanced"]

    def test_the_baseline_changed(self):
        """The decision that is the first to say so tells it, whatever it decides."""
        assert kinds(hold(1, "min_time: x", drifted=("latency",))) == ["drifted"]


class TestRouting:
    def test_looks_tell_nothing(self):
        """Intent, applied and every look with the reason that goes with it."""
        facts = [
            routing(SEEN, "no decision yet", fence=0, bp=0),
            routing(INTENT),
            routing(DONE),
            routing(SEEN),
            routing(SEEN, "paused: by ada"),
            routing(SEEN, "unclaimed: not yet"),
        ]
        assert kinds(*facts) == []

    @pytest.mark.parametrize(
        ("record", "expected"),
        [
            (routing(FAILED, "LOWER_retried: 503"), "target_refused"),
            (routing(DONE, "drift_raised: undone"), "foreign_raise"),
            (routing(SEEN, "drift_war: waits"), "foreign_raise"),
            (routing(SEEN, "drift_lower: frozen"), "foreign_change"),
            (routing(SEEN, "drift_unjudged: noted"), "foreign_change"),
            (routing(DONE, "silence_rollback: too long", bp=0), "taken_back"),
        ],
    )
    def test_trouble_is_told_once_and_its_end(self, record, expected):
        """The next look without it says that it is over."""
        found = told(record, record, routing(SEEN, at_s=9))
        assert [str(n.transition) for n in found] == [expected, "recovered"]
        assert found[0].key != found[1].key

    @pytest.mark.parametrize("code", ["no_lease", "not_ready"])
    def test_a_moment_is_no_news(self, code):
        """A heartbeat or a target that is late is told after half a minute."""
        assert kinds(routing(SEEN, f"{code}: x"), routing(SEEN, at_s=5)) == []
        looks = [routing(SEEN, f"{code}: x", at_s=5 * n) for n in range(9)]
        assert len(kinds(*looks)) == 1

    def test_settled_once(self):
        """The end is where the target has the weights of the last decision, not before."""
        end = {"terminal": True, "fence": 8}
        facts = [
            routing(INTENT, bp=10_000, **end),
            routing(SEEN, bp=2500, wanted_bp=10_000, **end),
            routing(DONE, bp=10_000, **end),
            routing(SEEN, bp=10_000, **end),
        ]
        found = told(applied(), *facts)[1:]
        assert [n.key for n in found] == [f"{SPEC.spec_hash}-settled"]

    def test_an_abort_has_one_end(self):
        """The actuator hears it first, under the decision before; a restart lies between."""
        at_once = routing(DONE, "aborted by ada", bp=0, terminal=True, fence=7)
        decided = routing(SEEN, "aborted by ada", bp=0, terminal=True, fence=8)
        before, after = told(applied(), at_once), told(applied(), decided, begin=9)
        assert before[-1].decision_id != after[-1].decision_id
        assert [n.transition for n in (before[-1], after[-1])] == [Transition.SETTLED] * 2
        assert before[-1].key == after[-1].key

    def test_what_ended_a_rollout_that_nobody_knows(self):
        """Its spec is gone: no two ends may share a key."""
        (one,) = told(routing(DONE, bp=0, terminal=True, fence=7))
        (other,) = told(routing(DONE, bp=0, terminal=True, fence=8))
        assert one.key != other.key

    def test_a_raise_that_was_given_up_is_no_end(self):
        """What is wanted then is less than was decided: the target never got its weights."""
        end = {"terminal": True, "fence": 8}
        facts = [
            routing(FAILED, "raise_given_up: 403", bp=2500, wanted_bp=10_000, **end),
            routing(SEEN, bp=2500, **end),
            routing(SEEN, "not_ready: x", bp=2500, **end),
            routing(SEEN, bp=2500, **end),
        ]
        assert kinds(*facts) == ["target_refused"]
        done = routing(DONE, bp=10_000, at_s=9, **end)
        assert kinds(*facts, done) == ["target_refused", "recovered", "settled"]

    @pytest.mark.parametrize(
        ("weights", "expected"),
        [
            ({"all": {"baseline": 0, "candidate": 10_000}}, "promoted"),
            ({"all": {"baseline": 10_000, "candidate": 0}}, "rolled_back"),
            ({"all": {"baseline": 7500, "candidate": 2500}}, None),
            ({"all": {"baseline": 0, "a": 0, "b": 10_000}, "tier=free": {"b": 0}}, "promoted"),
            ({"all": {"a": 0}, "tier=free": {"a": 100}}, None),
        ],
        ids=str,
    )
    def test_the_last_weights_say_how_it_ended(self, weights, expected):
        """Neither all nor nothing is no end that anybody decided."""
        outcome = settled(weights_bp=weights).outcome
        assert (outcome and str(outcome)) == expected

    def test_a_promotion_that_was_aborted_is_none(self):
        """It was decided and told; what came true is that all went back."""
        end = {"terminal": True, "fence": 8}
        decided = decision(8, Action.PROMOTE, "no_harm_shown: all", bp=10_000)
        given_up = routing(FAILED, "raise_given_up: 403", bp=2500, wanted_bp=10_000, **end)
        aborted = routing(DONE, "aborted by ada", bp=0, at_s=9, **end)
        found = told(applied(), decided, given_up, aborted)
        open_still = [str(n.transition) for n in found if n.outcome is None]
        assert open_still == ["started", "promoted", "target_refused", "recovered"]
        [last] = [n for n in found if n.outcome is not None]
        assert (str(last.transition), str(last.outcome)) == ("settled", "rolled_back")

    def test_forged_decisions_are_told_once_an_hour(self):
        """The actuator says it every minute; who is called must not be called each time."""
        minutes = [routing(REFUSED, "unsigned: x", at_s=60 * n) for n in range(120)]
        assert kinds(*minutes) == ["decision_refused", "decision_refused"]
        both = [routing(REFUSED, "unsigned: x"), routing(REFUSED, "bad_signature: y")]
        assert len(kinds(*both)) == 2

    def test_an_actuator_that_lost_its_partition_tells_nothing(self):
        """Records with an older fence are another's past."""
        assert kinds(routing(SEEN, fence=5), routing(FAILED, "raise_given_up: x", fence=4)) == []


class TestPeople:
    def test_commands(self):
        """Each is told, with who asked and why."""
        [first, second] = told(command(CommandKind.PAUSE), command(CommandKind.PAUSE))
        assert (first.actor, first.sentence) == ("ada", "pause asked by ada: a look")
        assert first.key != second.key

    def test_every_transition_has_its_severity(self):
        """What lasts is at least a warning."""
        for transition in TROUBLES:
            one = told(command(CommandKind.PAUSE))[0]
            assert one.severity is Severity.INFO
            assert transition is not Transition.ROLLED_BACK


def records() -> st.SearchStrategy[list[Any]]:
    """Two rollouts' decisions and looks, mixed."""
    reasons = (
        "invalid: x",
        "paused: y",
        "silence: z",
        "min_time: w",
        "no_lease: q",
        "not_ready: r",
    )
    one = st.tuples(st.sampled_from(("a", "b")), st.sampled_from((*reasons, "advance: go")))
    return st.lists(one, min_size=1, max_size=40)


def facts_of(drawn: list[tuple[str, str]]) -> list[Any]:
    found, stages = [], {"a": -1, "b": -1}
    for seq, (rollout, reason) in enumerate(drawn, 1):
        action = Action.ADVANCE if reason.startswith("advance") else Action.HOLD
        stages[rollout] += action is Action.ADVANCE
        more = {"rollout": rollout, "stage": stages[rollout], "at_s": 12.0 * seq}
        found.append(decision(seq, action, reason, **more))
    return found


class TestRestart:
    """Killed anywhere, with any part of what was read told: nothing is lost, nothing is new."""

    @given(records(), st.data())
    @pytest.mark.property
    def test_doubles_carry_the_same_keys(self, drawn, data):
        facts = facts_of(drawn)
        whole = [n.key for n in told(*facts)]
        assert len(set(whole)) == len(whole)

        read = data.draw(st.integers(0, len(facts)), label="records read before the kill")
        first, waiting = work(Desk({"decisions": Mark(offset=0, through=0)}), facts[:read], 0)
        heard = data.draw(st.integers(0, len(waiting)), label="notices heard before the kill")
        for _, done in waiting[:heard]:
            done()
        mark = first.marks()["decisions"]
        kept = Mark.read(mark.offset, mark.metadata)
        _, again = work(Desk({"decisions": kept}), facts[kept.offset :], kept.offset)
        before, after = [n for n, _ in waiting[:heard]], [n for n, _ in again]
        assert list(dict.fromkeys(n.key for n in (*before, *after))) == whole
        doubles = [n.place for n in after if n in before]  # of a record that was told in part
        assert all(place == before[-1].place for place in doubles)

    @given(records(), st.data())
    @pytest.mark.property
    def test_without_metadata_doubles_are_told_and_nothing_is_lost(self, drawn, data):
        """The embedded broker keeps none."""
        facts = facts_of(drawn)
        whole = [n.key for n in told(*facts)]
        read = data.draw(st.integers(0, len(facts)))
        first, waiting = work(Desk({"decisions": Mark(offset=0, through=0)}), facts[:read], 0)
        heard = data.draw(st.integers(0, len(waiting)))
        for _, done in waiting[:heard]:
            done()
        begin = first.marks()["decisions"].offset
        desk = Desk({"decisions": Mark.read(begin, None)})
        _, again = work(desk, facts[begin:], begin)
        keys = {n.key for n, _ in waiting[:heard]} | {n.key for n, _ in again}
        assert keys >= set(whole)


def work(desk: Desk, facts: list[Any], begin: int) -> tuple[Desk, list[tuple[Notice, Any]]]:
    """Feed a desk; its notices in order."""
    found = [p for at, f in enumerate(facts, begin) for p in desk.take(entry(f, at), _all)]
    return desk, found


def _all(_: Notice) -> bool:
    return True


class TestAnchor:
    def test_a_rollout_that_ended_holds_back_nothing(self):
        """Reading begins where the oldest that still lives was heard last."""
        story = Story()
        told(decision(1, Action.ADVANCE, rollout="quiet"), story=story)
        told(decision(2, Action.ADVANCE), story=story, begin=1)
        assert story.anchor("decisions", 2) == 0
        told(decision(3, Action.ROLLBACK, "harm: x", rollout="quiet"), story=story, begin=2)
        assert story.anchor("decisions", 3) == 1

"""One rollout's loop, step by step: what is written, told, tried again, given up."""

from __future__ import annotations

import pytest

from streams.errors import TargetConflict, TargetDenied, TargetTransient
from streams.judge.facts import Action, CommandKind
from tests.actuator.targets import split
from tests.actuator.world import LEASE_S, RECONCILE_S, SILENCE_S, CrashedError, World


@pytest.fixture
def world() -> World:
    """A rollout that was seen, whose judge was heard."""
    made = World()
    made.actor.step()
    made.beat()
    return made


class TestFirstLook:
    def test_observed_before_any_decision(self) -> None:
        """The judge learns the starting weights under fence 0."""
        world = World()
        world.target.set(split(300))
        world.actor.step()
        (record,) = world.journal.records
        assert (record.phase.value, record.fence, record.applied_bp) == ("observed", 0, split(300))
        assert record.desired_bp == {}

    def test_nothing_is_written_before_a_decision(self) -> None:
        """Hours without a decision move nothing, whatever others do."""
        world = World()
        world.run(3600)
        world.target.set(split(900))
        world.run(3600)
        assert (world.target.writes, world.share_bp) == (0, 900)


class TestRaise:
    def test_intent_then_applied(self, world: World) -> None:
        """A raise is told before and after; since and confirmed are those of the proof."""
        world.decide(1, 2500)
        intent, applied = world.journal.records[-2:]
        assert (intent.phase.value, intent.applied_bp, intent.confirmed_until) == (
            "intent",
            split(2500),
            0,
        )
        assert (applied.phase.value, applied.applied_bp, applied.fence) == (
            "applied",
            split(2500),
            1,
        )
        assert applied.since == applied.confirmed_until == world.clock.wall_ms()
        assert world.share_bp == 2500

    def test_holds_confirm(self, world: World) -> None:
        """Looks every reconcile_s stretch confirmed_until; since stays; nothing is written."""
        world.decide(1, 2500)
        applied = world.journal.records[-1]
        world.run(3 * RECONCILE_S)
        looks = world.journal.records[-3:]
        assert [r.phase.value for r in looks] == ["observed"] * 3
        assert {r.since for r in looks} == {applied.since}
        assert looks[-1].confirmed_until - looks[0].confirmed_until == 2 * RECONCILE_S * 1000
        assert world.target.writes == 1

    def test_no_lease_no_raise(self) -> None:
        """Without a heartbeat since the start nothing is raised; with one it is, at once."""
        world = World()
        world.decide(1, 2500)
        assert world.share_bp == 0
        world.beat()
        assert world.share_bp == 2500

    def test_an_expired_lease_freezes(self, world: World) -> None:
        """One lease after the last heartbeat raises stop; what is there stays."""
        world.decide(1, 2500)
        world.run(LEASE_S + 1)
        world.decide(2, 10_000, Action.PROMOTE)
        assert world.share_bp == 2500

    def test_pause_and_resume(self, world: World) -> None:
        """While paused nothing is raised; resume lets the newest decision through."""
        world.ask(CommandKind.PAUSE)
        world.decide(1, 2500)
        assert world.share_bp == 0
        assert world.journal.records[-1].reason == "paused: by ada"
        world.ask(CommandKind.RESUME)
        assert world.share_bp == 2500

    def test_unready_target(self, world: World) -> None:
        """An arm that cannot take traffic gets no more of it."""
        world.target.unready = ("candidate",)
        world.decide(1, 2500)
        assert world.share_bp == 0
        world.target.unready = ()
        world.run(RECONCILE_S)
        assert world.share_bp == 2500

    def test_no_log_no_raise(self, world: World) -> None:
        """A raise whose intent the log does not take is not made."""
        world.journal.down = True
        world.decide(1, 2500)
        assert world.share_bp == 0

    def test_transient_failures_are_tried_again(self, world: World) -> None:
        """A raise is tried a few times with growing pauses."""
        world.faults.errors = [TargetTransient("busy")] * 3
        world.decide(1, 2500)
        assert world.share_bp == 0
        world.run(10)
        assert world.share_bp == 2500

    def test_a_refused_raise_is_given_up(self, world: World) -> None:
        """What cannot work is failed at once; only a newer decision tries again."""
        world.faults.refusals = [TargetDenied("no")]
        world.decide(1, 2500)
        assert world.journal.records[-1].reason == "raise_given_up: no"
        world.run(20)
        assert (world.share_bp, world.target.writes) == (0, 0)
        world.decide(2, 2500)
        assert world.share_bp == 2500

    def test_an_unproven_raise_is_taken_back(self, world: World) -> None:
        """Weights that never take effect for sure are given up, and the old ones restored."""
        world.decide(1, 100)
        world.faults.unproven = True
        world.decide(2, 2500)
        world.run(25)
        failed = [r for r in world.journal.records if r.phase.value == "failed"]
        assert [r.reason.split(":")[0] for r in failed] == ["raise_given_up"]
        world.faults.unproven = False
        world.run(35)
        assert world.share_bp == 100
        assert world.journal.records[-1].desired_bp == split(100)

    def test_below_resolution_is_failed(self) -> None:
        """A share that the target cannot have is told as failed, and not tried again."""
        world = World(largest_weight=256)
        world.beat()
        world.decide(1, 10)
        failed = [r for r in world.journal.records if r.phase.value == "failed"]
        assert len(failed) == 1
        assert "below resolution" in failed[0].reason
        world.run(60)
        assert (world.target.writes, world.share_bp) == (0, 0)
        world.beat()
        world.decide(2, 2500)
        assert world.share_bp == 2500

    def test_conflicts_are_looked_at_again(self, world: World) -> None:
        """A conflict is no failure: look, plan, write again in the same step."""
        world.actor.decide(world.decision(1, 2500))
        world.faults.refusals = [TargetConflict("somebody was faster")] * 2
        world.actor.step()
        assert (world.faults.refusals, world.share_bp) == ([], 2500)


class TestRollback:
    def test_needs_nothing(self, world: World) -> None:
        """No lease, paused, no log: a rollback is done at once."""
        world.decide(1, 2500)
        world.run(LEASE_S + 1)
        world.ask(CommandKind.PAUSE)
        world.journal.down = True
        world.decide(2, 0, Action.ROLLBACK)
        assert world.share_bp == 0

    def test_is_final(self, world: World) -> None:
        """After a rollback newer decisions cannot raise; they are refused as terminal."""
        world.decide(1, 2500)
        world.decide(2, 0, Action.ROLLBACK)
        world.decide(3, 10_000, Action.PROMOTE)
        assert world.share_bp == 0
        (refused,) = [r for r in world.journal.records if r.phase.value == "refused"]
        assert refused.reason.startswith("terminal")

    def test_retried_for_ever(self, world: World) -> None:
        """An hour of failures, then the target answers: the rollback is made."""
        world.decide(1, 2500)
        world.faults.errors = [TargetTransient("gone")] * 200
        world.decide(2, 0, Action.ROLLBACK)
        world.run(1800)
        assert world.share_bp == 2500
        failed = [r for r in world.journal.records if r.phase.value == "failed"]
        assert [r.reason.split(":")[0] for r in failed] == ["lower_retried"]
        world.faults.errors = []
        world.run(31)
        assert world.share_bp == 0

    def test_written_blindly_where_nothing_can_be_seen(self, world: World) -> None:
        """A target that answers no question is still told to go home."""
        world.decide(1, 2500)
        world.faults.errors = [TargetTransient("no answer")]
        world.decide(2, 0, Action.ROLLBACK)
        assert world.share_bp == 0

    def test_overtakes_a_raise_that_waits_for_its_proof(self, world: World) -> None:
        """A raise that is not proven yet does not delay the rollback."""
        world.faults.unproven = True
        world.decide(1, 2500)
        assert (world.share_bp, world.phases()[-1]) == (2500, "intent")
        world.decide(2, 0, Action.ROLLBACK)
        assert world.share_bp == 0

    def test_abort_command(self, world: World) -> None:
        """A person's abort needs no judge and is final."""
        world.decide(1, 2500)
        world.ask(CommandKind.ABORT)
        assert world.share_bp == 0
        world.decide(2, 10_000, Action.PROMOTE)
        assert world.share_bp == 0

    def test_finalized_once_then_released(self, world: World) -> None:
        """After the end the target is tidied, guarded for a while, then let go."""
        world.decide(1, 2500)
        world.decide(2, 0, Action.ROLLBACK)
        world.run(60)
        assert world.target.outcome == "rolled_back"
        assert world.journal.records[-1].terminal
        told = len(world.journal.records)
        world.run(500)
        assert len(world.journal.records) == told
        world.run(3600)
        assert world.actor.released == "ended"


class TestSilence:
    def test_rolls_back_after_the_deadline(self, world: World) -> None:
        """Frozen after one lease, back at the baseline after silence_rollback_s, told why."""
        world.decide(1, 2500)
        world.run(SILENCE_S - 1)
        assert world.share_bp == 2500
        world.run(2)
        assert world.share_bp == 0
        applied = [r for r in world.journal.records if r.phase.value == "applied"][-1]
        assert applied.reason.startswith("silence_rollback")
        assert not applied.terminal

    def test_a_newer_decision_may_raise_again(self, world: World) -> None:
        """The old decision does not come back with the judge; a newer one does."""
        world.decide(1, 2500)
        world.run(SILENCE_S + 1)
        world.beat()
        world.run(20)
        assert world.share_bp == 0
        world.decide(2, 2500)
        assert world.share_bp == 2500

    def test_survives_a_restart(self, world: World) -> None:
        """What was given back is not raised by a restart on the same decision."""
        world.decide(1, 2500)
        world.run(SILENCE_S + 1)
        world.restart()
        world.actor.decide(world.decision(1, 2500), replayed=True)
        world.beat()
        world.run(20)
        assert world.share_bp == 0

    def test_never_without_a_deadline(self) -> None:
        """`silence_rollback_s: none` freezes only."""
        world = World(silence_rollback_s=None)
        world.beat()
        world.decide(1, 2500)
        world.run(100_000)
        assert world.share_bp == 2500

    def test_not_after_the_end(self, world: World) -> None:
        """A promoted rollout has no judge any more, and needs none."""
        world.decide(1, 10_000, Action.PROMOTE)
        world.run(550)
        assert world.share_bp == 10_000


class TestDrift:
    def test_a_foreign_raise_is_undone(self, world: World) -> None:
        """Within one reconcile, told as applied with the reason."""
        world.decide(1, 100)
        world.target.set(split(5000))
        world.run(RECONCILE_S)
        assert world.share_bp == 100
        assert world.journal.records[-1].reason.startswith("drift_raised")

    def test_two_controllers_do_not_fight(self, world: World) -> None:
        """After three in ten minutes davy waits and says so, then tries again."""
        world.decide(1, 100)
        for _ in range(3):
            world.target.set(split(5000))
            world.run(RECONCILE_S)
            world.beat()
        writes = world.target.writes
        world.target.set(split(5000))
        world.run(10 * RECONCILE_S)
        assert (world.target.writes, world.share_bp) == (writes, 5000)
        assert world.journal.records[-1].reason.startswith("drift_war")
        assert world.journal.records[-1].applied_bp == split(5000)
        world.run(600)
        assert world.share_bp <= 100

    def test_a_rollback_is_enforced_even_in_a_war(self, world: World) -> None:
        """A decision that goes down is made however often others interfered before."""
        world.decide(1, 100)
        for _ in range(4):
            world.target.set(split(5000))
            world.run(RECONCILE_S)
        assert world.share_bp == 5000
        world.decide(2, 0, Action.ROLLBACK)
        assert world.share_bp == 0

    def test_a_foreign_lowering_freezes(self, world: World) -> None:
        """Somebody took traffic away: davy does not give it back until a person resumes."""
        world.decide(1, 2500)
        world.target.set(split(500))
        world.run(RECONCILE_S)
        world.decide(2, 2500)
        assert world.share_bp == 500
        assert world.journal.records[-1].reason.startswith("drift_lower")
        world.restart()
        world.beat()
        assert world.share_bp == 500
        world.run(1)
        world.ask(CommandKind.RESUME)
        assert world.share_bp == 2500

    def test_since_starts_at_the_last_confirmation(self, world: World) -> None:
        """When a stranger changed something is not known: from the last confirmed moment on."""
        world.decide(1, 2500)
        world.run(RECONCILE_S)
        confirmed = world.journal.records[-1].confirmed_until
        world.target.set(split(500))
        world.run(RECONCILE_S)
        assert world.journal.records[-1].since == confirmed

    def test_another_rollout_takes_over(self, world: World) -> None:
        """When the target carries another rollout's fence, it is let go without a write."""
        world.decide(1, 2500)
        world.decide(2, 0, Action.ROLLBACK)
        writes = world.target.writes
        world.target.set(split(700))
        world.target.fence = type(world.target.fence)(rollout="r2", seq=1)
        world.run(RECONCILE_S)
        assert world.actor.released == "superseded by davy:1:r2"
        assert (world.target.writes, world.share_bp) == (writes, 700)


class TestRestart:
    def test_crash_between_apply_and_record(self, world: World) -> None:
        """The next process finds the weights there and only tells so."""
        world.faults.crash_after_apply = True
        with pytest.raises(CrashedError):
            world.decide(1, 2500)
        assert (world.phases()[-1], world.share_bp) == ("intent", 2500)
        world.restart()
        world.actor.step()
        assert (world.phases()[-1], world.target.writes) == ("applied", 1)

    def test_crash_between_intent_and_apply(self, world: World) -> None:
        """The next process makes the raise, once the judge is heard."""
        world.decide(1, 100)
        world.faults.crash_before_apply = True
        with pytest.raises(CrashedError):
            world.decide(2, 2500)
        world.restart()
        world.actor.step()
        assert world.share_bp == 100
        world.beat()
        assert world.share_bp == 2500

    def test_a_given_up_raise_stays_given_up(self) -> None:
        """A restart does not try again what failed."""
        world = World(largest_weight=256)
        world.beat()
        world.decide(1, 10)
        world.restart()
        world.beat()
        world.run(60)
        failed = [r for r in world.journal.records if r.phase.value == "failed"]
        assert (len(failed), world.target.writes) == (1, 0)

    def test_an_abort_is_remembered(self, world: World) -> None:
        """Commands are read again at the start."""
        world.decide(1, 2500)
        world.ask(CommandKind.ABORT)
        world.restart()
        world.beat()
        world.decide(2, 10_000, Action.PROMOTE)
        assert world.share_bp == 0

    def test_a_gap_in_watching_is_told(self, world: World) -> None:
        """After a restart `since` stays if the target was not touched, else it begins anew."""
        world.decide(1, 2500)
        since = world.journal.records[-1].since
        world.clock.now += 60
        world.restart()
        world.actor.step()
        assert world.journal.records[-1].since == since
        world.clock.now += 60
        world.target.set(split(2500))
        world.restart()
        world.actor.step()
        assert world.journal.records[-1].since == world.clock.wall_ms()

"""What a rollout's loop makes of silence, of other people's hands, and of its own restarts."""

from __future__ import annotations

import pytest

from streams.actuator.ending import GUARD_AFTER_END_S
from streams.judge.decision_facts import Action
from streams.judge.facts import CommandKind
from tests.actuator.targets import split
from tests.actuator.world import RECONCILE_S, SILENCE_S, CrashedError, World


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

    def test_a_promotion_that_waits_is_no_end(self, world: World) -> None:
        """However long it waits for a person, and whoever waits."""
        world.decide(1, 2500)
        world.ask(CommandKind.PAUSE)
        world.decide(2, 10_000, Action.PROMOTE)
        world.run(60)
        world.clock.now += 2 * GUARD_AFTER_END_S
        world.restart()
        world.run(GUARD_AFTER_END_S + 60)
        world.ask(CommandKind.RESUME)
        world.run(RECONCILE_S)
        assert (world.actor.released, world.share_bp) == ("", 10_000)

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

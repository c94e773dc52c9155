"""One rollout's loop, step by step: what is written, told, tried again, given up."""

from __future__ import annotations

from streams.actuator.ending import GUARD_AFTER_END_S
from streams.actuator.ports import Outcome
from streams.errors import TargetConflict, TargetDenied, TargetTransient
from streams.judge.decision_facts import Action
from streams.judge.facts import CommandKind
from tests.actuator.targets import split
from tests.actuator.world import LEASE_S, RECONCILE_S, Faults, World


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

    def test_the_last_raise_is_tried_as_long_as_there_is_hope(self, world: World) -> None:
        """No judge decides it anew."""
        world.decide(1, 2500)
        world.faults.refusals = [TargetTransient("busy")] * 6
        world.decide(2, 10_000, Action.PROMOTE)
        world.run(LEASE_S)
        assert world.share_bp == 10_000

    def test_a_refused_promotion_is_no_end(self, world: World) -> None:
        """The target is kept where it is, and `resume` tries again."""
        world.decide(1, 2500)
        world.faults.refusals = [TargetDenied("no")]
        world.decide(2, 10_000, Action.PROMOTE)
        world.run(GUARD_AFTER_END_S + 60)
        assert (world.actor.released, world.share_bp) == ("", 2500)
        world.ask(CommandKind.RESUME)
        world.run(RECONCILE_S)
        assert world.share_bp == 10_000

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

    def test_a_slow_target_is_given_its_time(self) -> None:
        """As long as it says that it needs, and it is not asked more often than it says."""
        world = World(faults=Faults(unproven=True, settles_s=60.0, ask_every_s=5.0))
        world.beat()
        world.decide(1, 2500)
        world.run(50)
        assert (world.share_bp, world.phases()[-1], world.faults.asked) == (2500, "intent", 11)
        world.faults.unproven = False
        world.run(5)
        assert world.phases()[-1] == "applied"

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

    def test_what_cannot_be_tidied_up_now_is_tried_again(self, world: World) -> None:
        """A conflict with a target's own controller, say; it is told once."""
        world.faults.untidy += [TargetConflict("changed"), TargetTransient("busy")]
        world.decide(1, 2500)
        world.decide(2, 0, Action.ROLLBACK)
        world.run(4 * RECONCILE_S)
        assert world.target.outcome is Outcome.ROLLED_BACK
        told = [r.reason for r in world.journal.records if r.phase.value == "failed"]
        assert told == ["finalize_failed: changed"]

    def test_who_never_wrote_tidies_nothing(self, world: World) -> None:
        """The object may be another rollout's by now."""
        world.tenure.held = False  # nor was a claim left there
        world.decide(1, 0, Action.ROLLBACK)
        world.run(4 * RECONCILE_S)
        assert (world.target.writes, world.target.outcome) == (0, None)

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

"""Per segment, too, going down is easy and going up is hard; and rules are kept like weights."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.actuator.lease import Silence
from streams.actuator.ports import Capabilities, Fence, FenceKind, Observed, Segments
from streams.actuator.reconcile import Move, plan, preparation
from streams.actuator.standing import Accepted, Standing
from streams.actuator.weights import share_of
from streams.errors import TargetTransient
from streams.judge.decision_facts import Action
from streams.judge.facts import CommandKind
from streams.spec.model import UNTARGETED
from streams.spec.targeting import HeaderRule
from tests.actuator.targets import ARMS, split
from tests.actuator.world import LEASE_S, RECONCILE_S, SILENCE_S, World

FREE = HeaderRule(header="x-tier", values=("free",))
BETA = HeaderRule(header="x-tier", values=("beta", "free"))


@pytest.fixture
def targeted() -> World:
    """A rollout for some of the traffic only."""
    made = World(targeting=(FREE,))
    made.actor.step()
    made.beat()
    return made


class TestBeforeTheFirstDecision:
    """The judge hears targeted requests alone: the target must tell who they are before it."""

    def test_rules_are_at_the_target(self, targeted: World) -> None:
        """Nobody gets a candidate; the write carries the rollout's fence, and is made once."""
        assert (targeted.share_bp, targeted.share_in(UNTARGETED)) == (0, 0)
        assert targeted.target.fence == Fence(rollout="r1", seq=0, claim=1)
        targeted.run(3 * RECONCILE_S)
        assert [r.phase.value for r in targeted.journal.records].count("applied") == 1

    def test_nobody_gets_more(self) -> None:
        """What a candidate has already it keeps among the targeted, and has no more elsewhere."""
        given = split(500)
        seen = Observed(weights_bp=given, revision="1", fence=None)
        standing = Standing(arms=ARMS, spec_hash="h")
        todo = preparation(standing, seen, "r1")
        assert todo is not None
        assert todo.weights_bp == {**given, UNTARGETED: split(0)["all"]}

    def test_a_restart_and_the_first_decision(self, targeted: World) -> None:
        """Neither writes the rules again; the decision is followed as ever."""
        targeted.restart()
        targeted.actor.step()
        targeted.beat()
        targeted.decide(1, 2500)
        assert (targeted.share_bp, targeted.share_in(UNTARGETED)) == (2500, 0)
        assert [r.phase.value for r in targeted.journal.records].count("applied") == 2

    def test_without_rules_nothing_is_written(self, world: World) -> None:
        assert world.target.fence is None


class TestSegments:
    def test_applied_by_segment(self, world: World) -> None:
        """Each segment gets its weights, and the records tell them."""
        world.decide(1, 2500, SG=0, DE=1000)
        assert [world.share_in(name) for name in ("all", "SG", "DE", "FR")] == [2500, 0, 1000, 2500]
        assert world.journal.records[-1].applied_bp["DE"] == {"baseline": 9000, "candidate": 1000}

    def test_harm_in_one_takes_it_back_there(self, world: World) -> None:
        """A segment that had the weights of all goes to nothing, the rest stays."""
        world.decide(1, 2500)
        world.decide(2, 2500, Action.HOLD, SG=0)
        assert (world.share_in("SG"), world.share_bp) == (0, 2500)

    def test_one_falls_at_once_while_another_must_wait(self, world: World) -> None:
        """Without a lease the segment goes down and the rest does not go up; with one it does."""
        world.decide(1, 1000)
        world.run(LEASE_S + 1)
        world.decide(2, 2500, SG=0)
        assert (world.share_in("SG"), world.share_bp) == (0, 1000)
        world.beat()
        world.run(RECONCILE_S)
        assert (world.share_in("SG"), world.share_bp) == (0, 2500)

    def test_no_log_still_lowers(self, world: World) -> None:
        """A raise that cannot be announced does not hold up the lowering beside it."""
        world.decide(1, 1000)
        world.journal.down = True
        world.decide(2, 2500, SG=0)
        assert (world.share_in("SG"), world.share_bp) == (0, 1000)

    def test_a_failing_raise_does_not_bring_it_back(self, world: World) -> None:
        """The lowering holds, whatever becomes of the raise after it."""
        world.decide(1, 1000)
        world.actor.decide(world.decision(2, 0, weights_bp={**split(2500), "SG": split(0)["all"]}))
        world.actor.step()
        world.faults.refusals = [TargetTransient("busy")] * 50
        world.run(3 * RECONCILE_S)
        assert world.share_in("SG") == 0

    def test_a_segment_that_is_not_named_any_more_is_a_raise(self, world: World) -> None:
        """Leaving a segment out gives it the weights of all: that needs a lease."""
        world.decide(1, 2500, SG=0)
        world.run(LEASE_S + 1)
        world.decide(2, 2500)
        assert world.share_in("SG") == 0
        world.beat()
        assert world.share_in("SG") == 2500

    def test_rollback_takes_every_segment(self, world: World) -> None:
        """Named in the decision or not."""
        world.decide(1, 2500, SG=1000)
        world.decide(2, 0, Action.ROLLBACK)
        assert (world.share_in("SG"), world.share_bp) == (0, 0)

    @pytest.mark.parametrize("how", ["abort", "silence"])
    def test_so_do_abort_and_silence(self, world: World, how: str) -> None:
        """No judge is needed to go home everywhere."""
        world.decide(1, 2500, SG=1000)
        if how == "abort":
            world.ask(CommandKind.ABORT)
        else:
            world.run(SILENCE_S + 1)
        assert (world.share_in("SG"), world.share_bp) == (0, 0)

    def test_a_stranger_raises_one(self, world: World) -> None:
        """It is undone like any foreign raise."""
        world.decide(1, 2500, SG=0)
        world.target.set(split(2500))
        world.run(RECONCILE_S)
        assert (world.share_in("SG"), world.share_bp) == (0, 2500)
        assert "drift_raised" in world.journal.records[-1].reason

    def test_a_stranger_lowers_one(self, world: World) -> None:
        """It is left alone until a person says resume."""
        world.decide(1, 2500, SG=1000)
        world.target.set({**split(2500), "SG": split(0)["all"]})
        world.run(RECONCILE_S)
        assert world.share_in("SG") == 0
        world.ask(CommandKind.RESUME)
        assert world.share_in("SG") == 1000

    def test_a_restart_keeps_them(self, world: World) -> None:
        """The records hold what there was by segment; nothing moves by a restart."""
        world.decide(1, 2500, SG=0)
        writes = world.target.writes
        world.restart()
        world.run(10 * RECONCILE_S)
        assert (world.target.writes, world.share_in("SG"), world.share_bp) == (writes, 0, 2500)

    def test_below_resolution_one_goes_to_nothing(self) -> None:
        """A share that the target cannot have takes back that segment alone."""
        world = World(largest_weight=256)
        world.beat()
        world.decide(1, 2500, SG=1000)
        world.decide(2, 2500, SG=10)
        assert world.share_in("SG") == 0
        assert world.share_bp > 2400


class TestRules:
    def test_the_left_out_have_nothing(self, targeted: World) -> None:
        """The actuator itself says so, whatever a decision says of them."""
        targeted.decide(1, 2500, untargeted=2500)
        assert targeted.journal.records[-1].applied_bp == {
            **split(2500),
            "untargeted": {"baseline": 10_000, "candidate": 0},
        }
        assert targeted.target.rules == (FREE,)

    def test_a_stranger_who_changes_them_is_undone(self, targeted: World) -> None:
        """Others than the spec's rules are put right at the next look, without a lease."""
        targeted.decide(1, 2500)
        targeted.run(LEASE_S + 1)
        targeted.target.set_rules((BETA,))
        targeted.run(RECONCILE_S)
        assert targeted.target.rules == (FREE,)
        assert "drift_raised" in targeted.journal.records[-1].reason

    def test_a_war_over_them_ends(self, targeted: World) -> None:
        """Three times in ten minutes, like weights; then davy waits and says so."""
        targeted.decide(1, 2500)
        for _ in range(5):
            targeted.target.set_rules(())
            targeted.beat()
            targeted.run(RECONCILE_S)
        assert targeted.target.rules == ()
        assert "drift_war" in targeted.journal.records[-1].reason

    def test_a_rollback_needs_no_rules(self, targeted: World) -> None:
        """Everybody has the baseline, whoever has changed what."""
        targeted.decide(1, 2500)
        targeted.target.set_rules(())
        targeted.decide(2, 0, Action.ROLLBACK)
        assert (targeted.share_bp, targeted.share_in("untargeted")) == (0, 0)


class TestMirror:
    def test_copies_need_a_lease_like_traffic(self) -> None:
        """A candidate that is asked more is loaded more: that is going up."""
        world = World()
        world.decide(1, 0, mirror=2500)
        assert world.share_in("mirror") == 0
        world.beat()
        assert (world.share_in("mirror"), world.share_bp) == (2500, 0)

    def test_a_rollback_ends_them(self, world: World) -> None:
        """Without a word of copies there are none."""
        world.decide(1, 0, mirror=2500)
        world.decide(2, 0, Action.ROLLBACK)
        assert world.share_in("mirror") == 0

    def test_silence_ends_them(self, world: World) -> None:
        """A judge that is gone compares nothing."""
        world.decide(1, 0, mirror=2500)
        world.run(SILENCE_S + 1)
        assert world.share_in("mirror") == 0

    def test_both_at_once_are_refused(self, world: World) -> None:
        """Copies beside live traffic are no decision."""
        world.decide(1, 1000, mirror=2500)
        assert (world.share_in("mirror"), world.share_bp) == (0, 0)
        assert world.journal.records[-1].reason.startswith("bad_weights")


def weights() -> st.SearchStrategy[Segments]:
    """Weights of all and perhaps of two segments."""
    share = st.integers(0, 10).map(lambda tenth: split(tenth * 1000)["all"])
    return st.fixed_dictionaries({"all": share}, optional={"SG": share, "DE": share})


@pytest.mark.property
class TestPlan:
    CAN = Capabilities(
        largest_weight=10_000, fence=FenceKind.PROCESS, survives_restart=True, segments=True
    )

    @given(weights(), weights(), st.sampled_from([Silence.FRESH, Silence.FROZEN]))
    def test_no_step_gives_more_than_both(
        self, have: Segments, want: Segments, silence: Silence
    ) -> None:
        """No segment gets more than it shall; what may not rise never does; all arrives."""
        for before, after, move in self.steps(have, want, silence):
            for segment in ("all", "SG", "DE"):
                now, then, end = (share_of(w, segment, "candidate") for w in (before, after, want))
                assert then <= max(now, end)
                assert then <= now or move is Move.RAISE
                assert move is not Move.RAISE or silence is Silence.FRESH

    def steps(
        self, have: Segments, want: Segments, silence: Silence
    ) -> Iterator[tuple[Segments, Segments, Move]]:
        """Steps until nothing moves: at most one down and one up."""
        standing = Standing(arms=ARMS, spec_hash="h", accepted=Accepted(seq=1, weights_bp=want))
        for _ in range(3):
            todo = plan(standing, Observed(weights_bp=have, revision="r"), silence, self.CAN)
            if todo.move is Move.KEEP:
                break
            yield have, todo.weights_bp, todo.move
            have = todo.weights_bp
        else:
            pytest.fail("it never ends")
        for segment in ("all", "SG", "DE"):
            share, end = (share_of(w, segment, "candidate") for w in (have, want))
            assert share == end if silence is Silence.FRESH else share <= end

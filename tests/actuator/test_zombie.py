"""An actuator that was stopped in the middle of a raise finds that others have taken over."""

from __future__ import annotations

from dataclasses import replace

from streams.actuator.actor import RolloutActor
from streams.actuator.facts import CommandRead
from streams.actuator.tenure import GroupTenure
from streams.judge.decision_facts import Action
from streams.judge.facts import CommandKind, RoutingPhase
from tests.actuator.targets import split
from tests.actuator.world import HandTenure, World

SESSION_S = 15.0


def take_over(world: World, *decisions: tuple[int, int, Action]) -> tuple[RolloutActor, HandTenure]:
    """Another process begins where the log stands; returns the former one and its tenure."""
    former = world.actor, world.tenure
    former[1].held = False
    world.restart()
    for seq, share, action in decisions:
        world.actor.decide(world.decision(seq, share, action), replayed=True)
    world.actor.step()
    return former


class TestStoppedBeforeTheTouch:
    def test_a_rollback_that_had_nothing_to_lower(self, world: World) -> None:
        """The raise was decided, then taken back, and the target never moved: it stays so."""
        former: list[RolloutActor] = []

        def others() -> None:
            log = [(1, 2500, Action.ADVANCE), (2, 0, Action.ROLLBACK)]
            former.append(take_over(world, *log)[0])
            assert world.share_bp == 0

        world.faults.meanwhile = [others]
        world.decide(1, 2500)
        assert world.share_bp == 0
        former[0].step()
        assert world.share_bp == 0

    def test_an_abort_of_the_same_decision(self, world: World) -> None:
        """No newer decision stops the former one, but the claim of the newer owner does."""

        def others() -> None:
            world.commands.append(
                CommandRead(rollout="r1", kind=CommandKind.ABORT, actor="ada", at_ms=1)
            )
            take_over(world)

        world.faults.meanwhile = [others]
        world.decide(1, 2500)
        assert (world.share_bp, world.target.fence and world.target.fence.seq) == (0, 1)

    def test_it_looks_again_and_still_may_not(self, world: World) -> None:
        """After the refusal the target is seen as it is now: only the group can say whose it is."""
        world.faults.meanwhile = [lambda: None]
        world.decide(1, 2500)
        world.decide(2, 0)
        former, _ = take_over(world)
        former.decide(world.decision(3, 2500))
        for _ in range(5):
            former.step()
        assert world.share_bp == 0
        assert world.journal.records[-1].reason.startswith("unclaimed")

    def test_its_own_decision_alone_is_no_newer(self, world: World) -> None:
        """The new owner raises; a rollback of his is not undone by a newer decision of the old."""
        world.decide(1, 2500)
        former, tenure = take_over(world, (1, 2500, Action.ADVANCE))
        world.actor.decide(world.decision(2, 0, Action.ROLLBACK))
        world.actor.step()
        tenure.held = True  # a confirmation that was on its way for long
        former.decide(world.decision(3, 5000))
        former.step()
        assert world.share_bp == 0

    def test_others_have_not_come_to_the_target_yet(self, world: World) -> None:
        """Nothing at the target tells that it is theirs: the look at the tenure stands alone."""

        def others() -> None:
            world.tenure.held = False

        world.faults.meanwhile = [others]
        world.decide(1, 2500)
        assert (world.share_bp, world.target.writes) == (0, 0)
        assert "applied" not in world.phases()

    def test_a_lowering_goes_through_without_a_claim(self, world: World) -> None:
        """It needs none, and must not keep out those who have come."""
        world.decide(1, 2500)
        before = world.target.fence

        def others() -> None:
            world.tenure.held = False

        world.faults.meanwhile = [others]
        world.decide(2, 100)
        assert (world.share_bp, world.target.fence) == (100, before and replace(before, seq=2))


class TestClaim:
    def test_no_raise_before_the_group_confirms(self, world: World) -> None:
        """What lowers waits for nobody."""
        world.decide(1, 2500)
        world.tenure.held = False
        world.decide(2, 5000)
        assert world.share_bp == 2500
        world.decide(3, 100)
        assert world.share_bp == 100
        world.tenure.held = True
        world.decide(4, 5000)
        assert world.share_bp == 5000

    def test_a_lowering_without_a_claim_keeps_nobody_out(self, world: World) -> None:
        """A process that came late lowers; whoever owns the rollout goes on raising."""
        world.decide(1, 2500)
        late, _ = take_over(world, (1, 2500, Action.ADVANCE))
        late.decide(world.decision(2, 100))
        late.step()
        assert world.share_bp == 100
        world.beat()
        world.decide(2, 100)
        world.decide(3, 5000)
        assert world.share_bp in {100, 5000}
        world.ask(CommandKind.RESUME)
        assert world.share_bp == 5000

    def test_signing_is_no_change_of_weights(self, world: World) -> None:
        """Since when the weights hold is told as before."""
        world.decide(1, 2500)
        since = world.journal.records[-1].since
        world.run(20.0)
        take_over(world, (1, 2500, Action.ADVANCE))
        world.run(20.0)
        last = world.journal.records[-1]
        assert (last.phase, last.since, last.applied_bp) == (
            RoutingPhase.OBSERVED,
            since,
            split(2500),
        )


class TestGroupTenure:
    def test_asked_for_no_earlier_than_the_claim(self) -> None:
        """A confirmation of the time before the claim says nothing of it."""
        tenure = GroupTenure(SESSION_S)
        assert (tenure.holds(10.0, since=5.0), tenure.urgent) == (False, True)
        assert tenure.confirm(asked_at=4.0)
        assert not tenure.holds(10.0, since=5.0)
        assert tenure.confirm(asked_at=11.0)
        assert tenure.holds(12.0, since=5.0)

    def test_ends_with_the_session(self) -> None:
        """The coordinator gives the partitions to others one session after it was heard last."""
        tenure = GroupTenure(SESSION_S)
        tenure.confirm(asked_at=10.0)
        assert [tenure.holds(at, since=0.0) for at in (24.9, 25.0)] == [True, False]

    def test_nothing_confirms_what_has_ended(self) -> None:
        """An answer that comes after the partitions were taken away is none."""
        tenure = GroupTenure(SESSION_S)
        tenure.confirm(asked_at=10.0)
        tenure.end()
        assert not tenure.confirm(asked_at=11.0)
        assert not tenure.holds(11.0, since=0.0)

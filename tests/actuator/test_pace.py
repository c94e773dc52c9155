"""How far and how soon a share goes up, pauses that end, and targets that davy must not touch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from streams.actuator.audience import inabilities
from streams.actuator.onlooker import WATCH_AFTER_END_S
from streams.actuator.ports import Capabilities, FenceKind, Kind
from streams.actuator.retry import ALERT_AFTER
from streams.errors import TargetTransient
from streams.judge.decision_facts import Action
from streams.judge.facts import CommandKind
from streams.spec.model import Stage
from tests.actuator.targets import split
from tests.actuator.world import LEASE_S, RECONCILE_S, World

CAN = Capabilities(largest_weight=10_000, fence=FenceKind.PROCESS, survives_restart=False)
STEP = {"max_step_bp": 2000}
SLOW = {"max_step_bp": 2000, "dwell_s": 60.0}


def shares(world: World, phase: str = "applied") -> list[int]:
    """The candidate's shares that were told in a phase, one after the other."""
    told = [r for r in world.journal.records if r.phase.value == phase]
    return [record.applied_bp["all"]["candidate"] for record in told]


def run_heard(world: World, seconds: float) -> None:
    """Let time pass under a judge who is heard."""
    end = world.clock.now + seconds
    while world.clock.now < end:
        world.beat()
        world.run(min(LEASE_S / 2, end - world.clock.now))


class TestPace:
    def test_a_raise_goes_step_by_step(self) -> None:
        world = World(pace=STEP)
        world.beat()
        world.decide(1, 5000)
        world.run(RECONCILE_S)
        assert shares(world) == [2000, 4000, 5000]

    def test_dwell_between_two_raises(self) -> None:
        world = World(pace=SLOW)
        world.beat()
        world.decide(1, 5000)
        run_heard(world, 59)
        assert shares(world) == [2000]
        assert world.journal.records[-1].reason.startswith("dwell: ")
        run_heard(world, RECONCILE_S + 1)
        assert shares(world) == [2000, 4000]

    def test_dwell_outlives_a_restart(self) -> None:
        world = World(pace=SLOW)
        world.beat()
        world.decide(1, 2000)
        world.run(RECONCILE_S)
        world.restart()
        world.beat()
        world.decide(2, 4000)
        run_heard(world, 40)
        assert world.share_bp == 2000
        run_heard(world, 25)
        assert world.share_bp == 4000

    def test_nothing_slows_a_rollback(self) -> None:
        world = World(pace=SLOW)
        world.beat()
        world.decide(1, 2000)
        world.decide(2, 0, Action.ROLLBACK)
        assert world.share_bp == 0

    def test_a_promotion_goes_its_steps_without_the_judge(self) -> None:
        """He has said his last word, and its first step was made within his lease."""
        world = World(pace=SLOW)
        world.beat()
        world.decide(1, 10_000, Action.PROMOTE)
        world.run(5 * 60 + 6 * RECONCILE_S)
        assert LEASE_S < 60
        assert shares(world) == [2000, 4000, 6000, 8000, 10_000]

    def test_a_promotion_that_never_began_still_needs_a_lease(self) -> None:
        world = World(pace=SLOW)
        world.restart()
        world.decide(1, 10_000, Action.PROMOTE)
        world.run(600)
        assert world.share_bp == 0

    def test_the_next_step_stands_on_a_proven_one(self) -> None:
        """A controller that is slow to take the first step gets no second one on top."""
        world = World(pace=STEP)
        world.faults.unproven = True
        world.beat()
        world.decide(1, 5000)
        run_heard(world, 4 * LEASE_S)
        assert set(shares(world, "intent")) == {2000, 0}
        assert world.share_bp == 0

    def test_an_unproven_raise_counts_for_the_dwell(self) -> None:
        world = World(pace=SLOW)
        world.faults.unproven = True
        world.beat()
        world.decide(1, 2000)
        world.faults.unproven = False
        world.decide(2, 4000)
        run_heard(world, 50)
        assert world.share_bp == 2000

    def test_a_step_that_rounds_to_nothing_is_no_step(self) -> None:
        """It is told, and the target is left in peace."""
        world = World(pace={"max_step_bp": 50}, largest_weight=100, total=100)
        world.target.set(split(100))
        world.beat()
        world.decide(1, 2500)
        writes = world.target.writes
        run_heard(world, 60)
        assert world.target.writes == writes
        assert world.journal.records[-1].reason.startswith("max_step: ")
        (problem,) = inabilities(world.spec, replace(CAN, largest_weight=100))
        assert problem.path == "route.max_step"


class TestPauseThatEnds:
    @pytest.mark.parametrize("restarted", [False, True], ids=["running", "restarted"])
    def test_raises_go_on_by_themselves(self, *, restarted: bool) -> None:
        world = World()
        world.beat()
        world.ask(CommandKind.PAUSE, lasts_s=100)
        if restarted:
            world.restart()
            world.beat()
        world.decide(1, 2500)
        run_heard(world, 99 - RECONCILE_S)
        assert world.share_bp == 0
        run_heard(world, 2 * RECONCILE_S)
        assert world.share_bp == 2500


class TestDryRun:
    def test_tells_and_touches_nothing(self) -> None:
        world = World(pace={"dry_run": True})
        world.target.set(split(300))
        world.beat()
        world.decide(1, 2500)
        assert (world.target.writes, world.share_bp) == (0, 300)
        last = world.journal.records[-1]
        assert (last.phase.value, last.applied_bp) == ("observed", split(300))
        assert last.reason == f"dry_run: would raise to {split(2500)}"

    def test_a_rollback_is_told_too(self) -> None:
        world = World(pace={"dry_run": True})
        world.target.set(split(300))
        world.beat()
        world.decide(1, 0, Action.ROLLBACK)
        assert (world.target.writes, world.share_bp) == (0, 300)
        assert world.journal.records[-1].reason == f"dry_run: would lower to {split(0)}"
        assert not world.actor.is_over()
        world.target.set(split(0))
        world.run(2 * RECONCILE_S)
        assert world.actor.is_over()

    def test_an_end_that_nobody_follows_is_watched_for_a_while(self) -> None:
        world = World(pace={"dry_run": True})
        world.beat()
        world.decide(1, 10_000, Action.PROMOTE)
        world.run(WATCH_AFTER_END_S - 2 * RECONCILE_S)
        assert not world.actor.is_over()
        world.run(4 * RECONCILE_S)
        assert world.actor.is_over()

    def test_what_others_apply_is_confirmed(self) -> None:
        """Somebody follows the decisions by hand; the judge hears what the target has."""
        world = World(pace={"dry_run": True})
        world.beat()
        world.decide(1, 2500)
        world.target.set(split(2500))
        world.run(3 * RECONCILE_S)
        looks = world.journal.records[-2:]
        assert [r.applied_bp for r in looks] == [split(2500)] * 2
        assert [r.reason for r in looks] == ["dry_run"] * 2
        assert looks[0].since == looks[1].since
        assert looks[1].confirmed_until > looks[0].confirmed_until

    def test_a_target_that_does_not_answer_is_told_and_asked_again(self) -> None:
        world = World(pace={"dry_run": True})
        world.faults.errors += [TargetTransient("busy")] * ALERT_AFTER
        world.run(60.0)
        told = [record.reason for record in world.journal.records]
        assert told[0] == "dry_run: busy"
        assert told[-1].startswith("dry_run")
        assert world.journal.records[-1].phase.value == "observed"


class TestGate:
    @pytest.mark.parametrize(
        ("pace", "path"), [(STEP, "route.max_step"), ({"dwell_s": 1.0}, "route.dwell")]
    )
    def test_a_target_with_steps_of_its_own_takes_no_others(
        self, pace: dict[str, Any], path: str
    ) -> None:
        can = replace(CAN, kind=Kind.GATE)
        (problem,) = inabilities(World(pace=pace).spec, can)
        assert problem.path == path
        assert not [*inabilities(World().spec, can)]


class TestResolution:
    def test_a_stage_that_rounds_to_nothing_is_refused_before_it_begins(self) -> None:
        """Two candidates share 1 % where the target has whole percents."""
        percent = replace(CAN, largest_weight=100, total=100)
        fine = World(stages=(Stage(weight_bp=100), Stage(weight_bp=10_000))).spec
        assert not [*inabilities(fine, percent)]
        tiny = World(stages=(Stage(weight_bp=50), Stage(weight_bp=10_000))).spec
        (problem,) = inabilities(tiny, percent)
        assert problem.path == "stages[0].weight"
        assert "below resolution" in problem.sentence
        assert not [*inabilities(tiny, replace(percent, kind=Kind.GATE))]

"""What an actuator tells Prometheus of its rollouts: how they stand, and what traffic they have."""

from __future__ import annotations

import re
from typing import Any

from prometheus_client.exposition import generate_latest

from streams.actuator.actor import RolloutActor
from streams.actuator.health import ActuatorFacts, Course, Health, RolloutFacts, course_of
from streams.actuator.meters import Meters
from streams.actuator.routers.memory import MemoryRouter
from streams.judge.decision_facts import Action
from streams.settings import Settings
from streams.tracing.trail import UNTRACED
from tests.actuator.targets import split
from tests.actuator.world import RECONCILE_S, World
from tests.tracing.test_trail import Kept, named

LABELS = 'rollout="r1",segment="all",service="digits"'


def page(facts: ActuatorFacts) -> dict[str, float]:
    health = Health(Settings())
    health.facts = facts
    found = re.findall(
        r"^(davy_rollout\S+) (\S+)$",
        generate_latest(health.meters.registry).decode(),
        re.MULTILINE,
    )
    return {name: float(value) for name, value in found}


def rollout(**more: Any) -> RolloutFacts:
    facts: dict[str, Any] = {"rollout": "r1", "seq": 1, "judge": "live", "stuck_s": 0.0}
    return RolloutFacts(**facts | {"service": "digits"} | more)


class TestPartitions:
    def test_by_how_far_they_are(self) -> None:
        """Named as the worker's: `davy_worker_partitions`."""
        health = Health(Settings())
        health.facts = ActuatorFacts(loading=1, loaded=3)
        value, name = health.meters.registry.get_sample_value, "davy_actuator_partitions"
        assert [value(name, {"state": state}) for state in ("loading", "loaded")] == [1, 3]


class TestTraffic:
    def test_shares_in_percent(self) -> None:
        """What there is and what is wanted, by arm."""
        facts = rollout(applied_bp=split(250), wanted_bp=split(2500))
        assert page(ActuatorFacts(rollouts=(facts,))) == {
            'davy_rollout_status{rollout="r1",service="digits"}': 0,
            f'davy_rollout_weight{{arm="baseline",{LABELS}}}': 97.5,
            f'davy_rollout_weight{{arm="candidate",{LABELS}}}': 2.5,
            f'davy_rollout_desired_weight{{arm="baseline",{LABELS}}}': 75,
            f'davy_rollout_desired_weight{{arm="candidate",{LABELS}}}': 25,
        }

    def test_nothing_is_left_of_a_target_that_was_let_go(self) -> None:
        assert page(ActuatorFacts()) == {}


class TestCourse:
    def test_a_promotion_counts_once_it_is_in_force(self) -> None:
        world = World()
        assert course_of(world.actor.standing) is Course.RUNNING
        world.beat()
        world.decide(1, 2500)
        assert course_of(world.actor.standing) is Course.RUNNING
        world.actor.decide(world.decision(2, 10_000, Action.PROMOTE))
        assert course_of(world.actor.standing) is Course.RUNNING
        world.run(RECONCILE_S * 3)
        assert world.share_bp == 10_000
        assert course_of(world.actor.standing) is Course.SUCCESSFUL

    def test_a_rollback_counts_at_once(self) -> None:
        """Whether or not the target can be reached."""
        world = World()
        world.beat()
        world.decide(1, 2500)
        world.actor.decide(world.decision(2, 0, Action.ROLLBACK))
        assert course_of(world.actor.standing) is Course.FAILED


class TestEffect:
    def test_the_whole_way_is_measured(self) -> None:
        """From the end of the pane to the proof; a decision without a pane is left out."""
        world, meters = World(), Meters()
        target = MemoryRouter(world.target, world.spec.arms)
        world.actor = RolloutActor(
            world.spec,
            target,
            world.journal,
            world.clock,
            world.tenure,
            RECONCILE_S,
            meters,
            UNTRACED,
        )
        world.beat()
        ended_ms = world.clock.wall_ms() - 3000
        world.actor.decide(world.decision(1, 2500, pane_end_ms=ended_ms))
        world.actor.step()
        value = meters.registry.get_sample_value
        assert world.share_bp == 2500
        assert value("davy_actuator_apply_seconds_count") == 1
        assert value("davy_actuator_effect_seconds_bucket", {"le": "2.5"}) == 0
        assert value("davy_actuator_effect_seconds_bucket", {"le": "5.0"}) == 1
        world.actor.decide(world.decision(2, 5000))
        world.actor.step()
        assert world.share_bp == 5000
        assert value("davy_actuator_apply_seconds_count") == 2
        assert value("davy_actuator_effect_seconds_count") == 1


class TestTrace:
    def test_it_leads_from_the_decision_to_the_weights(self) -> None:
        """Through decisions that restate it, and not beyond the weights that are in force."""
        world, kept = World(), Kept()
        world.actor = RolloutActor(
            world.spec,
            MemoryRouter(world.target, world.spec.arms),
            world.journal,
            world.clock,
            world.tenure,
            RECONCILE_S,
            trail=kept.trail,
        )
        world.beat()
        world.actor.decide(world.decision(1, 0, trace=named(7)))
        world.actor.step()  # nothing is to be changed
        world.actor.decide(world.decision(2, 2500))
        world.actor.step()
        assert (world.share_bp, kept.spans) == (2500, ())
        world.actor.decide(world.decision(3, 5000, trace=named(8)))
        world.actor.decide(world.decision(4, 5000))
        world.actor.step()
        assert world.share_bp == 5000
        (span,) = kept.spans
        assert (span.name, span.parent and span.parent.trace_id) == ("davy.apply", 8)
        assert dict(span.attributes or {}) == {"davy.rollout": "r1", "davy.seq": 4}

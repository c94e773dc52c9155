"""The reconcile loop on AWS: a target that takes its time, counts its calls, and says no."""

from __future__ import annotations

from typing import Any

from streams.actuator.actor import RolloutActor
from streams.actuator.leash import Leash, LeashedRouter
from streams.actuator.routers import open_router
from streams.judge.decision_facts import Action
from streams.spec.model import Target
from tests.actuator.aws.balancer import alb
from tests.actuator.aws.cloud import ARMS, Cloud
from tests.actuator.aws.slow_endpoint import endpoint
from tests.actuator.aws.wires import Answer, Call, error
from tests.actuator.targets import split
from tests.actuator.world import RECONCILE_S, HandTenure, World


class CloudWorld(World):
    """A rollout whose target is at AWS."""

    def __init__(self, cloud: Cloud, **spec: Any) -> None:
        self.cloud = cloud
        super().__init__(**spec)
        self.actor.step()
        self.beat()

    def _born(self) -> RolloutActor:
        self.tenure = HandTenure()
        router = open_router(Target(router=self.cloud.router, options=self.cloud.options), ARMS)
        leashed = LeashedRouter(router, Leash(), self.tenure, self.clock)
        return RolloutActor(self.spec, leashed, self.journal, self.clock, self.tenure, RECONCILE_S)

    @property
    def weights(self) -> Any:
        """What another look shows."""
        router = open_router(Target(router=self.cloud.router, options=self.cloud.options), ARMS)
        return router.observe().weights_bp


class TestSageMaker:
    def test_a_raise_is_not_given_up_for_being_slow(self) -> None:
        """A change of eighteen looks, a minute and a half: asked each five seconds, then told."""
        with endpoint(looks=18) as cloud:
            world = CloudWorld(cloud)
            world.decide(1, 2500)
            world.run(60)
            assert world.phases()[-1] == "intent"
            looks = len(cloud.made("DescribeEndpoint"))
            world.run(40)
            assert ("applied" in world.phases(), "failed" in world.phases()) == (True, False)
            assert len(cloud.made("DescribeEndpoint")) - looks <= 9
            assert world.weights == split(2500)

    def test_a_rollback_in_the_middle_of_a_raise(self) -> None:
        """It cannot overtake what AWS has under way; it is tried until it can."""
        with endpoint(looks=9) as cloud:
            world = CloudWorld(cloud)
            world.decide(1, 2500)
            world.decide(2, 0, Action.ROLLBACK)
            assert (len(made(cloud)), world.phases()[-1]) == (1, "intent")
            world.run(120)
            assert world.weights == split(0)
            assert world.journal.records[-1].terminal
        assert len(made(cloud)) == 2


def made(cloud: Cloud) -> list[dict[str, Any]]:
    return cloud.made("UpdateEndpointWeightsAndCapacities")


class TestAlb:
    def test_a_foreign_raise_is_undone(self) -> None:
        """At the next look."""
        with alb(by_rule=True) as cloud:
            world = CloudWorld(cloud)
            world.decide(1, 1000)
            cloud.interfere(split(9000))
            world.run(RECONCILE_S * 2)
            assert world.weights == split(1000)

    def test_a_rollback_through_throttling(self) -> None:
        """AWS says no to every write for a minute: it is asked until it says yes."""
        refused: list[str] = []

        def throttle(call: Call) -> Answer | None:
            if call.operation != "ModifyRule" or not busy:
                return None
            refused.append(call.operation)
            return error(400, "Throttling", "Rate exceeded")

        busy = False
        with alb(by_rule=True, before=throttle) as cloud:
            world = CloudWorld(cloud)
            world.decide(1, 1000)
            busy = True
            world.decide(2, 0, Action.ROLLBACK)
            world.run(60)
            assert world.weights == split(1000)
            busy = False
            world.run(35)
            assert world.weights == split(0)
        assert 4 < len(refused) < 12

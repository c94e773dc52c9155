"""When may a share be raised at AWS? What cannot take traffic, and what is under way."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from streams.actuator.ports import Desired, Fence, Proof, Router
from streams.actuator.routers import open_router
from streams.errors import TargetRejected, TargetTransient
from streams.spec.model import Target
from tests.actuator.aws.balancer import alb
from tests.actuator.aws.cloud import ARMS, Cloud
from tests.actuator.aws.lattice_double import GROUPS, lattice
from tests.actuator.aws.mesh import app_mesh
from tests.actuator.aws.slow_endpoint import endpoint
from tests.actuator.aws.wires import Answer, Call, hooked
from tests.actuator.targets import split

FENCE = Fence(rollout="r1", seq=1)


def opened(cloud: Cloud) -> Router:
    return open_router(Target(router=cloud.router, options=cloud.options), ARMS)


class TestAlb:
    @pytest.mark.parametrize(
        ("health", "unready"),
        [
            ([{"State": "healthy"}], ()),
            ([{"State": "unhealthy"}, {"State": "healthy"}], ()),
            ([{"State": "initial"}], ARMS),
            ([{"State": "unused"}], ARMS),
            ([{"State": "draining"}], ARMS),
            ([{"State": "unavailable", "Reason": "Target.HealthCheckDisabled"}], ()),
            ([{"State": "unavailable", "Reason": "Elb.InternalError"}], ARMS),
            ([], ARMS),
        ],
    )
    def test_target_groups(self, health: list[dict[str, str]], unready: tuple[str, ...]) -> None:
        """One healthy target is enough; a group that nobody checks is ready."""

        def told(call: Call) -> Answer | None:
            if call.operation != "DescribeTargetHealth":
                return None
            found = [{"Target": {"Id": "t"}, "TargetHealth": each} for each in health]
            return 200, {"TargetHealthDescriptions": found}

        with alb(by_rule=True, before=told) as cloud:
            assert opened(cloud).observe().unready == unready

    def test_nobody_is_in_the_candidates_group(self) -> None:
        """A group without targets answers 503."""
        with alb(by_rule=True) as cloud:
            group = cloud.options["target_groups"]["candidate"]
            cloud.aws.deregister_targets(TargetGroupArn=group, Targets=[{"Id": "10.0.0.2"}])
            assert opened(cloud).observe().unready == ("candidate",)


class TestLattice:
    @pytest.mark.parametrize(
        ("health", "unready"),
        [
            (["HEALTHY"], ()),
            (["UNHEALTHY", "DRAINING", "HEALTHY"], ()),
            (["UNAVAILABLE"], ()),
            (["INITIAL", "UNUSED"], ("candidate",)),
            ([], ("candidate",)),
        ],
    )
    def test_target_groups(self, health: list[str], unready: tuple[str, ...]) -> None:
        """One healthy target is enough, on whatever page of the answer."""
        with lattice(by_rule=True) as cloud:
            cloud.aws.health[GROUPS["candidate"]] = health
            assert opened(cloud).observe().unready == unready


class TestAppMesh:
    def test_a_route_that_is_not_in_force(self) -> None:
        """Nothing is raised; going down is tried all the same."""

        def inactive(parsed: dict[str, Any], **_: Any) -> None:
            parsed["route"]["status"] = {"status": "INACTIVE"}

        hook = partial(hooked, "after-call.app-mesh.DescribeRoute", inactive)
        with hook(), app_mesh() as cloud:
            router = opened(cloud)
            cloud.interfere(split(5000))
            assert router.observe().unready == ARMS
            router.apply(Desired(weights_bp=split(0)), expect=None, fence=FENCE)
            assert router.observe().weights_bp == split(0)


class TestSageMaker:
    def test_a_change_takes_its_time(self) -> None:
        """Until it is done nothing is proven, nobody is ready, and the larger share counts."""
        desired = Desired(weights_bp=split(2500))
        with endpoint() as cloud:
            router = opened(cloud)
            router.apply(desired, expect=None, fence=FENCE)
            seen = router.observe()
            assert (seen.weights_bp, seen.unready) == (split(2500), ARMS)
            assert "is Updating" in seen.note
            found = router.verify(desired)
            assert found.proof is Proof.HOLDS, found.how

    def test_pending_while_it_is_updating(self) -> None:
        """Weights that are only asked for are no proof."""
        desired = Desired(weights_bp=split(2500))
        with endpoint() as cloud:
            router = opened(cloud)
            router.apply(desired, expect=None, fence=FENCE)
            found = router.verify(desired)
            assert (found.proof, "is Updating" in found.how) == (Proof.PENDING, True)
            assert router.verify(desired).proof is Proof.HOLDS

    def test_going_down_shows_the_old_share_first(self) -> None:
        """Nobody believes that the candidate has nothing before it has."""
        with endpoint() as cloud:
            router = opened(cloud)
            cloud.interfere(split(2500))
            router.apply(Desired(weights_bp=split(0)), expect=None, fence=FENCE)
            assert router.observe().weights_bp == split(2500)
            assert router.observe().weights_bp == split(0)

    def test_a_rollback_waits_for_the_change_under_way(self) -> None:
        """It is to be tried again; then it goes through."""
        with endpoint() as cloud:
            router = opened(cloud)
            router.apply(Desired(weights_bp=split(2500)), expect=None, fence=FENCE)
            home = Desired(weights_bp=split(0))
            with pytest.raises(TargetTransient, match="is Updating"):
                router.apply(home, expect=None, fence=FENCE)
            router.apply(home, expect=None, fence=FENCE)
            assert len(cloud.made("UpdateEndpointWeightsAndCapacities")) == 2

    @pytest.mark.parametrize(
        ("variant", "unready"),
        [
            ({"CurrentInstanceCount": 0}, ("candidate",)),
            ({"CurrentInstanceCount": 0, "CurrentServerlessConfig": {"MaxConcurrency": 1}}, ()),
            ({"VariantStatus": [{"Status": "Creating"}]}, ("candidate",)),
            ({}, ()),
        ],
    )
    def test_variants(self, variant: dict[str, Any], unready: tuple[str, ...]) -> None:
        """Scaled to nothing, or still being made: no traffic."""

        def tell(parsed: dict[str, Any], **_: Any) -> None:
            parsed["ProductionVariants"][1] |= variant

        with hooked("after-call.sagemaker.DescribeEndpoint", tell), endpoint() as cloud:
            assert opened(cloud).observe().unready == unready

    def test_an_update_that_failed(self) -> None:
        """It is told as rejected, with AWS's reason: waiting will not help."""

        def failed(parsed: dict[str, Any], **_: Any) -> None:
            parsed |= {"EndpointStatus": "Failed", "FailureReason": "no capacity"}

        with hooked("after-call.sagemaker.DescribeEndpoint", failed), endpoint() as cloud:
            found = opened(cloud).verify(Desired(weights_bp=split(2500)))
        assert (found.proof, "no capacity" in found.how) == (Proof.REJECTED, True)

    def test_an_endpoint_without_weights(self) -> None:
        """Inference components share one variant: there is nothing to move."""

        def tell(parsed: dict[str, Any], **_: Any) -> None:
            for variant in parsed["ProductionVariants"]:
                del variant["CurrentWeight"]

        with (
            hooked("after-call.sagemaker.DescribeEndpoint", tell),
            endpoint() as cloud,
            pytest.raises(TargetRejected, match="no inference components"),
        ):
            opened(cloud).observe()

"""What is written at AWS: weights, and all else as it was."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

import pytest

from streams.actuator.ports import Desired, Fence, Router
from streams.actuator.routers import open_router
from streams.errors import RouterError, TargetNotFound, TargetRejected
from streams.spec.model import Target
from tests.actuator.aws.balancer import alb
from tests.actuator.aws.cloud import ARMS, Cloud
from tests.actuator.aws.lattice_double import GROUPS, RULE_ARN, lattice
from tests.actuator.aws.mesh import app_mesh
from tests.actuator.aws.slow_endpoint import endpoint
from tests.actuator.targets import split

FENCE = Fence(rollout="r1", seq=1)
PLACE = {"meshName": "shop", "virtualRouterName": "digits", "routeName": "all"}
OIDC = {
    "Issuer": "https://id.example",
    "AuthorizationEndpoint": "https://id.example/authorize",
    "TokenEndpoint": "https://id.example/token",
    "UserInfoEndpoint": "https://id.example/me",
    "ClientId": "digits",
}


def opened(cloud: Cloud, **more: Any) -> Router:
    return open_router(Target(router=cloud.router, options=cloud.options | more), ARMS)


def raise_to(router: Router, share: int) -> None:
    router.apply(Desired(weights_bp=split(share)), expect=None, fence=FENCE)


class TestAppMesh:
    def spec(self, cloud: Cloud) -> dict[str, Any]:
        found: dict[str, Any] = cloud.aws.describe_route(**PLACE)["route"]["spec"]
        return found

    def test_weights_alone_change(self) -> None:
        """Priority, match, timeout and retries stay, though the whole spec is sent."""
        with app_mesh() as cloud:
            wanted = copy.deepcopy(self.spec(cloud))
            raise_to(opened(cloud), 2500)
            first, second = wanted["httpRoute"]["action"]["weightedTargets"]
            first["weight"], second["weight"] = 75, 25
            assert self.spec(cloud) == wanted

    def test_the_same_write_has_the_same_token(self) -> None:
        """Sent twice over one version it counts once; over the next version it is another write."""
        with app_mesh() as cloud:
            router = opened(cloud)
            for share in (2500, 100, 2500):
                raise_to(router, share)
            tokens = [made["clientToken"] for made in cloud.made("UpdateRoute")]
        assert len(set(tokens)) == 3
        with app_mesh() as cloud:
            split_of = opened(cloud)._split  # type: ignore[attr-defined]
            look = split_of.look()
            for _ in range(2):
                split_of.write(look, {"baseline": 75, "candidate": 25})
            first, second = (made["clientToken"] for made in cloud.made("UpdateRoute"))
        assert first == second

    def test_a_route_of_no_weights(self) -> None:
        """What cannot be read is told with what davy knows."""
        with app_mesh() as cloud:
            spec = self.spec(cloud)
            spec["http2Route"] = spec["httpRoute"]
            cloud.aws.update_route(**PLACE, spec=spec)
            with pytest.raises(TargetRejected, match="davy knows routes with weightedTargets"):
                opened(cloud).observe()


class TestAlb:
    def rule(self, cloud: Cloud) -> dict[str, Any]:
        found: dict[str, Any] = cloud.aws.describe_rules(RuleArns=[cloud.options["rule"]])
        return found["Rules"][0]  # type: ignore[no-any-return]

    def test_weights_alone_change(self) -> None:
        """Conditions, order and stickiness stay; and a person is told of stickiness."""
        with alb(by_rule=True) as cloud:
            wanted = copy.deepcopy(self.rule(cloud))
            router = opened(cloud)
            raise_to(router, 1000)
            first, second = wanted["Actions"][0]["ForwardConfig"]["TargetGroups"]
            first["Weight"], second["Weight"] = 999, 111
            assert self.rule(cloud) == wanted
            assert "users stay where they are for 60 s" in router.observe().note

    def test_people_still_log_in_first(self) -> None:
        """The action before is sent back; its secret is never told, so AWS is asked to keep it."""
        with alb(by_rule=True) as cloud:
            actions = self.rule(cloud)["Actions"]
            login = {"Type": "authenticate-oidc", "Order": 1}
            login["AuthenticateOidcConfig"] = OIDC | {"ClientSecret": "secret"}
            actions[0]["Order"] = 2
            cloud.aws.modify_rule(RuleArn=cloud.options["rule"], Actions=[login, *actions])
            raise_to(opened(cloud), 1000)
            (sent,) = cloud.made("ModifyRule")
        known = sent["Actions"][0]["AuthenticateOidcConfig"]
        assert known["UseExistingClientSecret"] is True
        assert [action["Order"] for action in sent["Actions"]] == [1, 2]

    def test_a_rule_that_forwards_nothing(self) -> None:
        """A redirect has no weights."""
        with alb(by_rule=True) as cloud:
            redirect = {"Protocol": "HTTPS", "StatusCode": "HTTP_301"}
            actions = [{"Type": "redirect", "RedirectConfig": redirect}]
            cloud.aws.modify_rule(RuleArn=cloud.options["rule"], Actions=actions)
            with pytest.raises(TargetRejected, match="davy knows forward actions"):
                opened(cloud).observe()


class TestLattice:
    def test_match_and_priority_are_not_sent(self) -> None:
        """So they stay; the ids by which AWS names target groups stay too."""
        with lattice(by_rule=True) as cloud:
            arns = {
                arm: f"{RULE_ARN.partition(':service')[0]}:targetgroup/{group}"
                for arm, group in GROUPS.items()
            }
            raise_to(opened(cloud, target_groups=arns), 1000)
            (sent,) = cloud.made("UpdateRule")
        assert sent.keys() == {
            "serviceIdentifier",
            "listenerIdentifier",
            "ruleIdentifier",
            "action",
        }
        assert sent["action"]["forward"]["targetGroups"] == [
            {"targetGroupIdentifier": GROUPS["baseline"], "weight": 999},
            {"targetGroupIdentifier": GROUPS["candidate"], "weight": 111},
        ]

    def test_an_answer_in_place_of_traffic(self) -> None:
        """A fixed response has no weights."""
        with lattice(by_rule=True) as cloud:
            cloud.aws.action = {"fixedResponse": {"statusCode": 404}}
            with pytest.raises(TargetRejected, match="davy knows forward actions"):
                opened(cloud).observe()


class TestSageMaker:
    def test_counts_are_never_sent(self) -> None:
        """Autoscaling may have changed them since: AWS keeps what is not told."""
        with endpoint() as cloud:
            raise_to(opened(cloud), 2500)
            (sent,) = cloud.made("UpdateEndpointWeightsAndCapacities")
            variants = cloud.aws.describe_endpoint(EndpointName="digits")["ProductionVariants"]
        assert sent["DesiredWeightsAndCapacities"] == [
            {"VariantName": "v1", "DesiredWeight": 7500.0},
            {"VariantName": "v2", "DesiredWeight": 2500.0},
        ]
        assert [each["CurrentInstanceCount"] for each in variants] == [2, 1]

    def test_shares_in_32_bits(self) -> None:
        """AWS stores 0.29 as 0.28999999165534973; it is 29 % all the same."""
        with endpoint() as cloud:
            cloud.interfere({"all": {"baseline": 7100, "candidate": 2900}})
            weights = [("v1", 0.7099999785423279), ("v2", 0.28999999165534973)]
            asked = [{"VariantName": name, "DesiredWeight": weight} for name, weight in weights]
            cloud.aws.update_endpoint_weights_and_capacities(
                EndpointName="digits", DesiredWeightsAndCapacities=asked
            )
            assert opened(cloud).observe().weights_bp == split(2900)


MAKERS = {
    "appmesh": (app_mesh, "virtual_nodes"),
    "alb": (partial(alb, by_rule=True), "target_groups"),
    "lattice": (partial(lattice, by_rule=True), "target_groups"),
    "sagemaker": (endpoint, "variants"),
}


@pytest.mark.parametrize("name", MAKERS)
class TestStrangers:
    def test_an_arm_that_is_not_there(self, name: str) -> None:
        """davy adds none: it would have to know more of it than its name."""
        make, option = MAKERS[name]
        with make() as cloud:
            names = cloud.options[option] | {"candidate": f"{cloud.options[option]['candidate']}9"}
            with pytest.raises(TargetNotFound, match="put it there with weight 0"):
                opened(cloud, **{option: names}).observe()

    def test_traffic_that_is_nobodys(self, name: str) -> None:
        """With a third that has traffic every share would be wrong."""
        make, option = MAKERS[name]
        with make() as cloud:
            cloud.interfere(split(5000))
            names = cloud.options[option]
            options = cloud.options | {option: {"baseline": names["baseline"]}}
            router = open_router(Target(router=cloud.router, options=options), ("baseline",))
            with pytest.raises(RouterError, match="takes traffic but belongs to no arm"):
                router.observe()

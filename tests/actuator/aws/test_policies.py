"""The policies of infra/aws: davy is allowed what it calls, and nothing that it does not call."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from streams.actuator.ports import Desired, Fence, Outcome, Router
from streams.actuator.routers import open_router
from streams.errors import TargetDenied
from streams.spec.model import Target
from tests.actuator.aws import cloud as aws
from tests.actuator.aws import lattice_double as double
from tests.actuator.aws.balancer import alb
from tests.actuator.aws.cloud import ARMS, Cloud
from tests.actuator.aws.mesh import app_mesh
from tests.actuator.aws.slow_endpoint import endpoint
from tests.actuator.aws.wires import Answer, Call, Listener, error
from tests.actuator.targets import split

FOLDER = Path(__file__).parents[3] / "infra" / "aws"
PREFIXES = {"elbv2": "elasticloadbalancing"}
MAKERS: dict[str, Callable[..., AbstractContextManager[Cloud]]] = {
    "alb-rule": partial(alb, by_rule=True),
    "alb-listener": partial(alb, by_rule=False),
    "lattice-rule": partial(double.lattice, by_rule=True),
    "lattice-listener": partial(double.lattice, by_rule=False),
    "sagemaker": endpoint,
    "appmesh": app_mesh,
}
COMMON = {"REGION": aws.REGION, "ACCOUNT": "123456789012"}
NAMES = {
    "lattice": {
        "SERVICE_ID": double.SERVICE,
        "LISTENER_ID": double.LISTENER,
        "RULE_ID": double.RULE,
        "BASELINE_GROUP_ID": double.GROUPS["baseline"],
        "CANDIDATE_GROUP_ID": double.GROUPS["candidate"],
    },
    "sagemaker": {"ENDPOINT": "digits"},
    "appmesh": {
        "MESH": "shop",
        "ROUTER": "digits",
        "ROUTE": "all",
        "BASELINE_NODE": "v1",
        "CANDIDATE_NODE": "v2",
    },
}


def statements(name: str) -> list[dict[str, Any]]:
    """The statements of a policy, filled in; of an ALB the ids are made anew each time."""
    text = (FOLDER / f"{name}.json").read_text()
    for word, value in (COMMON | NAMES.get(name.partition("-")[0], {})).items():
        text = text.replace(word, value)
    for word in ("BALANCER_ID", "LISTENER_ID", "RULE_ID", "BALANCER"):
        text = text.replace(word, "*")
    found: list[dict[str, Any]] = json.loads(text)["Statement"]
    return found


def action(call: Call) -> str:
    """The IAM action of a call: they have one name."""
    return f"{PREFIXES.get(call.service, call.service)}:{call.operation}"


def resources(call: Call) -> list[str]:
    """The ARNs that a call is about; none where IAM knows only `*`."""
    asked = call.parameters
    match call.service:
        case "elbv2" if call.operation.startswith("Describe"):
            return []
        case "elbv2":
            return asked.get("ResourceArns") or [asked.get("RuleArn") or asked["ListenerArn"]]
        case "vpc-lattice" if "targetGroupIdentifier" in asked:
            return [f"{double.PREFIX}:targetgroup/{asked['targetGroupIdentifier']}"]
        case "vpc-lattice":
            by_rule = "ruleIdentifier" in asked
            return [asked.get("resourceArn", double.RULE_ARN if by_rule else double.LISTENER_ARN)]
        case "sagemaker":
            prefix = f"arn:aws:sagemaker:{aws.REGION}:123456789012:endpoint"
            return [asked.get("ResourceArn", f"{prefix}/{asked.get('EndpointName')}")]
    mesh = f"arn:aws:appmesh:{aws.REGION}:123456789012:mesh/shop"
    nodes = [f"{mesh}/virtualNode/{node}" for node in ("v1", "v2") if "spec" in asked]
    return [asked.get("resourceArn", f"{mesh}/virtualRouter/digits/route/all"), *nodes]


def tag_keys(call: Call) -> set[str]:
    """The keys of the tags that a call sets."""
    tags = call.parameters.get("Tags") or call.parameters.get("tags") or []
    return set(tags) if isinstance(tags, dict) else {tag.get("Key", tag.get("key")) for tag in tags}


def allows(statement: dict[str, Any], call: Call) -> bool:
    """Whether a statement allows a call; all its resources, and no other tag than it names."""
    patterns = statement["Resource"]
    patterns = [patterns] if isinstance(patterns, str) else patterns
    about = resources(call) or ["*"]
    named = all(any(fnmatchcase(arn, pattern) for pattern in patterns) for arn in about)
    keys = statement.get("Condition", {}).get("ForAllValues:StringEquals", {}).get("aws:TagKeys")
    return action(call) in statement["Action"] and named and tag_keys(call) <= set(keys or ())


def under(policy: list[dict[str, Any]]) -> Listener:
    """Deny what a policy does not allow, as AWS does."""

    def judge(call: Call) -> Answer | None:
        if any(allows(statement, call) for statement in policy):
            return None
        return error(403, "AccessDeniedException", f"not authorized to perform {action(call)}")

    return judge


def live(cloud: Cloud, tmp_path: Path, *, fence: bool = True) -> None:
    """All that davy does at a target: look, raise, sign, prove, roll back, end."""
    more = {} if fence else {"fence_file": str(tmp_path / "fence.json")}
    router = open_router(Target(router=cloud.router, options=cloud.options | more), ARMS)
    put(router, 2500, Fence(rollout="r1", seq=1, claim=5))
    router.sign(expect=None, fence=Fence(rollout="r1", seq=1, claim=9))
    put(router, 0, Fence(rollout="r1", seq=2))
    router.finalize(Outcome.ROLLED_BACK)


def put(router: Router, share: int, fence: Fence) -> None:
    desired = Desired(weights_bp=split(share))
    router.apply(desired, expect=router.observe().revision, fence=fence)
    for _ in range(3):  # the looks that a change takes at SageMaker's double
        proven = router.verify(desired)
    assert proven.proof == "holds"


@pytest.mark.parametrize("name", MAKERS)
class TestPolicies:
    def test_what_davy_calls_is_what_is_allowed(self, name: str, tmp_path: Path) -> None:
        """Under its policy a router does all that it must, and it uses every action in it."""
        policy = statements(name)
        with MAKERS[name](before=under(policy)) as cloud:
            live(cloud, tmp_path)
            used = {action(call) for call in cloud.calls}
        assert used == {each for statement in policy for each in statement["Action"]}

    def test_every_action_is_needed(self, name: str, tmp_path: Path) -> None:
        """With any one action taken away davy is denied, and says where the rights are told."""
        for lost in {each for statement in statements(name) for each in statement["Action"]}:
            policy = statements(name)
            for statement in policy:
                statement["Action"] = [each for each in statement["Action"] if each != lost]
            with (
                MAKERS[name](before=under(policy)) as cloud,
                pytest.raises(TargetDenied, match="infra/aws"),
            ):
                live(cloud, tmp_path)

    def test_a_file_needs_no_rights_to_tags(self, name: str, tmp_path: Path) -> None:
        """With `fence_file` the statements of the fence can go."""
        policy = [each for each in statements(name) if not each["Sid"].endswith("Fence")]
        with MAKERS[name](before=under(policy)) as cloud:
            live(cloud, tmp_path, fence=False)

    def test_nothing_is_open(self, name: str) -> None:
        """No action with a wildcard, and none that changes something has `*` for a resource."""
        text = json.loads((FOLDER / f"{name}.json").read_text())
        for statement in text["Statement"]:
            assert not any("*" in each for each in statement["Action"])
            reads = all(":Describe" in each for each in statement["Action"])
            assert statement["Resource"] != "*" or reads

"""How is traffic moved at an Application Load Balancer? Weights 0 .. 999 of target groups.

They stand in the forward action of a listener's rule, or of its default. All actions are written
back as they were read, since the API takes no single one. Source: Elastic Load Balancing API
reference, version 2015-12-01: ModifyRule, ModifyListener, DescribeTargetHealth, AddTags.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from streams.actuator.audience import Audience
from streams.actuator.ports import Capabilities, FenceKind, Sticky
from streams.actuator.routers import options as read
from streams.actuator.routers.aws import reading
from streams.actuator.routers.aws.calls import Service, check_installed
from streams.actuator.routers.aws.router import AwsRouter
from streams.actuator.routers.aws.split import Look, shares
from streams.actuator.routers.declared import declared
from streams.actuator.routers.foreign import understood
from streams.errors import TargetNotFound, TargetRejected

OPTIONS = ("rule", "listener", "target_groups", "fence_file")
PREFIX = "arn:aws:elasticloadbalancing:eu-west-1:123456789012"
EXAMPLES = {
    "rule": f"{PREFIX}:listener-rule/app/digits/50dc6c495c0c9188/f2f7dc8efc522ab2/9683b2d02a6cabee",
    "listener": f"{PREFIX}:listener/app/digits/50dc6c495c0c9188/f2f7dc8efc522ab2",
}
RESOURCES = {"rule": re.compile("listener-rule/.+"), "listener": re.compile("listener/.+")}
ADVICE = "davy knows forward actions with ForwardConfig.TargetGroups and a Weight for each"
UNCHECKED = "Target.HealthCheckDisabled"
"""Lambda functions: nobody looks whether they are well."""

CAN = Capabilities(
    largest_weight=999,
    fence=FenceKind.ADVISORY,
    survives_restart=True,
    sticky=Sticky.AS_SET_UP,
    settles_s=15.0,
    ask_every_s=1.0,
)


class AlbSplit:
    """See Split; every arm is a target group. `kind` is `rule` or `listener`."""

    def __init__(self, service: Service, arn: str, kind: str, groups: Mapping[str, str]) -> None:
        self._service, self._arn, self._kind, self._groups = service, arn, kind, groups

    def look(self) -> Look:
        """See Split."""
        actions = self._actions()
        with understood(self._arn, "forward action", error=TargetRejected, advice=ADVICE):
            forward = _forward(actions)
            weights = [(group["TargetGroupArn"], group["Weight"]) for group in _groups(forward)]
            pinned = forward["ForwardConfig"].get("TargetGroupStickinessConfig", {})
        how = f"Describe{self._kind.capitalize()}s"
        if pinned.get("Enabled"):
            how += f" (users stay where they are for {pinned.get('DurationSeconds')} s)"
        return Look(
            arn=self._arn,
            shares_bp=shares(weights, self._groups, where=self._arn, what="target group"),
            setting=json.dumps(actions, sort_keys=True),
            document=actions,
            how=how,
        )

    def _actions(self) -> list[dict[str, Any]]:
        if self._kind == "rule":
            answer = self._service.look("DescribeRules", {"RuleArns": [self._arn]})
            found, actions = answer.get("Rules", []), "Actions"
        else:
            answer = self._service.look("DescribeListeners", {"ListenerArns": [self._arn]})
            found, actions = answer.get("Listeners", []), "DefaultActions"
        if not found:
            raise TargetNotFound(f"{self._arn}: is not there; check target.options.{self._kind}")
        return list(found[0].get(actions, []))

    def unready(self, look: Look) -> tuple[str, ...]:  # noqa: ARG002 - health stands elsewhere
        """See Split; a target group needs one target that is well, or that nobody checks."""
        return tuple(arm for arm, group in self._groups.items() if not self._is_ready(group))

    def _is_ready(self, group: str) -> bool:
        answer = self._service.look("DescribeTargetHealth", {"TargetGroupArn": group})
        found = [target.get("TargetHealth", {}) for target in answer["TargetHealthDescriptions"]]
        return any(
            health.get("State") == "healthy" or health.get("Reason") == UNCHECKED
            for health in found
        )

    def write(self, look: Look, weights: Mapping[str, int]) -> None:
        """See Split."""
        actions = copy.deepcopy(look.document)
        arm_of = {group: arm for arm, group in self._groups.items()}
        for group in _groups(_forward(actions)):
            if group["TargetGroupArn"] in arm_of:
                group["Weight"] = weights[arm_of[group["TargetGroupArn"]]]
        for action in actions:
            if "AuthenticateOidcConfig" in action:  # the secret is not told, and so not sent back
                action["AuthenticateOidcConfig"]["UseExistingClientSecret"] = True
        if self._kind == "rule":
            self._service.write("ModifyRule", {"RuleArn": self._arn, "Actions": actions})
        else:
            parameters = {"ListenerArn": self._arn, "DefaultActions": actions}
            self._service.write("ModifyListener", parameters)

    def tags(self, arn: str) -> Mapping[str, str]:
        """See Split."""
        answer = self._service.look("DescribeTags", {"ResourceArns": [arn]})
        found = [tag for each in answer["TagDescriptions"] for tag in each.get("Tags", [])]
        return {tag["Key"]: tag.get("Value", "") for tag in found}

    def tag(self, arn: str, key: str, value: str) -> None:
        """See Split."""
        parameters = {"ResourceArns": [arn], "Tags": [{"Key": key, "Value": value}]}
        self._service.write("AddTags", parameters)


def _forward(actions: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The one action that forwards; ValueError where there is another number of them."""
    (forward,) = (action for action in actions if action["Type"] == "forward")
    return forward


def _groups(forward: dict[str, Any]) -> list[dict[str, Any]]:
    return list(forward["ForwardConfig"]["TargetGroups"])


@declared(
    *reading.abouts(
        "ALB: weights of target groups in a listener's rule or default", CAN, "moto, own checks"
    )
)
def open_alb(
    options: Mapping[str, Any],
    arms: Sequence[str],
    audience: Audience,  # noqa: ARG001 - one split for all requests that the rule matches
) -> AwsRouter:
    """The router for these options.

    `rule` or `listener`: the ARN of a listener's rule, or of a listener whose default action is
    meant; `target_groups`: arm -> ARN; `fence_file`: keep the fence in this file, not in a tag.
    """
    read.check_names(options, known=OPTIONS, router="alb")
    check_installed("alb")
    kind, arn = reading.one_arn(
        options, EXAMPLES, router="alb", service="elasticloadbalancing", resources=RESOURCES
    )
    groups = read.per_arm(options, "target_groups", arms, router="alb")
    service = Service("elbv2", region=arn.region, where=f"alb {arn.text}")
    split = AlbSplit(service, arn.text, kind, groups)
    fences = reading.fences(options, split, router="alb")
    return AwsRouter(split, fences, reading.kept_in(CAN, fences.kind), arms)

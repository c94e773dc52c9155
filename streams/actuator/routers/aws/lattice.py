"""How is traffic moved at VPC Lattice? Weights 0 .. 999 of target groups.

They stand in the forward action of a listener's rule, or of its default. Match and priority of a
rule are not sent and so stay. Source: Amazon VPC Lattice API reference: UpdateRule, UpdateListener,
ListTargets, TagResource.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from streams.actuator.audience import Audience
from streams.actuator.ports import Capabilities, FenceKind
from streams.actuator.routers import options as read
from streams.actuator.routers.aws import reading
from streams.actuator.routers.aws.calls import Answer, Service, check_installed
from streams.actuator.routers.aws.router import AwsRouter
from streams.actuator.routers.aws.split import Look, shares
from streams.actuator.routers.declared import declared
from streams.actuator.routers.foreign import understood
from streams.errors import TargetRejected

OPTIONS = ("rule", "listener", "target_groups", "fence_file")
LISTENER = (
    "arn:aws:vpc-lattice:eu-west-1:123456789012:service/svc-0123456789abcdef0"
    "/listener/listener-0123456789abcdef0"
)
EXAMPLES = {"rule": f"{LISTENER}/rule/rule-0123456789abcdef0", "listener": LISTENER}
RESOURCES = {
    "rule": re.compile(r"service/(svc-\w+)/listener/(listener-\w+)/rule/(rule-\w+)"),
    "listener": re.compile(r"service/(svc-\w+)/listener/(listener-\w+)"),
}
NAMES = ("serviceIdentifier", "listenerIdentifier", "ruleIdentifier")
ACTIONS = {"rule": "action", "listener": "defaultAction"}
ADVICE = "davy knows forward actions with a weight for each target group"
WELL = ("HEALTHY", "UNAVAILABLE")
"""UNAVAILABLE: nobody looks whether the targets of this group are well."""

CAN = Capabilities(
    largest_weight=999,
    fence=FenceKind.ADVISORY,
    survives_restart=True,
    settles_s=15.0,
    ask_every_s=1.0,
)


class LatticeSplit:
    """See Split; every arm is a target group. `kind` is `rule` or `listener`."""

    def __init__(
        self, service: Service, arn: reading.Arn, kind: str, groups: Mapping[str, str]
    ) -> None:
        self._service, self._arn, self._kind = service, arn.text, kind
        self._place = dict(zip(NAMES, arn.parts, strict=False))
        self._groups = {arm: _id(group) for arm, group in groups.items()}

    def look(self) -> Look:
        """See Split."""
        answer = self._service.look(f"Get{self._kind.capitalize()}", self._place)
        with understood(self._arn, "forward action", error=TargetRejected, advice=ADVICE):
            action = answer[ACTIONS[self._kind]]
            weights = [(_id(g["targetGroupIdentifier"]), g["weight"]) for g in _targets(action)]
        return Look(
            arn=self._arn,
            shares_bp=shares(weights, self._groups, where=self._arn, what="target group"),
            setting=json.dumps(action, sort_keys=True),
            document=action,
            how=f"Get{self._kind.capitalize()}",
        )

    def unready(self, look: Look) -> tuple[str, ...]:  # noqa: ARG002 - health stands elsewhere
        """See Split; a target group needs one target that is well, or that nobody checks."""
        return tuple(arm for arm, group in self._groups.items() if not self._is_ready(group))

    def _is_ready(self, group: str) -> bool:
        pages = self._pages({"targetGroupIdentifier": group})
        return any(item.get("status") in WELL for page in pages for item in page["items"])

    def _pages(self, parameters: Mapping[str, Any]) -> Iterator[Answer]:
        page = self._service.look("ListTargets", parameters)
        yield page
        while following := page.get("nextToken"):
            page = self._service.look("ListTargets", {**parameters, "nextToken": following})
            yield page

    def write(self, look: Look, weights: Mapping[str, int]) -> None:
        """See Split."""
        action = copy.deepcopy(look.document)
        arm_of = {group: arm for arm, group in self._groups.items()}
        for group in _targets(action):
            if (name := _id(group["targetGroupIdentifier"])) in arm_of:
                group["weight"] = weights[arm_of[name]]
        parameters = {**self._place, ACTIONS[self._kind]: action}
        self._service.write(f"Update{self._kind.capitalize()}", parameters)

    def tags(self, arn: str) -> Mapping[str, str]:
        """See Split."""
        answer = self._service.look("ListTagsForResource", {"resourceArn": arn})
        return dict(answer.get("tags", {}))

    def tag(self, arn: str, key: str, value: str) -> None:
        """See Split."""
        self._service.write("TagResource", {"resourceArn": arn, "tags": {key: value}})


def _targets(action: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(action["forward"]["targetGroups"])


def _id(group: str) -> str:
    """The id of a target group that may be named by its ARN."""
    return group.rpartition("/")[2]


@declared(
    *reading.abouts(
        "VPC Lattice: weights of target groups in a listener's rule or default",
        CAN,
        "a strict double that checks calls against AWS's service model",
    )
)
def open_lattice(
    options: Mapping[str, Any],
    arms: Sequence[str],
    audience: Audience,  # noqa: ARG001 - one split for all requests that the rule matches
) -> AwsRouter:
    """The router for these options.

    `rule` or `listener`: the ARN of a listener's rule, or of a listener whose default action is
    meant; `target_groups`: arm -> id or ARN; `fence_file`: keep the fence in this file, not in a
    tag.
    """
    read.check_names(options, known=OPTIONS, router="lattice")
    check_installed("lattice")
    kind, arn = reading.one_arn(
        options, EXAMPLES, router="lattice", service="vpc-lattice", resources=RESOURCES
    )
    groups = read.per_arm(options, "target_groups", arms, router="lattice")
    service = Service("vpc-lattice", region=arn.region, where=f"lattice {arn.text}")
    split = LatticeSplit(service, arn, kind, groups)
    fences = reading.fences(options, split, router="lattice")
    return AwsRouter(split, fences, reading.kept_in(CAN, fences.kind), arms)

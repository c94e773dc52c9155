"""VPC Lattice as a few dictionaries: it keeps state, and refuses what AWS's model refuses.

moto does not know UpdateRule. What is answered is checked against the model, too.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from streams.actuator.ports import Segments
from streams.actuator.weights import units
from tests.actuator.aws.cloud import REGION, Cloud, watched
from tests.actuator.aws.strict import violations
from tests.actuator.aws.wires import Answer, Call, Listener, error

PREFIX = f"arn:aws:vpc-lattice:{REGION}:123456789012"
SERVICE = "svc-0123456789abcdef0"
LISTENER = "listener-0123456789abcdef0"
RULE = "rule-0123456789abcdef0"
LISTENER_ARN = f"{PREFIX}:service/{SERVICE}/listener/{LISTENER}"
RULE_ARN = f"{LISTENER_ARN}/rule/{RULE}"
GROUPS = {"baseline": "tg-00000000000000001", "candidate": "tg-00000000000000002"}


def forward(weights: dict[str, int]) -> dict[str, Any]:
    """An action; the API names target groups by their ids."""
    groups = [
        {"targetGroupIdentifier": GROUPS[arm], "weight": weight} for arm, weight in weights.items()
    ]
    return {"forward": {"targetGroups": groups}}


class Lattice:
    """One service with one listener and one rule; see the module."""

    def __init__(self) -> None:
        self.action = forward({"baseline": 999, "candidate": 0})
        self.default = copy.deepcopy(self.action)
        self.match = {"httpMatch": {"pathMatch": {"match": {"prefix": "/digits"}}}}
        self.tags: dict[str, dict[str, str]] = {RULE_ARN: {}, LISTENER_ARN: {}}
        self.health = {group: ["HEALTHY"] for group in GROUPS.values()}

    def answer(self, call: Call) -> Answer | None:
        """Answer every call to VPC Lattice; one that is not known here is an error."""
        if call.service != "vpc-lattice":
            return None
        parsed = self._answer(call.operation, call.parameters)
        if isinstance(parsed, dict):
            assert not list(violations(call.model.output_shape, parsed, call.operation))
            return 200, parsed
        return parsed

    def _answer(self, operation: str, asked: dict[str, Any]) -> dict[str, Any] | Answer:
        match operation:
            case "GetRule" | "UpdateRule" if self._place(asked) == (SERVICE, LISTENER, RULE):
                self.action = copy.deepcopy(asked.get("action", self.action))
                self.match = asked.get("match", self.match)
                return self._rule()
            case "GetListener" | "UpdateListener" if self._place(asked) == (SERVICE, LISTENER):
                self.default = copy.deepcopy(asked.get("defaultAction", self.default))
                return self._listener()
            case "ListTagsForResource" if asked["resourceArn"] in self.tags:
                return {"tags": dict(self.tags[asked["resourceArn"]])}
            case "TagResource" if asked["resourceArn"] in self.tags:
                self.tags[asked["resourceArn"]] |= asked["tags"]
                return {}
            case "ListTargets" if asked["targetGroupIdentifier"] in self.health:
                return self._targets(asked)
        return error(
            404, "ResourceNotFoundException", f"{operation} {sorted(asked.values(), key=str)}"
        )

    def _place(self, asked: dict[str, Any]) -> tuple[str, ...]:
        names = ("serviceIdentifier", "listenerIdentifier", "ruleIdentifier")
        return tuple(asked[name] for name in names if name in asked)

    def _rule(self) -> dict[str, Any]:
        facts = {"arn": RULE_ARN, "id": RULE, "name": "digits", "isDefault": False, "priority": 5}
        return copy.deepcopy(facts | {"match": self.match, "action": self.action})

    def _listener(self) -> dict[str, Any]:
        facts = {"arn": LISTENER_ARN, "id": LISTENER, "name": "http", "protocol": "HTTP"}
        return copy.deepcopy(facts | {"port": 80, "defaultAction": self.default})

    def _targets(self, asked: dict[str, Any]) -> dict[str, Any]:
        """One target a page."""
        found = self.health[asked["targetGroupIdentifier"]]
        page = int(asked.get("nextToken", "0"))
        items = [
            {"id": f"10.0.0.{n}", "port": 80, "status": status}
            for n, status in enumerate(found[page : page + 1])
        ]
        more = {"nextToken": str(page + 1)} if page + 1 < len(found) else {}
        return {"items": items} | more


@contextmanager
def lattice(*, by_rule: bool, before: Listener | None = None) -> Iterator[Cloud]:
    """A rule, or a listener's default action."""
    double = Lattice()

    def interfere(weights: Segments) -> None:
        action = forward(units(weights["all"], 999))
        if by_rule:
            double.action = action
        else:
            double.default = action

    where = {"rule": RULE_ARN} if by_rule else {"listener": LISTENER_ARN}
    options = where | {"target_groups": GROUPS}
    cloud = Cloud(router="lattice", options=options, interfere=interfere, aws=double)

    with watched(cloud, double.answer, before=before):
        yield cloud

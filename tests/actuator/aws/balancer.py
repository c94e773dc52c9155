"""An Application Load Balancer as moto plays it, refusing the weights that moto lets through."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from moto import mock_aws
from moto.ec2 import ec2_backends

from streams.actuator.ports import Segments
from streams.actuator.weights import units
from tests.actuator.aws.cloud import NAMES, REGION, Cloud, client, watched
from tests.actuator.aws.wires import Answer, Call, Listener, error


@contextmanager
def alb(*, by_rule: bool, before: Listener | None = None) -> Iterator[Cloud]:
    """A listener's rule, or its default action, whose users stay for a while."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
        with watched(_alb(by_rule=by_rule), weights_of_groups, before=before) as cloud:
            yield cloud


def _alb(*, by_rule: bool) -> Cloud:
    alb = client("elbv2")
    groups, listener = _load_balancer(alb)
    actions = _forward(groups, {"baseline": 999, "candidate": 0})
    if by_rule:
        conditions = [{"Field": "path-pattern", "Values": ["/digits/*"]}]
        made = alb.create_rule(
            ListenerArn=listener, Priority=5, Conditions=conditions, Actions=actions
        )
        options = {"rule": made["Rules"][0]["RuleArn"], "target_groups": groups}
    else:
        alb.modify_listener(ListenerArn=listener, DefaultActions=actions)
        options = {"listener": listener, "target_groups": groups}

    def interfere(weights: Segments) -> None:
        actions = _forward(groups, units(weights["all"], 999))
        if by_rule:
            alb.modify_rule(RuleArn=options["rule"], Actions=actions)
        else:
            alb.modify_listener(ListenerArn=listener, DefaultActions=actions)

    return Cloud(router="alb", options=options, interfere=interfere, aws=alb)


def _load_balancer(alb: Any) -> tuple[dict[str, str], str]:
    """Target groups by arm, each with one server that is well, and a listener."""
    network = ec2_backends["123456789012"][REGION]  # a client of EC2 takes half a second to make
    subnets = network.describe_subnets()
    vpc = subnets[0].vpc_id
    balancer = alb.create_load_balancer(Name="digits", Subnets=[each.id for each in subnets])[
        "LoadBalancers"
    ][0]["LoadBalancerArn"]
    groups = {}
    for arm, name in NAMES.items():
        made = alb.create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId=vpc)
        groups[arm] = made["TargetGroups"][0]["TargetGroupArn"]
        alb.register_targets(TargetGroupArn=groups[arm], Targets=[{"Id": f"10.0.0.{len(groups)}"}])
    listener = alb.create_listener(
        LoadBalancerArn=balancer,
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": groups["baseline"]}],
    )["Listeners"][0]["ListenerArn"]
    return groups, listener


def _forward(groups: dict[str, str], weights: dict[str, int]) -> list[dict[str, Any]]:
    tuples = [{"TargetGroupArn": groups[arm], "Weight": weight} for arm, weight in weights.items()]
    pinned = {"Enabled": True, "DurationSeconds": 60}
    return [
        {
            "Type": "forward",
            "Order": 1,
            "ForwardConfig": {"TargetGroups": tuples, "TargetGroupStickinessConfig": pinned},
        }
    ]


def weights_of_groups(call: Call) -> Answer | None:
    """An ALB takes weights 0 .. 999 of at most five target groups; the model tells no range."""
    if call.operation not in {"ModifyRule", "ModifyListener"}:
        return None
    actions = call.parameters.get("Actions") or call.parameters.get("DefaultActions") or []
    for action in actions:
        groups = action.get("ForwardConfig", {}).get("TargetGroups", [])
        if len(groups) > 5 or not all(0 <= group["Weight"] <= 999 for group in groups):
            return error(400, "ValidationError", f"weights {groups}")
        people = action.get("AuthenticateOidcConfig")
        if people and not {"ClientSecret", "UseExistingClientSecret"} & people.keys():
            return error(400, "ValidationError", "a client secret is needed")
    return None

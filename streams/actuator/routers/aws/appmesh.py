"""How is traffic moved at an App Mesh? Weights of virtual nodes in a route, 100 in all.

AWS ended App Mesh on 2026-09-30; this is for meshes that still answer. `alb` and `lattice` are its
heirs. UpdateRoute takes the whole spec and no condition; the route's version shows who else wrote.
Source: AWS App Mesh API reference, version 2019-01-25.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from streams.actuator.audience import Audience
from streams.actuator.ports import Capabilities, FenceKind
from streams.actuator.routers import options as read
from streams.actuator.routers.aws import reading
from streams.actuator.routers.aws.calls import Service, check_installed
from streams.actuator.routers.aws.router import AwsRouter
from streams.actuator.routers.aws.split import Look, shares
from streams.actuator.routers.declared import declared
from streams.actuator.routers.foreign import understood
from streams.errors import TargetRejected

OPTIONS = ("mesh", "virtual_router", "route", "virtual_nodes", "region", "fence_file")
KINDS = ("httpRoute", "http2Route", "grpcRoute", "tcpRoute")
ADVICE = "davy knows routes with weightedTargets"
ACTIVE = "ACTIVE"

CAN = Capabilities(
    largest_weight=100,
    total=100,
    fence=FenceKind.ADVISORY,
    survives_restart=True,
    settles_s=15.0,
    ask_every_s=1.0,
)


class AppMeshSplit:
    """See Split; every arm is a virtual node. `place`: meshName, virtualRouterName, routeName."""

    def __init__(
        self, service: Service, place: Mapping[str, str], nodes: Mapping[str, str]
    ) -> None:
        self._service, self._place, self._nodes = service, place, nodes

    def look(self) -> Look:
        """See Split."""
        route = self._service.look("DescribeRoute", self._place)["route"]
        where = f"route {self._place['routeName']}"
        with understood(where, "weighted route", error=TargetRejected, advice=ADVICE):
            facts = route["metadata"]
            weights = [(each["virtualNode"], each["weight"]) for each in _targets(route["spec"])]
            version = f"{facts['uid']}.{facts['version']}"
        return Look(
            arn=facts["arn"],
            shares_bp=shares(weights, self._nodes, where=where, what="virtual node"),
            setting=version,
            document=route,
            how=f"DescribeRoute, version {facts['version']}",
        )

    def unready(self, look: Look) -> tuple[str, ...]:
        """See Split; of a route in force nobody: App Mesh does not tell whether tasks are well."""
        in_force = look.document.get("status", {}).get("status") == ACTIVE
        return () if in_force else tuple(self._nodes)

    def write(self, look: Look, weights: Mapping[str, int]) -> None:
        """See Split; the same weights written over the same version count once (`clientToken`)."""
        spec = copy.deepcopy(look.document["spec"])
        arm_of = {node: arm for arm, node in self._nodes.items()}
        for target in _targets(spec):
            if target["virtualNode"] in arm_of:
                target["weight"] = weights[arm_of[target["virtualNode"]]]
        content = json.dumps([look.setting, spec], sort_keys=True).encode()
        token = hashlib.sha256(content).hexdigest()[:32]
        self._service.write("UpdateRoute", {**self._place, "spec": spec, "clientToken": token})

    def tags(self, arn: str) -> Mapping[str, str]:
        """See Split."""
        answer = self._service.look("ListTagsForResource", {"resourceArn": arn})
        found = list(answer["tags"])
        while following := answer.get("nextToken"):
            parameters = {"resourceArn": arn, "nextToken": following}
            answer = self._service.look("ListTagsForResource", parameters)
            found += answer["tags"]
        return {tag["key"]: tag["value"] for tag in found}

    def tag(self, arn: str, key: str, value: str) -> None:
        """See Split."""
        parameters = {"resourceArn": arn, "tags": [{"key": key, "value": value}]}
        self._service.write("TagResource", parameters)


def _targets(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Of the one protocol that the route is for; ValueError where there is another number."""
    (kind,) = (kind for kind in KINDS if spec.get(kind))
    return list(spec[kind]["action"]["weightedTargets"])


@declared(
    *reading.abouts(
        "App Mesh (ended by AWS on 2026-09-30): weights of virtual nodes in a route",
        CAN,
        "moto, own checks",
    )
)
def open_appmesh(
    options: Mapping[str, Any],
    arms: Sequence[str],
    audience: Audience,  # noqa: ARG001 - one split for all requests that the route matches
) -> AwsRouter:
    """The router for these options.

    `mesh`, `virtual_router`, `route`; `virtual_nodes`: arm -> virtual node; `region`: where
    boto3's own settings name none; `fence_file`: keep the fence in this file, not in a tag.
    """
    read.check_names(options, known=OPTIONS, router="appmesh")
    check_installed("appmesh")
    place = {
        "meshName": read.text(options, "mesh", router="appmesh", example="shop"),
        "virtualRouterName": read.text(
            options, "virtual_router", router="appmesh", example="digits"
        ),
        "routeName": read.text(options, "route", router="appmesh", example="digits"),
    }
    nodes = read.per_arm(options, "virtual_nodes", arms, router="appmesh")
    region = read.optional_text(options, "region", router="appmesh", example="eu-west-1")
    service = Service("appmesh", region=region, where=f"appmesh {'/'.join(place.values())}")
    split = AppMeshSplit(service, place, nodes)
    fences = reading.fences(options, split, router="appmesh")
    return AwsRouter(split, fences, reading.kept_in(CAN, fences.kind), arms)

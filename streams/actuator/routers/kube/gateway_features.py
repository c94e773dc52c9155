"""Can the controllers of a route copy requests? One that cannot may answer 500 to everybody.

So copies are made only where the GatewayClass says that its controller knows how. Source: Gateway
API v1, GatewayClass.status.supportedFeatures.
"""

from __future__ import annotations

from collections.abc import Mapping

from streams.actuator.routers.kube.client import Address, Kind, KubeClient
from streams.actuator.routers.kube.gateway_status import GROUP
from streams.actuator.routers.kube.patches import Json
from streams.errors import TargetRejected
from streams.spec.model import FULL_BP

GATEWAY = Kind(group=GROUP, version="v1", name="Gateway", plural="gateways")
CLASS = Kind(group=GROUP, version="v1", name="GatewayClass", plural="gatewayclasses")
COPY, PART, SEVERAL = (
    "HTTPRouteRequestMirror",
    "HTTPRouteRequestPercentageMirror",
    "HTTPRouteRequestMultipleMirrors",
)


def needed(copied_bp: Mapping[str, int]) -> frozenset[str]:
    """The features that these copies take; `copied_bp`: candidate -> share above nothing."""
    part = {PART} if any(share < FULL_BP for share in copied_bp.values()) else set()
    return frozenset({COPY} | part | ({SEVERAL} if len(copied_bp) > 1 else set()))


def supported(gateway_class: Json) -> frozenset[str]:
    """What a class says that it can."""
    found = (gateway_class.get("status") or {}).get("supportedFeatures") or ()
    return frozenset(str(each.get("name")) for each in found)


def check_copies(client: KubeClient, route: Json, copied_bp: Mapping[str, int]) -> None:
    """TargetRejected unless every Gateway of the route can make these copies."""
    for ref in route["spec"].get("parentRefs") or ():
        if ref.get("kind", "Gateway") != "Gateway":
            raise TargetRejected(
                f"mirror: {ref.get('kind')} {ref['name']} is no Gateway, so nobody says whether "
                "requests can be copied there"
            )
        place = ref.get("namespace", route["metadata"]["namespace"])
        gateway = client.get(Address(kind=GATEWAY, namespace=place, name=ref["name"]))
        name = str(gateway["spec"]["gatewayClassName"])
        can = supported(client.get(Address(kind=CLASS, namespace="", name=name)))
        if missing := sorted(needed(copied_bp) - can):
            raise TargetRejected(
                f"mirror: GatewayClass {name} does not say that it supports {', '.join(missing)}; "
                "a controller that does not may answer 500 to everybody, so nothing is copied"
            )

"""How is traffic moved at a GRPCRoute of Gateway API? As at an HTTPRoute, by methods not paths.

No feature of a GatewayClass says that calls can be copied, so none are. Source:
gateway.networking.k8s.io/v1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from streams.actuator.audience import Audience
from streams.actuator.routers.declared import About, Check, declared
from streams.actuator.routers.kube import httproute
from streams.actuator.routers.kube.client import Kind
from streams.actuator.routers.kube.gateway_exact import Ranking
from streams.actuator.routers.kube.gateway_kinds import completed, open_route
from streams.actuator.routers.kube.gateway_status import GROUP
from streams.actuator.routers.kube.patches import Json
from streams.actuator.routers.kube.router import RulesRouter

KIND = Kind(group=GROUP, version="v1", name="GRPCRoute", plural="grpcroutes")
CAN = replace(httproute.CAN, mirror=False)


def _before_headers(match: Json) -> tuple[object, ...] | None:
    method = match.get("method") or {}
    if method.get("type", "Exact") != "Exact":
        return None
    return method.get("service", ""), method.get("method", "")


RANKING = Ranking(before=_before_headers, after=lambda _: 0, completed=completed)


@declared(
    About(
        target="Gateway API: GRPCRoute",
        can=CAN,
        counterpart="kube-apiserver 1.35 and Traefik 3.7",
        checks=(Check.CONTRACT, Check.AUDIENCE),
    )
)
def open_grpcroute(
    options: Mapping[str, Any], arms: Sequence[str], audience: Audience
) -> RulesRouter:
    """The router for these options: those of `open_httproute`."""
    return open_route(options, arms, audience, kind=KIND, ranking=RANKING, can=CAN)

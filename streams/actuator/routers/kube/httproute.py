"""How is traffic moved at an HTTPRoute of Gateway API? Weights of the backends of one rule.

Only weights and what is davy's own is touched. Source: gateway.networking.k8s.io/v1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from streams.actuator.audience import Audience
from streams.actuator.ports import Capabilities, FenceKind
from streams.actuator.routers.declared import About, Check, declared
from streams.actuator.routers.kube.client import Kind
from streams.actuator.routers.kube.division import RULES
from streams.actuator.routers.kube.gateway_exact import Ranking
from streams.actuator.routers.kube.gateway_kinds import (
    ASK_EVERY_S,
    SETTLES_S,
    completed,
    open_route,
)
from streams.actuator.routers.kube.gateway_status import GROUP
from streams.actuator.routers.kube.patches import Json
from streams.actuator.routers.kube.router import RulesRouter
from streams.spec.model import FULL_BP

KIND = Kind(group=GROUP, version="v1", name="HTTPRoute", plural="httproutes")
EVERY_PATH = {"type": "PathPrefix", "value": "/"}
CAN = Capabilities(
    largest_weight=FULL_BP,
    total=FULL_BP,
    fence=FenceKind.NATIVE,
    survives_restart=True,
    segments=True,
    rules=RULES,
    mirror=True,
    dry_run=True,
    settles_s=SETTLES_S,
    ask_every_s=ASK_EVERY_S,
)


def _completed(match: Json) -> Json:
    return completed(match, path=EVERY_PATH)


def _before_headers(match: Json) -> tuple[object, ...] | None:
    path = match["path"]
    kind, value = path.get("type", "PathPrefix"), str(path.get("value", "/"))
    if kind == "RegularExpression":
        return None
    return kind, value.rstrip("/") if kind == "PathPrefix" else value, match.get("method", "")


RANKING = Ranking(
    before=_before_headers,
    after=lambda match: len(match.get("queryParams") or ()),
    completed=_completed,
)


@declared(
    About(
        target="Gateway API: HTTPRoute",
        can=CAN,
        counterpart="kube-apiserver 1.35 and Traefik 3.7",
        checks=(Check.CONTRACT, Check.AUDIENCE, Check.ANSWERS),
    )
)
def open_httproute(
    options: Mapping[str, Any], arms: Sequence[str], audience: Audience
) -> RulesRouter:
    """The router for these options.

    `namespace`, `name`: the HTTPRoute; `rule`: name or number (from 0) of its rule, may be left out
    where it has one; `backends`: arm -> Service; `ready`: arm -> Service that must have an endpoint
    before a raise; `kubeconfig`, `context`: outside of a cluster.
    """
    return open_route(options, arms, audience, kind=KIND, ranking=RANKING, can=CAN)

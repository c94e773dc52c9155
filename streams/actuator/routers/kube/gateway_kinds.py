"""What is the same when an HTTPRoute or a GRPCRoute is opened as a target?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from streams.actuator.audience import Audience
from streams.actuator.ports import Capabilities, Verification
from streams.actuator.routers import options as read
from streams.actuator.routers.kube import gateway_features, gateway_status
from streams.actuator.routers.kube.client import Kind, KubeClient
from streams.actuator.routers.kube.gateway import GatewayDialect
from streams.actuator.routers.kube.gateway_exact import Ranking
from streams.actuator.routers.kube.notes import Notes
from streams.actuator.routers.kube.patches import Json
from streams.actuator.routers.kube.places import read_place
from streams.actuator.routers.kube.router import RulesRouter
from streams.errors import TargetRejected

OPTIONS = ("rule", "backends")
SETTLES_S = 60.0
"""Controllers of clouds may take a while until they accept a route."""
ASK_EVERY_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayController:
    """See Controller: the status of a route is its controller's word."""

    copies: bool
    """Whether a GatewayClass can say that copies of this kind's requests can be made."""

    def proof(self, found: Json) -> Verification:
        """See Controller."""
        return gateway_status.proof(found)

    def unresolved(self, found: Json) -> str:
        """See Controller."""
        return gateway_status.unresolved(found)

    def check_copies(self, client: KubeClient, found: Json, copied_bp: Mapping[str, int]) -> None:
        """See Controller."""
        if not self.copies:
            raise TargetRejected("mirror: nobody says whether requests of this kind can be copied")
        gateway_features.check_copies(client, found, copied_bp)


def open_route(
    options: Mapping[str, Any],
    arms: Sequence[str],
    audience: Audience,
    *,
    kind: Kind,
    ranking: Ranking,
    can: Capabilities,
) -> RulesRouter:
    """The router for these options."""
    router = kind.name.lower()
    place = read_place(options, kind, arms, router=router, known=OPTIONS)
    rule = _rule(options, router)
    backends = read.per_arm(options, "backends", arms, router=router)
    return RulesRouter(
        client=place.client,
        address=place.address,
        dialect=GatewayDialect(backends=backends, rule=rule, ranking=ranking),
        controller=GatewayController(copies=can.mirror),
        notes=Notes(of="" if rule is None else str(rule)),
        endpoints=place.endpoints,
        arms=tuple(arms),
        audience=audience,
        capabilities=can,
    )


def _rule(options: Mapping[str, Any], router: str) -> str | int | None:
    """A rule's name, or its place counted from 0; None: it has only one."""
    value = options.get("rule")
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    return read.optional_text(options, "rule", router=router, example="primary")


def completed(match: Json, **defaults: Any) -> Json:
    """A match with what the API adds where nothing is said."""
    found = {**defaults, **match}
    headers = [{"type": "Exact", **header} for header in match.get("headers") or ()]
    return {**found, "headers": headers} if headers else found

"""How is traffic moved at a VirtualService of Istio? Weights of the destinations of one http route.

The API server holds what istiod reads and pushes to its proxies within about a tenth of a second;
what the proxies have is not asked. Source: networking.istio.io/v1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from streams.actuator.audience import Audience
from streams.actuator.ports import Capabilities, FenceKind, Proof, Verification
from streams.actuator.routers import options as read
from streams.actuator.routers.declared import About, Check, declared
from streams.actuator.routers.kube.client import Kind, KubeClient
from streams.actuator.routers.kube.division import RULES
from streams.actuator.routers.kube.istio import IstioDialect
from streams.actuator.routers.kube.notes import Notes
from streams.actuator.routers.kube.patches import Json
from streams.actuator.routers.kube.places import read_place
from streams.actuator.routers.kube.router import RulesRouter

ROUTER = "virtualservice"
KIND = Kind(
    group="networking.istio.io", version="v1", name="VirtualService", plural="virtualservices"
)
OPTIONS = ("route", "destinations", "total")
TOTALS = (100, 1000, 10_000)
CAN = Capabilities(
    largest_weight=100,
    total=100,
    fence=FenceKind.NATIVE,
    survives_restart=True,
    segments=True,
    rules=RULES,
    mirror=True,
    dry_run=True,
    ask_every_s=0.1,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Istiod:
    """See Controller: a VirtualService shows nothing of what was made of it."""

    def proof(self, found: Json) -> Verification:
        """See Controller."""
        version = found["metadata"]["resourceVersion"]
        how = f"the API server holds it as version {version}; istiod was not asked"
        return Verification(proof=Proof.HOLDS, how=how)

    def unresolved(self, found: Json) -> str:  # noqa: ARG002 - nothing says so
        """See Controller."""
        return ""

    def check_copies(self, client: KubeClient, found: Json, copied_bp: Mapping[str, int]) -> None:
        """Its proxies can."""


@declared(
    About(
        target="Istio: VirtualService",
        can=CAN,
        counterpart="kube-apiserver 1.35, istiod 1.31 and Envoy 1.40",
        checks=(Check.CONTRACT, Check.AUDIENCE, Check.ANSWERS),
    )
)
def open_virtualservice(
    options: Mapping[str, Any], arms: Sequence[str], audience: Audience
) -> RulesRouter:
    """The router for these options.

    `namespace`, `name`: the VirtualService; `route`: name of its http route, may be left out where
    it has one; `destinations`: arm -> `host` or `host/subset` as they stand there; `total`: what
    the weights add up to, 100 or, for shares below 1 %, 1000 or 10000; `ready`, `kubeconfig`,
    `context`: as of `open_httproute`.
    """
    place = read_place(options, KIND, arms, router=ROUTER, known=OPTIONS)
    route = read.optional_text(options, "route", router=ROUTER, example="primary")
    total = read.choice(options, "total", TOTALS, router=ROUTER)
    return RulesRouter(
        client=place.client,
        address=place.address,
        dialect=IstioDialect(
            destinations=read.per_arm(options, "destinations", arms, router=ROUTER),
            route=route,
            total=total,
        ),
        controller=Istiod(),
        notes=Notes(of=route or ""),
        endpoints=place.endpoints,
        arms=tuple(arms),
        audience=audience,
        capabilities=replace(CAN, largest_weight=total, total=total),
    )

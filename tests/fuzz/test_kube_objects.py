"""Whatever an API server gives for a route: it is seen and moved, or refused as what it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings

from streams.actuator.audience import EVERYBODY, Audience
from streams.actuator.contract import ARMS, split
from streams.actuator.ports import Desired, Fence, Outcome
from streams.actuator.routers import open_router
from streams.actuator.routers.kube.router import RulesRouter
from streams.actuator.weights import complaint
from streams.errors import RouterError
from streams.spec.model import Target
from tests.actuator.kube.objects import FENCE, HTTP, ISTIO, http_route, virtual_service
from tests.actuator.kube.objects import given as written
from tests.actuator.kube.test_gateway_status import parent
from tests.actuator.kube.test_rules import LEFT_OUT, NAMED
from tests.fuzz.damage import damaged_json

pytestmark = pytest.mark.property

PLACE = {"namespace": "production", "name": "digits"}
OPTIONS: dict[str, dict[str, Any]] = {
    "httproute": {"rule": "primary", "backends": HTTP.backends},
    "virtualservice": {"route": "primary", "destinations": ISTIO.destinations},
}
WEIGHTS = {**split(2500), **LEFT_OUT}
ROUTES = [
    http_route() | {"status": {"parents": [parent()]}},
    written(http_route(), HTTP, WEIGHTS, NAMED),
]
SERVICES = [virtual_service(), written(virtual_service(), ISTIO, WEIGHTS, NAMED)]


def router_on(name: str, found: Any, audience: Audience) -> RulesRouter:
    """A router whose API server has this object, and gives it for every answer."""
    target = Target(router=name, options=PLACE | OPTIONS[name])
    router = open_router(target, ARMS, audience)
    assert isinstance(router, RulesRouter)
    text = json.dumps(found)

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, text=text)

    transport = httpx2.MockTransport(answer)
    router.client._http = httpx2.Client(transport=transport, base_url="http://kube")
    return router


def check(name: str, found: Any, audience: Audience) -> None:
    router = router_on(name, found, audience)
    desired = Desired(weights_bp=split(5000))
    seen(lambda: router.observe().weights_bp)
    for act in (
        lambda: router.verify(desired),
        lambda: router.apply(desired, expect=None, fence=FENCE),
        lambda: router.sign(expect=None, fence=Fence(rollout="r2", seq=9)),
        lambda: router.finalize(Outcome.ROLLED_BACK),
    ):
        try:
            act()  # type: ignore[no-untyped-call]
        except RouterError:
            continue


def seen(look: Callable[[], Any]) -> None:
    """What is told is complete, absolute weights."""
    try:
        told = look()
    except RouterError:
        return
    assert "all" in told
    live = {segment: told[segment] for segment in told if segment == "all"}
    assert complaint(live, ARMS) == ""


@settings(max_examples=60)
@given(found=damaged_json(ROUTES))
def test_routes(found: Any) -> None:
    for audience in (EVERYBODY, NAMED):
        check("httproute", found, audience)


@settings(max_examples=60)
@given(found=damaged_json(SERVICES))
def test_virtual_services(found: Any) -> None:
    for audience in (EVERYBODY, NAMED):
        check("virtualservice", found, audience)

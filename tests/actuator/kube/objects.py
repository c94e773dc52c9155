"""Objects as an API server gives them, and what a patch makes of them."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import jsonpatch

from streams.actuator.audience import EVERYBODY, Audience
from streams.actuator.ports import Fence, Segments
from streams.actuator.routers.kube import grpcroute, httproute
from streams.actuator.routers.kube.dialect import Dialect
from streams.actuator.routers.kube.gateway import GatewayDialect
from streams.actuator.routers.kube.istio import IstioDialect
from streams.actuator.routers.kube.notes import Notes
from streams.actuator.routers.kube.patches import Operation
from streams.actuator.routers.kube.rules import Rules

Json = dict[str, Any]
BACKENDS = {"baseline": "digits-v1", "candidate": "digits-v2"}
FENCE = Fence(rollout="r1", seq=1)
NOTES = Notes(of="primary")


def http_route() -> Json:
    """As Gateway API's defaults leave it, with a rule of a stranger's."""
    refs = [
        {"group": "", "kind": "Service", "name": name, "port": 80, "weight": weight}
        for name, weight in (("digits-v1", 100), ("digits-v2", 0))
    ]
    path = {"type": "PathPrefix", "value": "/predict"}
    other = {"path": {"type": "PathPrefix", "value": "/"}}
    return {
        "metadata": {"name": "digits", "resourceVersion": "7", "generation": 1},
        "spec": {
            "parentRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gw"}],
            "rules": [
                {"name": "primary", "matches": [{"path": path}], "backendRefs": refs},
                {"matches": [other], "backendRefs": [{"name": "shop", "port": 80, "weight": 1}]},
            ],
        },
    }


def virtual_service() -> Json:
    """A route with a match and a timeout, and one of a stranger's."""
    routes = [
        {"destination": {"host": "digits", "subset": subset}, "weight": weight}
        for subset, weight in (("v1", 100), ("v2", 0))
    ]
    match = [{"uri": {"prefix": "/predict"}}]
    shop = {"route": [{"destination": {"host": "shop"}}]}
    primary = {"name": "primary", "match": match, "route": routes, "timeout": "3s"}
    return {
        "metadata": {"name": "digits", "resourceVersion": "7", "annotations": {"owner": "shop"}},
        "spec": {"hosts": ["digits"], "http": [primary, shop]},
    }


HTTP = GatewayDialect(backends=BACKENDS, rule="primary", ranking=httproute.RANKING)
GRPC = GatewayDialect(backends=BACKENDS, rule="primary", ranking=grpcroute.RANKING)
ISTIO = IstioDialect(
    destinations={"baseline": "digits/v1", "candidate": "digits/v2"}, route="primary", total=100
)
KINDS = {"httproute": (HTTP, http_route), "virtualservice": (ISTIO, virtual_service)}


def rules(found: Json, dialect: Dialect, audience: Audience = EVERYBODY) -> Rules:
    return Rules.read(found, "test", dialect, audience, NOTES.weights(found))


def patched(found: Json, steps: Sequence[Operation]) -> Json:
    """What an independent library makes of it."""
    made: Json = jsonpatch.apply_patch(copy.deepcopy(found), list(steps))
    return made


def given(found: Json, dialect: Dialect, weights: Segments, audience: Audience = EVERYBODY) -> Json:
    """The object after a write of these weights, with its notes."""
    steps = rules(found, dialect, audience).patch(weights)
    return patched(found, [*steps, *NOTES.begin(found, FENCE, weights)])

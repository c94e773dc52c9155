"""App Mesh as moto plays it, with the sums refused that moto lets through."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moto import mock_aws

from streams.actuator.ports import Segments
from streams.actuator.weights import units
from tests.actuator.aws.cloud import NAMES, REGION, Cloud, client, watched
from tests.actuator.aws.wires import Answer, Call, Listener, error


@contextmanager
def app_mesh(before: Listener | None = None) -> Iterator[Cloud]:
    """A route to two virtual nodes, with a timeout and a retry policy that are not davy's."""
    with mock_aws(), watched(_mesh(), weights_of_a_route, before=before) as cloud:
        yield cloud


def _mesh() -> Cloud:
    mesh = client("appmesh")
    mesh.create_mesh(meshName="shop")
    mesh.create_virtual_router(
        meshName="shop",
        virtualRouterName="digits",
        spec={"listeners": [{"portMapping": {"port": 8080, "protocol": "http"}}]},
    )
    place = {"meshName": "shop", "virtualRouterName": "digits", "routeName": "all"}
    mesh.create_route(**place, spec=_route({"v1": 100, "v2": 0}))

    def interfere(weights: Segments) -> None:
        shares = units(weights["all"], 100, 100)
        spec = _route({NAMES[arm]: share for arm, share in shares.items()})
        mesh.update_route(**place, spec=spec)

    options = {"mesh": "shop", "virtual_router": "digits", "route": "all", "region": REGION}
    options |= {"virtual_nodes": NAMES}
    return Cloud(router="appmesh", options=options, interfere=interfere, aws=mesh)


def _route(weights: dict[str, int]) -> dict[str, Any]:
    targets = [{"virtualNode": node, "weight": weight} for node, weight in weights.items()]
    return {
        "priority": 7,
        "httpRoute": {
            "match": {"prefix": "/"},
            "action": {"weightedTargets": targets},
            "timeout": {"perRequest": {"unit": "s", "value": 3}},
            "retryPolicy": {
                "maxRetries": 2,
                "perRetryTimeout": {"unit": "ms", "value": 500},
                "httpRetryEvents": ["server-error"],
            },
        },
    }


def weights_of_a_route(call: Call) -> Answer | None:
    """App Mesh takes 1 .. 100 in all, and tokens of at most 36 plain characters."""
    if call.operation != "UpdateRoute":
        return None
    spec = call.parameters["spec"]["httpRoute"]
    total = sum(target["weight"] for target in spec["action"]["weightedTargets"])
    if not 0 < total <= 100:
        return error(400, "BadRequestException", f"total weight {total}")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,36}", call.parameters["clientToken"]):
        return error(400, "BadRequestException", "clientToken")
    return None

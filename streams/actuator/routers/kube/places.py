"""Which object is a target? The options that all routers on Kubernetes objects have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from streams.actuator.routers import options as read
from streams.actuator.routers.kube import access
from streams.actuator.routers.kube.client import Address, Kind, KubeClient
from streams.actuator.routers.kube.endpoints import Endpoints

COMMON = ("namespace", "name", "ready", *access.OPTIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which object, how to come to it, and what must be ready."""

    client: KubeClient
    address: Address
    endpoints: Endpoints


def read_place(
    options: Mapping[str, Any],
    kind: Kind,
    arms: Sequence[str],
    *,
    router: str,
    known: Sequence[str],
) -> Place:
    """What `namespace`, `name`, `ready`, `kubeconfig` and `context` say; `known`: the others."""
    read.check_names(options, known=(*COMMON, *known), router=router)
    namespace = read.text(options, "namespace", router=router, example="production")
    name = read.text(options, "name", router=router, example="digits")
    client = KubeClient(access.read_access(options, router))
    services = read.some_arms(options, "ready", arms, router=router)
    return Place(
        client=client,
        address=Address(kind=kind, namespace=namespace, name=name),
        endpoints=Endpoints(client=client, namespace=namespace, services=services),
    )

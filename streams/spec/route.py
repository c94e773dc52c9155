"""Where is traffic moved? One router by name, with what that router must know."""

from __future__ import annotations

from typing import Any

import yaml

from streams.errors import SpecError
from streams.spec import choices, defaults, units
from streams.spec.model import Target
from streams.spec.provenance import Source
from streams.spec.reader import DEFAULT, Block, refuse, scalar, written
from streams.yaml_lines import entries, kind, plain

EXAMPLE = (
    "route: {envoy: {rds: /run/envoy/rds.json, route: digits, "
    "clusters: {baseline: v1, candidate: v2}}}"
)
Entries = dict[str, tuple[yaml.Node, yaml.Node]]
OWN = ("name", "dry_run", "max_step", "dwell")
"""What stands beside the router: the route's own."""
Route = tuple[str, Target, dict[str, Source]]


def read_route(block: Block) -> Route:
    """The route's own name, its router with options, and where each was written."""
    node = block.need("route", example=EXAMPLE)
    if kind(node) == "empty":
        refuse(node, "route is empty", f"write e.g. `{EXAMPLE}`")
    if isinstance(node, yaml.ScalarNode):
        router = scalar(node, units.name, what="route")
        sources = {"route.name": DEFAULT, f"route.{router}": written(node)}
        return defaults.ROUTE_NAME, Target(router=router), sources
    inner = entries(node, what="route", error=SpecError)
    key, value = inner[_only_router(node, inner.keys() - set(OWN))]
    router = scalar(key, units.name, what="router")
    sources = {"route.name": DEFAULT, f"route.{router}": written(key)}
    sources |= _option_sources(value, router)
    name = defaults.ROUTE_NAME
    if "name" in inner:
        name = scalar(inner["name"][1], units.name, what="route.name")
        sources["route.name"] = written(inner["name"][1])
    own, own_sources = _own(inner)
    return name, Target(router=router, options=_options(value), **own), sources | own_sources


def _own(inner: Entries) -> tuple[dict[str, Any], dict[str, Source]]:
    """How the target may be moved, as fields of it, and where that was written."""
    readers = {
        "dry_run": ("dry_run", choices.yes),
        "max_step": ("max_step_bp", units.weight),
        "dwell": ("dwell_s", units.duration),
    }
    own: dict[str, Any] = {}
    sources: dict[str, Source] = {}
    for key, (field, read) in readers.items():
        if key in inner:
            own[field] = scalar(inner[key][1], read, what=f"route.{key}")
            sources[f"route.{key}"] = written(inner[key][1])
    return own, sources


def _only_router(node: yaml.Node, routers: set[str]) -> str:
    if not routers:
        refuse(node, "route names no router", f"name one (`davy routers`), e.g. `{EXAMPLE}`")
    if len(routers) > 1:
        refuse(
            node,
            f"route names {len(routers)} routers: {', '.join(sorted(routers))}",
            f"keep one; its options stand inside it, e.g. `{EXAMPLE}`; beside it stand only "
            f"`{'`, `'.join(OWN)}`",
        )
    return routers.pop()


def _option_sources(node: yaml.Node, router: str) -> dict[str, Source]:
    """Where each option stands, for whoever knows what it may be: the router."""
    if not isinstance(node, yaml.MappingNode):
        return {}
    inner = entries(node, what=f"route.{router}", error=SpecError)
    return {f"route.{router}.{name}": written(key) for name, (key, _) in inner.items()}


def _options(node: yaml.Node) -> dict[str, Any]:
    found = plain(node, error=SpecError)
    if found is None:
        return {}
    if not isinstance(found, dict):
        refuse(node, f"the router's options are {kind(node)}", "write them as `key: value`")
    return found

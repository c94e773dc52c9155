"""Which routers are there, and how does a spec's target become one?

Those of davy, and those of other packages that register a factory under the entry-point group
`davy.routers`: a callable `(options, arms, audience) -> Router`. Only the one that is asked for is
loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, TypeAlias

from streams.actuator.audience import EVERYBODY, Audience
from streams.actuator.ports import Router
from streams.errors import TargetNotFound, TargetRejected
from streams.spec.model import Target
from streams.yaml_lines import did_you_mean

Factory: TypeAlias = Callable[[Mapping[str, Any], Sequence[str], Audience], Router]

GROUP = "davy.routers"
BUILT_IN: Mapping[str, str] = {
    "envoy": "streams.actuator.routers.envoy:open_envoy",
    "haproxy": "streams.actuator.routers.haproxy:open_haproxy",
    "memory": "streams.actuator.routers.memory:open_memory",
}


def router_names() -> tuple[str, ...]:
    """Every router that a spec may name here."""
    return tuple(sorted({*BUILT_IN, *(entry.name for entry in entry_points(group=GROUP))}))


def open_router(target: Target, arms: Sequence[str], audience: Audience = EVERYBODY) -> Router:
    """The router for a spec's target; nothing is touched yet.

    Whether it can tell this audience apart is for the caller to ask: `audience.inabilities`.

    Raises:
        TargetNotFound: no router has that name, or the package behind it cannot be loaded.
        TargetRejected: the options do not make sense to it.
    """
    router = _factory(target.router)(target.options, arms, audience)
    if router.capabilities.largest_weight < 1:
        raise TargetRejected(f"router {target.router}: a largest weight of at least 1 is needed")
    return router


def _factory(name: str) -> Factory:
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        built_in: Factory = getattr(import_module(module), attribute)
        return built_in
    found = next(iter(entry_points(group=GROUP, name=name)), None)
    if found is None:
        raise TargetNotFound(
            f"target.router: there is no router `{name}` here — "
            f"{did_you_mean(name, router_names())}, or install the package that brings it"
        )
    try:
        plugin: Factory = found.load()
    except Exception as error:
        raise TargetNotFound(f"router {name}: {found.value} cannot be loaded: {error}") from error
    return plugin

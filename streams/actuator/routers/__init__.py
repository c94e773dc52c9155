"""Which routers are there, and how does a spec's target become one?

Those of davy, and those of other packages that register a factory under the entry-point group
`davy.routers`: a callable `(options, arms, audience) -> Router`. Only the one that is asked for is
loaded. What each can do stands beside its factory (`declared.py`), for `davy routers`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeAlias

from streams.actuator.audience import EVERYBODY, Audience
from streams.actuator.ports import Router
from streams.errors import RouterError, TargetNotFound, TargetRejected
from streams.spec.model import Target
from streams.yaml_lines import did_you_mean

Factory: TypeAlias = Callable[[Mapping[str, Any], Sequence[str], Audience], Router]

GROUP = "davy.routers"
BUILT_IN: Mapping[str, str] = {
    "alb": "streams.actuator.routers.aws.alb:open_alb",
    "appmesh": "streams.actuator.routers.aws.appmesh:open_appmesh",
    "argo-rollouts": "streams.actuator.routers.kube.argo:open_argo",
    "envoy": "streams.actuator.routers.envoy:open_envoy",
    "exec": "streams.actuator.routers.exec:open_exec",
    "flagd": "streams.actuator.routers.flagd:open_flagd",
    "grpcroute": "streams.actuator.routers.kube.grpcroute:open_grpcroute",
    "haproxy": "streams.actuator.routers.haproxy:open_haproxy",
    "httproute": "streams.actuator.routers.kube.httproute:open_httproute",
    "kserve": "streams.actuator.routers.kube.kserve:open_kserve",
    "lattice": "streams.actuator.routers.aws.lattice:open_lattice",
    "memory": "streams.actuator.routers.memory:open_memory",
    "nginx": "streams.actuator.routers.nginx:open_nginx",
    "sagemaker": "streams.actuator.routers.aws.sagemaker:open_sagemaker",
    "traefik": "streams.actuator.routers.traefik:open_traefik",
    "virtualservice": "streams.actuator.routers.kube.virtualservice:open_virtualservice",
    "webhook": "streams.actuator.routers.webhook:open_webhook",
}


ALSO_CALLED: Mapping[str, str] = {
    "argo": "argo-rollouts",
    "aws": "alb",
    "elb": "alb",
    "flag": "flagd",
    "gateway": "httproute",
    "gateway-api": "httproute",
    "http": "webhook",
    "inferenceservice": "kserve",
    "ingress": "nginx",
    "istio": "virtualservice",
    "knative": "kserve",
    "openfeature": "flagd",
    "program": "exec",
    "rollouts": "argo-rollouts",
    "vpc-lattice": "lattice",
}
"""What people call a target, and the router that moves it."""


def plugins() -> tuple[EntryPoint, ...]:
    """What other packages register; nothing of it is loaded."""
    return tuple(entry_points(group=GROUP))


def router_names() -> tuple[str, ...]:
    """Every router that a spec may name here."""
    return tuple(sorted({*BUILT_IN, *(entry.name for entry in plugins())}))


def open_router(target: Target, arms: Sequence[str], audience: Audience = EVERYBODY) -> Router:
    """The router for a spec's target; nothing is touched yet.

    Whether it can tell this audience apart is for the caller to ask: `audience.inabilities`.

    Raises:
        TargetNotFound: no router has that name, or the package behind it cannot be loaded.
        TargetRejected: the options do not make sense to it.
    """
    factory = factory_of(target.router)
    try:
        router = factory(target.options, arms, audience)
        largest = router.capabilities.largest_weight
    except RouterError:
        raise
    except Exception as error:  # a package of others may do what it likes, and stops no rollout
        raise TargetRejected(f"router {target.router}: cannot be opened: {error!r}") from error
    if largest < 1:
        raise TargetRejected(f"router {target.router}: a largest weight of at least 1 is needed")
    return router


def factory_of(name: str) -> Factory:
    """What opens targets of this router.

    Raises:
        TargetNotFound: no router has that name, or the package behind it cannot be loaded.
    """
    if name not in BUILT_IN:
        return _plugin(name)
    module, _, attribute = BUILT_IN[name].partition(":")
    built_in: Factory = getattr(import_module(module), attribute)
    return built_in


def _plugin(name: str) -> Factory:
    found = next((entry for entry in plugins() if entry.name == name), None)
    if found is None:
        known = ALSO_CALLED.get(name.lower())
        hint = f"did you mean `{known}`?" if known else did_you_mean(name, router_names())
        raise TargetNotFound(
            f"target.router: there is no router `{name}` here — "
            f"{hint}, or install the package that brings it"
        )
    try:
        plugin: Factory = found.load()
    except Exception as error:
        raise TargetNotFound(f"router {name}: {found.value} cannot be loaded: {error}") from error
    return plugin

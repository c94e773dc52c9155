"""Can the route of this spec work? The router itself is asked before anything is written."""

from __future__ import annotations

from pathlib import Path

from streams.actuator.audience import audience_of, inabilities
from streams.actuator.routers import open_router
from streams.actuator.routers.kube.access import trouble_with
from streams.actuator.routers.options import OptionError
from streams.errors import RouterError, SpecError
from streams.spec.provenance import LoadedSpec


def check_route(loaded: LoadedSpec) -> None:
    """Open the spec's router; its target is not touched.

    Raises:
        SpecError: `file:line: route.envoy.rds: what — what to write instead`; or what the router
            cannot do of the spec, at its line.
    """
    spec = loaded.spec
    try:
        router = open_router(spec.target, spec.arms, audience_of(spec))
    except RouterError as refusal:
        route = f"route.{spec.target.router}"
        option = refusal.option if isinstance(refusal, OptionError) else ""
        source = loaded.provenance.get(f"{route}.{option}") or loaded.provenance[route]
        said = str(refusal).replace("target.options", route).replace("target.router", "route")
        raise SpecError(f"{source}: {said}") from refusal
    _check_kubeconfig(loaded)
    for unable in inabilities(spec, router.capabilities):
        raise SpecError(f"{loaded.provenance[unable.path]}: {unable.path}: {unable.sentence}")


def _check_kubeconfig(loaded: LoadedSpec) -> None:
    """SpecError where the file lies here, and no cluster can be reached by it."""
    target = loaded.spec.target
    path = target.options.get("kubeconfig")
    if isinstance(path, str) and (trouble := trouble_with(Path(path))):
        place = f"route.{target.router}.kubeconfig"
        raise SpecError(
            f"{loaded.provenance[place]}: {place}: {path} {trouble} — name a kubeconfig of the "
            "cluster, or leave it out where davy runs in a pod with a service account"
        )

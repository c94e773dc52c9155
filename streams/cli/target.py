"""Can the route of this spec work? The router itself is asked before anything is written."""

from __future__ import annotations

from streams.actuator.routers import open_router
from streams.actuator.routers.options import OptionError
from streams.errors import RouterError, SpecError
from streams.spec.dimensions import SegmentHarm
from streams.spec.provenance import LoadedSpec


def check_route(loaded: LoadedSpec) -> None:
    """Open the spec's router; its target is not touched.

    Raises:
        SpecError: `file:line: route.envoy.rds: what — what to write instead`.
    """
    spec = loaded.spec
    try:
        router = open_router(spec.target, spec.arms)
    except RouterError as refusal:
        route = f"route.{spec.target.router}"
        option = refusal.option if isinstance(refusal, OptionError) else ""
        source = loaded.provenance.get(f"{route}.{option}") or loaded.provenance[route]
        said = str(refusal).replace("target.options", route).replace("target.router", "route")
        raise SpecError(f"{source}: {said}") from refusal
    if spec.on_segment_harm is SegmentHarm.SEGMENT and not router.capabilities.segments:
        raise SpecError(
            f"{loaded.provenance['on_segment_harm']}: on_segment_harm: router "
            f"{spec.target.router} has one weight for all requests and cannot send a single slice "
            f"back — write `rollout`, or take a router that can target segments"
        )

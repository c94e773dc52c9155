"""AWS under the contract of every router; nothing there answers requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

from streams.actuator.audience import EVERYBODY, Audience
from streams.actuator.contract import ARMS, Rig
from streams.actuator.ports import Router
from streams.actuator.routers import open_router
from streams.demo.processes import Parts
from streams.spec.model import Target
from tests.actuator.aws.balancer import alb
from tests.actuator.aws.cloud import Cloud
from tests.actuator.aws.lattice_double import lattice
from tests.actuator.aws.mesh import app_mesh
from tests.actuator.aws.slow_endpoint import endpoint

RigOf = Callable[[Parts, Path], AbstractContextManager[Rig]]


def _rig(make: Callable[..., AbstractContextManager[Cloud]], **files: str) -> RigOf:
    """A rig around a resource; `files` are options whose files lie in the test's folder."""

    @contextmanager
    def started(_parts: Parts, folder: Path) -> Iterator[Rig]:
        with make() as cloud:
            options = cloud.options | {name: str(folder / file) for name, file in files.items()}

            def open_for(audience: Audience) -> Router:
                return open_router(Target(router=cloud.router, options=options), ARMS, audience)

            yield Rig(
                open=lambda: open_for(EVERYBODY), open_for=open_for, interfere=cloud.interfere
            )

    return started


AWS_RIGS = {
    "alb_rule": _rig(partial(alb, by_rule=True)),
    "alb_listener": _rig(partial(alb, by_rule=False), fence_file="fence.json"),
    "appmesh": _rig(app_mesh),
    "appmesh_file": _rig(app_mesh, fence_file="fence.json"),
    "lattice_rule": _rig(partial(lattice, by_rule=True)),
    "lattice_listener": _rig(partial(lattice, by_rule=False), fence_file="fence.json"),
    "sagemaker": _rig(endpoint),
    "sagemaker_file": _rig(endpoint, fence_file="fence.json"),
}

"""Fixtures of the actuator's room."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.rigs.cache import Absent, need
from streams.demo.processes import Parts
from tests.actuator.kube import targets as on_kube
from tests.actuator.targets import RIGS, TRAFFIC_ALONE, Rig, chosen
from tests.actuator.world import World


@pytest.fixture(params=chosen(*(name for name in RIGS if name not in TRAFFIC_ALONE)))
def rig(request: pytest.FixtureRequest, parts: Parts, tmp_path: Path) -> Iterator[Rig]:
    """One target after the other; a missing program is told by `absent`."""
    if request.param == "haproxy":
        request.getfixturevalue("haproxy_program")
    more = [request.getfixturevalue("kube")] if request.param in on_kube.RIGS else []
    with RIGS[request.param](parts, tmp_path, *more) as started:
        yield started


@pytest.fixture
def haproxy_program(absent: Callable[[str, str], None]) -> None:
    """Goes on only where HAProxy is installed."""
    try:
        need("haproxy")
    except Absent as error:
        absent("haproxy", str(error))


@pytest.fixture
def world() -> World:
    """A rollout that was seen, whose judge was heard."""
    made = World()
    made.actor.step()
    made.beat()
    return made

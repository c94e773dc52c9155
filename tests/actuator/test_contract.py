"""Every router of davy, through the suite that stands in the package for routers of others too."""

from __future__ import annotations

import pytest

from streams.actuator.contract import RouterContract, TrafficContract
from tests.actuator.targets import WITH_TRAFFIC, chosen


class TestContract(RouterContract):
    """See there; on every target."""


@pytest.mark.parametrize("rig", chosen(*WITH_TRAFFIC), indirect=True)
class TestTraffic(TrafficContract):
    """See there; on every target that serves requests."""

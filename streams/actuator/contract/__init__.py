"""What must every router do? A suite for pytest, for davy's routers and for yours.

In a test module of yours, with pytest and davy's extra `server`:

    import pytest
    from streams.actuator.contract import Rig, RouterContract, TrafficContract

    @pytest.fixture
    def rig():
        target = start_my_target()  # the real one; everything goes to the baseline
        yield Rig(open=..., interfere=..., count=...)
        target.stop()

    class TestMyRouter(RouterContract): ...
    class TestMyTraffic(TrafficContract): ...  # where requests can be counted
"""

import pytest

pytest.register_assert_rewrite("streams.actuator.contract.suite")

from streams.actuator.contract.rig import ARMS, Rig, split  # noqa: E402 - after the line above
from streams.actuator.contract.suite import RouterContract, TrafficContract  # noqa: E402

__all__ = ["ARMS", "Rig", "RouterContract", "TrafficContract", "split"]

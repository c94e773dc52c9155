"""Whose a target is in the end: what another rollout has taken over is not tidied up."""

from __future__ import annotations

import pytest

from streams.actuator.ports import Fence
from streams.actuator.routers.whose import Whose


class TestWhose:
    @pytest.mark.parametrize(
        ("wrote", "saw", "there", "may"),
        [
            ("r1", "r1", "r1", True),
            ("r1", "r1", "r2", False),
            ("r1", "r2", "r2", False),
            ("", "r1", "r1", True),
            ("", "r1", "r2", False),
            ("", "", "r2", False),
            ("r1", "", "", True),
            ("", "", "", True),
        ],
    )
    def test_table(self, wrote: str, saw: str, there: str, may: bool) -> None:  # noqa: FBT001
        """What a router wrote says more than what it saw; what nobody holds may be tidied up."""
        whose = Whose(wrote=wrote, saw=saw)
        fence = Fence(rollout=there, seq=1) if there else None
        assert whose.may_tidy(fence) is may

"""When a failed change is tried again."""

import random

import pytest

from streams.actuator.retry import FIRST_S, LONGEST_S, Retry
from streams.errors import TargetConflict, TargetTransient


class TestFailed:
    @pytest.mark.parametrize(
        ("asked_s", "at_least_s"), [(0.0, 0.0), (7.0, 7.0), (900.0, LONGEST_S)]
    )
    def test_a_target_that_asks_to_be_left_alone_is(
        self, asked_s: float, at_least_s: float
    ) -> None:
        """But no longer than the longest pause: a rollback cannot be put off for ever."""
        retry = Retry(dice=random.Random(1))
        retry.failed(100.0, TargetTransient("429", retry_after_s=asked_s))
        assert retry.due is not None
        assert 100.0 + at_least_s <= retry.due <= 100.0 + max(at_least_s, FIRST_S)

    def test_pauses_double_up_to_the_longest(self) -> None:
        """With jitter above a half."""
        retry = Retry(dice=random.Random(1))
        for number in range(12):
            retry.failed(0.0, TargetConflict("409"))
            pause = min(LONGEST_S, FIRST_S * 2.0**number)
            assert retry.due is not None
            assert pause / 2 <= retry.due <= pause

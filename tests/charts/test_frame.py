"""Values stand where their scale says, and ticks are round and few."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from streams.charts.frame import Bend, Frame, Scale, log_ticks, ticks, time_ticks

NUMBERS = st.floats(1e-3, 1e6)


class TestFrame:
    def test_parts_run_from_the_left_and_from_below(self) -> None:
        frame = Frame(width=100, height=50, left=10, right=20, top=5, bottom=15)
        assert (frame.x(0.0), frame.x(1.0)) == (10, 80)
        assert (frame.y(0.0), frame.y(1.0)) == (35, 5)


class TestScale:
    @given(bend=st.sampled_from(Bend), low=NUMBERS, high=NUMBERS, value=NUMBERS, more=NUMBERS)
    def test_keeps_the_order_and_stays_inside(
        self, bend: Bend, low: float, high: float, value: float, more: float
    ) -> None:
        assume(high > 1.001 * low)
        scale = Scale(low=low, high=high, bend=bend)
        assert (scale.place(low), scale.place(high)) == (0.0, 1.0)
        first, second = scale.place(value), scale.place(value + more)
        assert 0.0 <= first <= second <= 1.0

    def test_equal_factors_have_equal_room(self) -> None:
        scale = Scale(low=1.0, high=100.0, bend=Bend.LOG)
        assert scale.place(10.0) == pytest.approx(0.5)


class TestTicks:
    @given(low=st.floats(-1e6, 1e6), span=NUMBERS, most=st.integers(2, 9))
    def test_are_inside_apart_and_few(self, low: float, span: float, most: int) -> None:
        found = ticks(low, low + span, most)
        assert len(found) <= most + 1
        assert all(low - 1e-6 * span <= each <= low + span * (1 + 1e-6) for each in found)
        assert all(before < after for before, after in pairwise(found))

    @given(low=NUMBERS, factor=st.floats(20, 1e5))
    def test_of_factors_are_inside_and_there(self, low: float, factor: float) -> None:
        found = log_ticks(low, low * factor)
        assert found
        assert low <= found[0] <= found[-1] <= low * factor

    @given(lasts_s=st.floats(0.001, 60 * 86_400))
    def test_of_time_begin_with_nothing(self, lasts_s: float) -> None:
        found = time_ticks(lasts_s)
        assert found[0] == 0
        assert len(found) <= 8
        assert found[-1] <= lasts_s


@pytest.mark.parametrize(
    ("places", "wanted"),
    [
        (lambda: ticks(0.0, 100.0, 4), (0.0, 50.0, 100.0)),
        (lambda: time_ticks(3 * 86_400.0), (0, 43_200, 86_400, 129_600, 172_800, 216_000, 259_200)),
    ],
)
def test_ticks_are_where_people_expect_them(
    places: Callable[[], tuple[float, ...]], wanted: tuple[float, ...]
) -> None:
    assert places() == wanted

"""A decimated series loses no count, and its buckets follow from time and width alone."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.dashboard.buckets import Buckets, Fold
from streams.dashboard.changes import Changes

SECONDS = st.integers(0, 5000)
MOST = st.integers(2, 9)


def put(buckets: Buckets, seconds: list[int]) -> None:
    for number, second in enumerate(seconds):
        buckets.put(second, (float(number + 1),))


@pytest.mark.property
class TestSums:
    @given(st.lists(SECONDS, min_size=1, max_size=60), MOST)
    def test_each_bucket_is_the_sum_of_what_lies_in_it(self, seconds: list[int], most: int) -> None:
        """In whatever order it came; there are never more than `most`."""
        buckets = Buckets(1, Fold.SUM, most)
        put(buckets, seconds)
        wanted: dict[int, float] = {}
        for number, second in enumerate(seconds):
            begin = second // buckets.width * buckets.width
            wanted[begin] = wanted.get(begin, 0.0) + number + 1
        times, rows = buckets.times(), buckets.rows()[:, 0].tolist()
        assert dict(zip(times, rows, strict=True)) == wanted
        assert times == sorted(wanted)
        assert len(times) <= most

    @given(st.lists(SECONDS, min_size=1, max_size=60), MOST)
    def test_it_is_no_coarser_than_it_must_be(self, seconds: list[int], most: int) -> None:
        """With half the width, what was put would not have had room."""
        buckets = Buckets(1, Fold.SUM, most)
        put(buckets, seconds)
        half = buckets.width // 2
        if half:
            assert max(seconds) // half - min(seconds) // half + 1 > most


@pytest.mark.property
class TestLast:
    @given(st.lists(SECONDS, min_size=1, max_size=60).map(sorted), MOST)
    def test_each_bucket_has_its_last_row(self, seconds: list[int], most: int) -> None:
        buckets = Buckets(1, Fold.LAST, most)
        put(buckets, seconds)
        wanted = {s // buckets.width * buckets.width: float(n + 1) for n, s in enumerate(seconds)}
        assert buckets.times() == list(wanted)
        assert buckets.rows()[:, 0].tolist() == list(wanted.values())


class TestWhatIsNotKnown:
    def test_stays_unknown(self) -> None:
        """A row may hold NaN: the bucket is there, and its neighbour's row does not fill it."""
        buckets = Buckets(2, Fold.LAST, 2)
        buckets.put(0, (1.0, 2.0))
        buckets.put(1, (3.0, math.nan))
        buckets.put(3, (4.0, 5.0))
        assert buckets.times() == [0, 2]
        first, second = buckets.rows().tolist()
        assert first[0] == 3.0
        assert math.isnan(first[1])
        assert second == [4.0, 5.0]

    def test_nothing_put_is_nothing(self) -> None:
        buckets = Buckets(1, Fold.SUM)
        assert not buckets
        assert (buckets.times(), len(buckets.rows())) == ([], 0)


class TestChanges:
    def test_what_held_when(self) -> None:
        changes = Changes(most=2)
        for at_s, share in ((1.0, 100), (2.0, 100), (5.0, 200), (4.0, 300)):
            changes.put(at_s, {"all": {"b": share}})
        assert changes.times == [5.0, 5.0]
        assert changes.at(4.9) is None
        assert changes.at(5.0) == changes.last == {"all": {"b": 300}}

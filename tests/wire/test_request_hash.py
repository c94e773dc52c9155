"""Request hashes are the same everywhere and tell ids apart."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.wire.request_hash import request_hashes


def hashes(*ids: str) -> list[int]:
    return request_hashes(pa.array(ids, pa.string())).tolist()


class TestRequestHash:
    def test_is_fixed(self):
        """Stored hashes outlive versions and machines: these numbers never change."""
        assert hashes("", "a", "r-000000000001", "é" * 40) == FIXED

    @pytest.mark.property
    @given(st.lists(st.text(max_size=100)))
    def test_neighbours_do_not_matter(self, ids):
        """Short and long ids together hash as each alone."""
        assert hashes(*ids) == [hashes(one)[0] for one in ids]

    def test_tells_apart(self):
        """A million counters and near misses, no collision (chance of one: 1 in 10^7)."""
        ids = [f"r-{i:012d}" for i in range(1_000_000)]
        assert len(np.unique(request_hashes(pa.array(ids)))) == len(ids)

    def test_padding_is_no_content(self):
        """Zero bytes at the end count."""
        assert len(set(hashes("a", "a\0", "a\0\0", "", "\0", "\0" * 8, "\0" * 9))) == 7

    def test_every_bit_counts(self):
        """Changing one character changes about half of the bits."""
        first, *others = hashes("0" * 36, *("0" * i + "1" + "0" * (35 - i) for i in range(36)))
        flips = [(first ^ other).bit_count() for other in others]
        assert 28 < np.mean(flips) < 36
        assert min(flips) > 12


FIXED = [11286133854226296554, 5268297483687684813, 13291061488953078365, 16396470367883841431]

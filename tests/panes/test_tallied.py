"""Counting small numbers without sorting gives what sorting gives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.panes.groups import tallied


@pytest.mark.property
@given(st.lists(st.integers(0, 30), min_size=1, max_size=50), st.sampled_from([31, 100_000]))
def test_as_sorted(keys: list[int], size: int) -> None:
    """Whether the numbers are few or could be many."""
    given_keys = np.array(keys)
    sorted_ones = np.unique(given_keys, return_index=True, return_counts=True)
    for found, expected in zip(tallied(given_keys, size), sorted_ones, strict=True):
        assert found.tolist() == expected.tolist()

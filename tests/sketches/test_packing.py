"""Arrays as text: every bit returns, and what is no such text is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from streams.sketches.packing import packed, unpacked_floats, unpacked_ints

SHAPES = arrays.array_shapes(min_dims=0, min_side=0, max_side=4)
INTS = arrays.arrays(np.int64, SHAPES)
FLOATS = arrays.arrays(np.float64, SHAPES, elements=st.floats(width=64))
ENDS = [1, -1, 127, 128, -128, -129, 32_767, 32_768, -(2**31), 2**31, 2**63 - 1, -(2**63)]


def through_json(text: str) -> str:
    read: str = json.loads(json.dumps(text, allow_nan=False))
    return read


class TestReturns:
    """Shape and bits are those that were written."""

    @pytest.mark.property
    @given(INTS)
    def test_integers(self, values):
        again = unpacked_ints(through_json(packed(values)))
        assert (again.dtype, again.shape) == (np.int64, values.shape)
        assert again.tolist() == values.tolist()

    @pytest.mark.property
    @given(FLOATS)
    def test_real_numbers(self, values):
        """Infinities, NaN and the sign of zero are bits like others."""
        again = unpacked_floats(through_json(packed(values)))
        assert (again.dtype, again.shape) == (np.float64, values.shape)
        assert again.tobytes() == values.tobytes()

    @pytest.mark.parametrize("value", ENDS)
    def test_the_ends_of_each_width(self, value):
        assert unpacked_ints(packed(np.array([value, 0]))).tolist() == [value, 0]

    def test_a_part_of_an_array(self):
        """Memory need not be in order."""
        whole = np.arange(12).reshape(3, 4)
        assert unpacked_ints(packed(whole[:, 1::2])).tolist() == whole[:, 1::2].tolist()

    @pytest.mark.parametrize("value", [0, 5, 2**40])
    def test_what_is_read_may_be_added_to(self, value):
        integers, reals = np.array([value]), np.array([float(value)])
        for again in (unpacked_ints(packed(integers)), unpacked_floats(packed(reals))):
            again[0] += 1
            assert again.tolist() == [value + 1]


class TestSize:
    """Few bytes where numbers are small."""

    @pytest.mark.parametrize(
        ("largest", "characters"), [(0, 0), (127, 136), (128, 268), (2**31 - 1, 536), (2**40, 1068)]
    )
    def test_of_a_hundred_integers(self, largest, characters):
        values = np.zeros(100, np.int64)
        values[-1] = largest
        assert len(packed(values).rpartition(":")[2]) == characters


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("i2:2:AQD+", id="an integer and a half"),
        pytest.param("i2:3:AQD+/w==", id="fewer than the shape has"),
        pytest.param("i2:1:AQD+/w==", id="more than the shape has"),
        pytest.param("i2:x:AQD+/w==", id="no shape"),
        pytest.param("i2:2:AQD+/w=", id="no base64"),
        pytest.param("u2:2:AQD+/w==", id="another kind"),
        pytest.param("f8:1:AAAAAAAA8D8=", id="real numbers"),
    ],
)
def test_no_packed_integers(text):
    with pytest.raises(ValueError, match=r".+"):
        unpacked_ints(text)


@pytest.mark.parametrize("text", ["i2:2:AQD+/w==", "0:2:", "f8:2:AAAAAAAA8D8=", "f8:1:AAAA"])
def test_no_packed_real_numbers(text):
    with pytest.raises(ValueError, match=r".+"):
        unpacked_floats(text)

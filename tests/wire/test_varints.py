"""Whole numbers are read as they were written, and in no other form unless that is asked for."""

import io

import pytest
from fastavro import schemaless_reader, schemaless_writer
from hypothesis import given
from hypothesis import strategies as st

from streams.wire.varints import any_number_at, number, number_at

LONGS = st.integers(-(2**63), 2**63 - 1)


@given(LONGS, st.binary(max_size=3), st.binary(max_size=3))
def test_numbers_are_avros(value, before, after):
    out = io.BytesIO()
    schemaless_writer(out, "long", value)
    assert number(value) == out.getvalue()
    data = before + number(value) + after
    assert number_at(data, len(before)) == (value, len(data) - len(after))


@given(st.binary(min_size=1, max_size=11))
def test_any_bytes_are_a_number_or_refused(data):
    """What is read strictly is read leniently too, as fastavro does, and is written so again."""
    try:
        lenient = any_number_at(data, 0)
    except (IndexError, ValueError) as failure:
        with pytest.raises(type(failure)):
            number_at(data, 0)
        return
    assert schemaless_reader(io.BytesIO(data), "long") == lenient[0]
    try:
        assert number_at(data, 0) == lenient
    except ValueError:
        assert len(number(lenient[0])) < lenient[1]
    else:
        assert data.startswith(number(lenient[0]))


@pytest.mark.parametrize("data", ["80", "", "ffff"])
def test_the_data_ends_within_a_number(data):
    with pytest.raises(IndexError):
        any_number_at(bytes.fromhex(data), 0)


@pytest.mark.parametrize("data", ["ff" * 10 + "01", "ff" * 9 + "02", "80" * 10])
def test_more_than_64_bits(data):
    with pytest.raises(ValueError, match="64 bits"):
        any_number_at(bytes.fromhex(data), 0)

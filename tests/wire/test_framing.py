"""Framing says which schema wrote a value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import FramingError, WireError
from streams.wire.framing import MAX_ID, frame, schema_id_of, unframe
from streams.wire.reasons import BadRecord, Reason


class TestFrame:
    def test_is_the_registry_format(self):
        """Magic byte, id big endian, body."""
        assert frame(258, b"ab") == b"\x00\x00\x00\x01\x02ab"

    @pytest.mark.property
    @given(st.integers(0, MAX_ID), st.binary())
    def test_unframe_undoes_it(self, schema_id, body):
        """No id and no body is lost."""
        assert unframe(frame(schema_id, body)) == (schema_id, body)
        assert schema_id_of(frame(schema_id, body)) == schema_id

    @pytest.mark.parametrize("schema_id", [-1, MAX_ID + 1])
    def test_refuses_ids_that_do_not_fit(self, schema_id):
        """An id is four bytes and no negative number."""
        with pytest.raises(WireError, match="does not fit"):
            frame(schema_id, b"")


class TestUnframe:
    @pytest.mark.parametrize(
        ("value", "reason"),
        [
            (b"", Reason.EMPTY),
            (b"{}", Reason.BAD_MAGIC),
            (b"\x01\x00\x00\x00\x01x", Reason.BAD_MAGIC),
            (b"\x00\x00\x00\x01", Reason.TRUNCATED),
        ],
    )
    def test_names_the_reason(self, value, reason):
        """Each broken header has its own reason."""
        with pytest.raises(BadRecord) as failure:
            unframe(value)
        assert failure.value.reason is reason
        assert isinstance(failure.value, FramingError)
        assert schema_id_of(value) is None


class TestReason:
    @pytest.mark.parametrize("reason", list(Reason))
    def test_advises(self, reason):
        """Every reason tells a person what to do, in one sentence."""
        assert reason.advice.endswith(".")
        assert ":" in reason.advice

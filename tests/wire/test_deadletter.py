"""A dead letter tells a person what happened and loses nothing."""

from dataclasses import dataclass

import pytest

from streams.wire.deadletter import dead_letter
from streams.wire.reasons import Reason

HERE = ("team-predictions", 3)


@dataclass(frozen=True)
class Record:
    key: bytes | None
    value: bytes | None
    offset: int = 42


class TestDeadLetter:
    def test_keeps_key_and_bytes(self):
        """Whoever repairs the record can publish it again."""
        record = Record(key=b"\xff", value=b"\x00\x00\x00\x00\x07rest")
        letter = dead_letter(
            "team-dead-letters", HERE, record, Reason.TRUNCATED, "3 bytes are missing"
        )
        assert (letter.topic, letter.key, letter.value) == (
            "team-dead-letters",
            record.key,
            record.value,
        )
        assert dict(letter.headers) == {
            "reason": b"truncated",
            "advice": Reason.TRUNCATED.advice.encode(),
            "topic": b"team-predictions",
            "partition": b"3",
            "offset": b"42",
            "schema_id": b"7",
            "detail": b"3 bytes are missing",
        }

    @pytest.mark.parametrize("value", [None, b"", b"\x00\x00", b"\x01\x00\x00\x00\x07"])
    def test_without_header_there_is_no_schema_id(self, value):
        """Null keys and values are letters too."""
        letter = dead_letter("d", HERE, Record(key=None, value=value), Reason.EMPTY, "")
        assert dict(letter.headers)["schema_id"] == b""
        assert letter.key is None

    def test_details_are_bounded(self):
        """A long detail and one that is no text cannot spoil the letter."""
        letter = dead_letter("d", HERE, Record(None, None), Reason.EMPTY, "\udcff" + "x" * 9999)
        assert len(dict(letter.headers)["detail"]) == 500

"""How does a value say which schema wrote it?

The registry framing: magic byte 0, schema id as four bytes big endian, then the Avro body.
Source: Confluent's wire format.
"""

from __future__ import annotations

import struct

from streams.errors import WireError
from streams.wire.reasons import BadRecord, Reason

MAGIC = 0
HEADER = struct.Struct(">BI")
HEADER_BYTES = HEADER.size
MAX_ID = 0x7FFF_FFFF


def frame(schema_id: int, body: bytes) -> bytes:
    """The body behind its header.

    Raises:
        WireError: the id is not between 0 and 2^31 - 1.
    """
    if not 0 <= schema_id <= MAX_ID:
        raise WireError(f"schema id {schema_id} does not fit the framing; ids are 0 .. 2^31 - 1")
    return HEADER.pack(MAGIC, schema_id) + body


def unframe(value: bytes) -> tuple[int, bytes]:
    """Schema id and body of a value.

    Raises:
        BadRecord: `empty`, `bad_magic` or `truncated`.
    """
    if not value:
        raise BadRecord(Reason.EMPTY, "no value")
    if value[0] != MAGIC:
        raise BadRecord(Reason.BAD_MAGIC, f"first byte is 0x{value[0]:02x}")
    if len(value) < HEADER_BYTES:
        raise BadRecord(Reason.TRUNCATED, f"{len(value)} bytes of a header of {HEADER_BYTES}")
    return HEADER.unpack_from(value)[1], value[HEADER_BYTES:]


def schema_id_of(value: bytes | None) -> int | None:
    """The schema id that a value claims; None where it has no header."""
    if value is None or len(value) < HEADER_BYTES or value[0] != MAGIC:
        return None
    schema_id: int = HEADER.unpack_from(value)[1]
    return schema_id

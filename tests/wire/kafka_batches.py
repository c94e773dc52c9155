"""Batches as a producer writes them and a broker keeps them, and what a worker makes of them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

from aiokafka.record.default_records import DefaultRecordBatchBuilder

from streams.agents.packs import PackedRecords
from streams.agents.records import Records

APPEND_MS = 1_790_000_000_123
_ATTRIBUTES, _LAST_TIME = 21, 35
APPEND_TIME, CONTROL = 0x08, 0x20


class Sent(NamedTuple):
    """What a producer sends."""

    value: bytes | None
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes]] = ()


def batch(
    sent: Sequence[Sent],
    first_offset: int,
    *,
    codec: int = 0,
    attributes: int = APPEND_TIME,
    append_ms: int = APPEND_MS,
) -> bytes:
    """A batch of the log from this offset on, produced a second before it was received."""
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=codec,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=1 << 30,
    )
    for place, each in enumerate(sent):
        headers = list(each.headers)
        builder.append(place, append_ms - 1000 + 7 * place, each.key, each.value, headers)
    data = bytearray(builder.build())
    # What a broker does; no checksum of ours looks at it again.
    struct.pack_into(">q", data, 0, first_offset)
    told = struct.unpack_from(">h", data, _ATTRIBUTES)[0] | attributes
    struct.pack_into(">h", data, _ATTRIBUTES, told)
    if attributes & APPEND_TIME:
        struct.pack_into(">q", data, _LAST_TIME, append_ms)
    return bytes(data)


def read(log: bytes, *, first_offset: int = 0, most: int = 10_000, packed: bool = True) -> Records:
    """Records of consecutive batches, as a worker gets them."""
    batches, found = PackedRecords(log), list[Any]()
    if packed:
        batches.pack(first_offset, most)
    while batches.has_next():
        found += batches.next_batch()
    return Records(found)

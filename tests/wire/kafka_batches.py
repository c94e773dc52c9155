"""Batches as a producer writes them and a broker keeps them, and what a worker makes of them."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c

from streams.agents.lean import LeanRecords
from streams.agents.packs import BatchBytes
from streams.agents.records import Records

TOPIC = "predictions"
APPEND_MS = 1_790_000_000_123
_CRC, _ATTRIBUTES, _LAST_DELTA, _LAST_TIME = 17, 21, 23, 35
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
    places: Mapping[int, int] = MappingProxyType({}),
) -> bytes:
    """A batch of the log from this offset on, produced a second before it was received.

    `places`: where some records say they stand in it, unlike they do.
    """
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
        builder.append(
            places.get(place, place), append_ms - 1000 + 7 * place, each.key, each.value, headers
        )
    data = bytearray(builder.build())
    # What a broker does; no checksum of ours looks at it again.
    struct.pack_into(">q", data, 0, first_offset)
    struct.pack_into(">i", data, _LAST_DELTA, len(sent) - 1)
    told = struct.unpack_from(">h", data, _ATTRIBUTES)[0] | attributes
    struct.pack_into(">h", data, _ATTRIBUTES, told)
    if attributes & APPEND_TIME:
        struct.pack_into(">q", data, _LAST_TIME, append_ms)
    return bytes(data)


def with_crc(data: bytes) -> bytes:
    """A batch with its checksum."""
    return data[:_CRC] + calc_crc32c(data[_ATTRIBUTES:]).to_bytes(4, "big") + data[_ATTRIBUTES:]


def read(log: bytes, *, first_offset: int = 0, most: int = 10_000, packed: bool = True) -> Records:
    """Records of consecutive batches from an offset on, as a worker gets them; else as aiokafka."""
    source = type("Source", (LeanRecords,), {"topics": frozenset({TOPIC}), "most": most})
    form, batches = (source, BatchBytes) if packed else (PartitionRecords, MemoryRecords)
    options = (None, None, False, READ_COMMITTED)
    found = form(TopicPartition(TOPIC, 0), batches(log), [], first_offset, *options)
    return Records([*found])

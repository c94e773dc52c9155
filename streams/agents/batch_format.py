"""How is a producer's batch written? Kafka's record format, version 2.

What aiokafka does not tell, and what it cannot read: names of headers that are not UTF-8, which
brokers take.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import NamedTuple

from aiokafka import codec

from streams.wire.varints import any_number_at

_FRAME_BYTES = 12
"""Base offset and length, which the length does not count."""
_LENGTH_AT, _MAGIC_AT = 8, 16
_MAGIC = 2
_CODEC, _APPEND_TIME = 0x07, 0x08
_DECODERS: MappingProxyType[int, Callable[[bytes], bytes]] = MappingProxyType(
    {
        0: bytes,
        1: codec.gzip_decode,
        2: codec.snappy_decode,
        3: codec.lz4_decode,
        4: codec.zstd_decode,
    }
)


class Head(NamedTuple):
    """What stands in front of a batch's records."""

    base_offset: int
    length: int
    leader_epoch: int
    magic: int
    checksum: int
    attributes: int
    last_delta: int
    """How far the last offset is from the base offset."""
    first_ms: int
    last_ms: int
    """The largest time; where it is append time, the only one."""
    producer_id: int
    producer_epoch: int
    first_sequence: int
    records: int

    @property
    def append_time(self) -> bool:
        """Whether records have the time at which the broker received them."""
        return bool(self.attributes & _APPEND_TIME)

    @property
    def whole(self) -> bool:
        """Whether no record is missing, so that each one's place tells its offset."""
        return self.records == self.last_delta + 1

    def unpacked(self, data: bytes) -> bytes:
        """The records of its batch, not compressed."""
        return bytes(_DECODERS[self.attributes & _CODEC](data[_HEAD.size :]))

    def over(self, payload: bytes) -> bytes:
        """The batch with these records, not compressed; its checksum is another one's."""
        length, attributes = _HEAD.size - _FRAME_BYTES + len(payload), self.attributes & ~_CODEC
        return _HEAD.pack(*self._replace(length=length, attributes=attributes)) + payload


class Row(NamedTuple):
    """A record, as far as a worker reads it."""

    offset: int
    """`rows` tells how far it says it is from the base offset."""
    timestamp: int
    """Ms; `rows` tells how long after the first one."""
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


_HEAD = struct.Struct(">qiibIhiqqqhii")
_INT = struct.Struct(">i")


def end_of(data: bytes, begin: int) -> int:
    """Where the batch ends that begins here."""
    length: int = _INT.unpack_from(data, begin + _LENGTH_AT)[0]
    return begin + _FRAME_BYTES + length


def head_of(data: bytes, begin: int) -> Head | None:
    """Of the whole batch that begins here; None where it is of another version."""
    return Head(*_HEAD.unpack_from(data, begin)) if data[begin + _MAGIC_AT] == _MAGIC else None


def rows(payload: bytes, count: int) -> Iterator[Row]:
    """Records one by one; what is no UTF-8 in a header's name is replaced, as Java's client does.

    Raises:
        IndexError: a record reaches beyond the payload.
        ValueError: a number in it is no number.
    """
    at = 0
    for _ in range(count):
        size, at = any_number_at(payload, at)
        end = at + size
        time_delta, at = any_number_at(payload, at + 1)  # behind the attributes
        offset_delta, at = any_number_at(payload, at)
        key, at = _bytes(payload, at)
        value, at = _bytes(payload, at)
        yield Row(offset_delta, time_delta, key, value, tuple(_headers(payload, at)))
        at = end


def _headers(payload: bytes, at: int) -> Iterator[tuple[str, bytes | None]]:
    count, at = any_number_at(payload, at)
    for _ in range(count):
        name, at = _bytes(payload, at)
        told, at = _bytes(payload, at)
        yield (name or b"").decode("utf-8", "replace"), told


def _bytes(payload: bytes, at: int) -> tuple[bytes | None, int]:
    """Bytes behind their length, and where they end; a length below zero stands for none."""
    size, at = any_number_at(payload, at)
    if size < 0:
        return None, at
    if at + size > len(payload):
        raise IndexError("a record reaches beyond its batch")
    return payload[at : at + size], at + size

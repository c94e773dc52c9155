"""How does a batch of a producer, as the broker holds it, become a pack: one object for all of it?

Only where nothing is to be said of single records that is not said of all: consecutive offsets,
and the time at which the broker received the batch. aiokafka reads all other batches.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from aiokafka import codec
from aiokafka.record.memory_records import MemoryRecords

LEAST = 16
"""Records from which on a pack takes no more time than they do one by one, as measured."""

_HEAD = struct.Struct(">qiibIhiqqqhii")
"""Base offset, length, leader epoch, magic, checksum, attributes, last offset's distance, first and
last time, producer's id and epoch, first sequence number, count."""
_FRAME = struct.Struct(">qi")
"""What `length` does not count."""
_MAGIC = 2
_CODEC, _APPEND_TIME, _CONTROL = 0x07, 0x08, 0x20
_DECODERS: MappingProxyType[int, Callable[[bytes], bytes]] = MappingProxyType(
    {
        0: bytes,
        1: codec.gzip_decode,
        2: codec.snappy_decode,
        3: codec.lz4_decode,
        4: codec.zstd_decode,
    }
)


@dataclass(frozen=True, kw_only=True)
class Pack:
    """Consecutive records, none missing (streams.wire.packs.Pack)."""

    first_offset: int
    count: int
    append_ms: int
    payload: bytes

    def __len__(self) -> int:
        return self.count

    @property
    def offset(self) -> int:
        """Of the last record: after it aiokafka goes on."""
        return self.first_offset + self.count - 1

    def __iter__(self) -> Iterator[Any]:
        """Records with an offset, timestamp, key, value and headers, as aiokafka reads them."""
        length = _HEAD.size - _FRAME.size + len(self.payload)
        times = (self.append_ms, self.append_ms)
        head = (self.first_offset, length, 0, _MAGIC, 0, _APPEND_TIME, self.count - 1)
        batch = _HEAD.pack(*head, *times, -1, -1, -1, self.count) + self.payload
        return iter(MemoryRecords(batch).next_batch())

    def values(self) -> list[bytes | None]:
        """Their values, one by one."""
        return [record.value for record in self]


class PackedBatch:
    """What aiokafka knows of a batch, whose only record is a pack of all."""

    def __init__(self, batch: Any, pack: Pack) -> None:
        self._batch, self._pack = batch, pack

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[Pack]:
        yield self._pack


class PackedRecords:
    """The batches that one fetch brought of a partition; in place of aiokafka's MemoryRecords."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._batches = MemoryRecords(data)
        self._at = 0
        self._wanted: tuple[int, int] | None = None

    def pack(self, first_offset: int, most: int) -> None:
        """From now on batches come as packs if nothing in them is below this offset."""
        self._wanted = (first_offset, most)

    def size_in_bytes(self) -> int:
        """As aiokafka's."""
        return int(self._batches.size_in_bytes())

    def has_next(self) -> bool:
        """As aiokafka's."""
        return bool(self._batches.has_next())

    def next_batch(self) -> Any:
        """As aiokafka's."""
        batch = self._batches.next_batch()
        begin = self._at
        self._at += _FRAME.size + _FRAME.unpack_from(self._data, begin)[1]
        if self._wanted is None or batch is None:
            return batch
        found = _pack(self._data[begin : self._at], *self._wanted)
        return batch if found is None else PackedBatch(batch, found)


def _pack(data: bytes, first_offset: int, most: int) -> Pack | None:
    """A batch as a pack; None where it is no usual one, or not wanted whole."""
    if len(data) < _HEAD.size:
        return None
    base, _, _, magic, _, attributes, last, _, append_ms, *_, count = _HEAD.unpack_from(data)
    decode = _DECODERS.get(attributes & _CODEC)
    plain = magic == _MAGIC and attributes & _APPEND_TIME and not attributes & _CONTROL
    if not plain or decode is None or base < first_offset:
        return None
    if count != last + 1 or not LEAST <= count <= most:
        return None
    payload = decode(data[_HEAD.size :])
    return Pack(first_offset=base, count=count, append_ms=append_ms, payload=bytes(payload))

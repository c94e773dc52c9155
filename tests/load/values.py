"""How are millions of predictions written quickly? As rows of one matrix, encoded in advance.

All rows of a block have fields of the same width, so the Avro bodies are columns of bytes that
numpy fills; `test_values.py` reads them back with the codec.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from streams.wire.codec import Codec

Bytes = NDArray[np.uint8]
Item = TypeVar("Item")
ID_DIGITS = 12
NAME_DIGITS = 10
CANDIDATE_SHARE = 0.25
ERROR_RATE = 0.01
CLASSES = 4
"""Classes of ordinary predictions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What traffic looks like; `strange_` fields hold another string in every event."""

    strange_service: bool = False
    strange_version: bool = False
    strange_segment: bool = False
    strange_class: bool = False
    strange_unit: bool = False
    malformed: bool = False
    """The last byte of each value is missing."""
    service: str = "digits"
    country: str = ""
    """What events say of segment `country`; "": nothing."""


ORDINARY = Kind()


class Maker:
    """Encodes predictions of one kind; the same numbers give the same bytes."""

    def __init__(self, codec: Codec, kind: Kind = ORDINARY, seed: int = 1) -> None:
        example = {
            "request_id": "r",
            "service": "s",
            "model_version": "v",
            "completed_at": 1,
            "latency_ms": 1.0,
            "status": "OK",
        }
        self._header = codec.encode("predictions", example)[:5]
        self._kind = kind
        self._dice = np.random.default_rng(seed)

    def block(self, first: int, event_ms: NDArray[np.int64]) -> Bytes:
        """One encoded value per event time, numbered from `first` on: uint8[events, width]."""
        numbers = np.arange(first, first + event_ms.size)
        matrix = np.concatenate(list(self._columns(numbers, event_ms)), axis=1)
        return np.ascontiguousarray(matrix[:, :-1] if self._kind.malformed else matrix)

    def _columns(self, numbers: NDArray[np.int64], event_ms: NDArray[np.int64]) -> Iterator[Bytes]:
        kind, dice, size = self._kind, self._dice, numbers.size
        yield _same(self._header, size)
        yield _named(b"r", numbers, ID_DIGITS)
        yield _same(b"\x00", size) if not kind.strange_unit else _optional(b"u", numbers)
        service = kind.service.encode()
        yield _named(b"s", numbers, NAME_DIGITS) if kind.strange_service else _text(service, size)
        if kind.strange_version:
            yield _named(b"v", numbers, NAME_DIGITS)
        else:
            yield _same(b"\x04v", size)
            yield np.where(dice.random(size) < CANDIDATE_SHARE, ord("2"), ord("1"))[:, None].astype(
                np.uint8
            )
        yield _varints(event_ms)
        latency = dice.lognormal(3.0, 0.4, size)
        yield latency.astype("<f8").view(np.uint8).reshape(size, 8)
        yield np.where(dice.random(size) < ERROR_RATE, 2, 0)[:, None].astype(np.uint8)
        if kind.strange_class:
            yield _optional(b"c", numbers)
        else:
            yield _same(b"\x02\x02", size)
            yield (dice.integers(0, CLASSES, size) + ord("0"))[:, None].astype(np.uint8)
        yield _same(b"\x02", size)
        yield (latency % 1.0).astype("<f8").view(np.uint8).reshape(size, 8)
        yield _same(b"\x00", size)
        if kind.strange_segment:
            yield _same(b"\x02" + _string(b"country"), size)
            yield _named(b"x", numbers, NAME_DIGITS)
        elif kind.country:
            yield _same(b"\x02" + _string(b"country") + _string(kind.country.encode()), size)
        yield _same(b"\x00\x00", size)


def rows(block: Bytes) -> list[bytes]:
    """The values of a block."""
    width, data = block.shape[1], block.tobytes()
    return [data[at : at + width] for at in range(0, len(data), width)]


def keys(first: int, count: int) -> list[str]:
    """Request ids of events numbered from `first` on: the keys of their records."""
    return [f"r{number:0{ID_DIGITS}d}" for number in range(first, first + count)]


def mixed(kinds: Sequence[list[Item]]) -> list[Item]:
    """Values of several kinds in turn."""
    return [value for values in zip(*kinds, strict=True) for value in values]


def _same(part: bytes, size: int) -> Bytes:
    return np.broadcast_to(np.frombuffer(part, np.uint8), (size, len(part)))


def _string(text: bytes) -> bytes:
    return struct.pack("B", len(text) * 2) + text


def _text(text: bytes, size: int) -> Bytes:
    return _same(_string(text), size)


def _named(prefix: bytes, numbers: NDArray[np.int64], digits: int) -> Bytes:
    """A string of the prefix and a number of so many digits."""
    powers = 10 ** np.arange(digits - 1, -1, -1)
    text = (numbers[:, None] // powers % 10 + ord("0")).astype(np.uint8)
    front = struct.pack("B", (len(prefix) + digits) * 2) + prefix
    return np.concatenate([_same(front, numbers.size), text], axis=1)


def _optional(prefix: bytes, numbers: NDArray[np.int64]) -> Bytes:
    named = _named(prefix, numbers, NAME_DIGITS)
    return np.concatenate([_same(b"\x02", numbers.size), named], axis=1)


def _varints(values: NDArray[np.int64]) -> Bytes:
    """Numbers that all take as many bytes as the greatest."""
    zigzag = values << 1
    size = -(-int(zigzag.max()).bit_length() // 7)
    groups = (zigzag[:, None] >> (7 * np.arange(size))) & 0x7F
    groups[:, :-1] |= 0x80
    return groups.astype(np.uint8)

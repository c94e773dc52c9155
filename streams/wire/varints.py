"""How do Avro and Kafka write a whole number? As a varint: seven bits a byte, the lowest first."""

from __future__ import annotations

_LONG_BITS, _MORE = 64, 0x80


def number_at(value: bytes, at: int) -> tuple[int, int]:
    """The zigzag number at a place, and where it ends.

    Raises:
        IndexError: the data ends within it.
        ValueError: it is longer than need be, or than 64 bits.
    """
    bits = shift = 0
    while True:
        byte = value[at]
        at += 1
        bits |= (byte & (_MORE - 1)) << shift
        if byte < _MORE or shift >= _LONG_BITS:
            break
        shift += 7
    if byte >= _MORE or bits >> _LONG_BITS or (shift and not byte):
        raise ValueError("a number that is longer than need be")
    return (bits >> 1) ^ -(bits & 1), at


def unsigned(number: int) -> bytes:
    """A number >= 0, without zigzag."""
    told = bytearray()
    while number >= _MORE:
        told.append(number & (_MORE - 1) | _MORE)
        number >>= 7
    return bytes([*told, number])

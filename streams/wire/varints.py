"""How do Avro and Kafka write a whole number? As a zigzag varint, its lowest seven bits first."""

from __future__ import annotations

_BITS, _MORE = 64, 0x80
_MOST_BYTES = 10


def number_at(value: bytes, at: int) -> tuple[int, int]:
    """The number at a place, and where it ends.

    Raises:
        IndexError: the data ends within it.
        ValueError: it is longer than need be, or than 64 bits.
    """
    first = value[at]
    if first < _MORE:  # most are: small batches are full of them
        return (first >> 1) ^ -(first & 1), at + 1
    found, end = any_number_at(value, at)
    if end - at > 1 and not value[end - 1]:
        raise ValueError("a number that is longer than need be")
    return found, end


def any_number_at(value: bytes, at: int) -> tuple[int, int]:
    """The same, also of one that is longer than need be.

    >>> any_number_at(bytes([0xAC, 0x02, 0xFF]), 0), any_number_at(bytes([0x81, 0x00]), 0)
    ((150, 2), (-1, 2))
    """
    bits = 0
    for place in range(_MOST_BYTES):
        byte = value[at + place]
        bits |= (byte & (_MORE - 1)) << 7 * place
        if byte < _MORE:
            break
    if byte >= _MORE or bits >> _BITS:
        raise ValueError("a number of more than 64 bits")
    return (bits >> 1) ^ -(bits & 1), at + place + 1


def number(value: int) -> bytes:
    """A number of at most 64 bits.

    >>> number(150).hex(), number(-1).hex()
    ('ac02', '01')
    """
    left = (value << 1) ^ (value >> (_BITS - 1))
    told = bytearray()
    while left >= _MORE:
        told.append(left & (_MORE - 1) | _MORE)
        left >>= 7
    return bytes([*told, left])

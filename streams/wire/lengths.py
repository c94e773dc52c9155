"""How many bytes did each decoded value take, if it was written in the usual form?

pyruhvro accepts left-over bytes and long forms of numbers; a record that is exactly as long as
its values in their usual form has neither. Arrays come whole from one decode, without offset.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from streams.wire.schemas import Schema

Lengths: TypeAlias = "NDArray[np.int64] | int"
"""Bytes per value; one number where all are equal."""

ODD = 1 << 40
"""Longer than any record: a value that may not be what was written."""

_BYTES = {"boolean": 1, "float": 4, "double": 8}
_INT = 1 << 31
SAFE = 1 << 62
"""From here on a varint has ten bytes, and pyruhvro ignores what overflows the tenth."""


def lengths(array: Any, schema: Schema) -> Lengths:  # noqa: PLR0911 - a form each
    """Bytes of each value of an Arrow array that was decoded from this expanded schema.

    Entries below a null parent mean nothing. int and enum are expected as int64.
    """
    match schema:
        case {"type": "record", "fields": fields}:
            return _total(lengths(array.field(i), f["type"]) for i, f in enumerate(fields))
        case {"type": "map", "values": values}:
            return _blocks(array, text_lengths(array.keys) + lengths(array.items, values))
        case {"type": "array", "items": items}:
            return _blocks(array, lengths(array.values, items))
        case {"type": "enum", "symbols": symbols}:
            return number_lengths(numbers(array), 0, len(symbols))
        case ["null", inner] | [inner, "null"]:
            return _nullable(array, inner)
        case {"type": kind}:
            return lengths(array, kind)
        case "string":
            return text_lengths(array)
        case "int":
            return number_lengths(numbers(array), -_INT, _INT)
        case "long":
            return number_lengths(numbers(array), -SAFE, SAFE)
        case _:
            return _BYTES[schema]


def numbers(array: Any) -> NDArray[np.int64]:
    """A view of an int64 array; 0 where it is null."""
    return np.frombuffer(array.buffers()[1], dtype=np.int64, count=len(array))


def offsets(array: Any) -> NDArray[np.int32]:
    """A view of the offsets of a string, list or map array: one more than it has values."""
    return np.frombuffer(array.buffers()[1], dtype=np.int32, count=len(array) + 1)


def number_lengths(values: NDArray[np.int64], first: int, below: int) -> Lengths:
    """Bytes of each number as zigzag varint; ODD outside `first <= value < below`."""
    if not values.size:
        return 1
    least, most = int(values.min()), int(values.max())
    if least >= 0 and most < below and _groups(least) == _groups(most):
        return _groups(least)
    zigzag = ((values << 1) ^ (values >> 63)).view(np.uint64)
    size = np.ones(len(values), dtype=np.int64)
    for group in range(1, _groups(int(zigzag.max()) >> 1)):
        size += zigzag >= np.uint64(1 << (7 * group))
    size[(values < first) | (values >= below)] = ODD
    return size


def _groups(value: int) -> int:
    """Groups of seven bits that a number >= 0 takes behind its sign bit."""
    return max(1, -(-(value.bit_length() + 1) // 7))


def text_lengths(array: Any) -> Lengths:
    """Bytes of each string with its length in front."""
    sizes = np.diff(offsets(array)).astype(np.int64)
    return sizes + number_lengths(sizes, 0, _INT)


def _nullable(array: Any, inner: Schema) -> Lengths:
    if array.null_count == len(array):
        return 1
    held = lengths(array, inner)
    if not array.null_count:
        return 1 + held
    return 1 + np.where(array.is_valid().to_numpy(zero_copy_only=False), held, 0)


def _blocks(array: Any, items: Lengths) -> Lengths:
    """Bytes of arrays or maps as one block each: count, items, and the closing 0."""
    bounds = offsets(array).astype(np.int64)
    counts = np.diff(bounds)
    if not counts.any():
        return 1
    if isinstance(items, int):
        inside = counts * items
    else:
        inside = np.diff(np.concatenate(([0], np.cumsum(items)))[bounds])
    return 1 + inside + np.where(counts > 0, number_lengths(counts, 0, _INT), 0)


def _total(parts: Any) -> Lengths:
    total: Lengths = 0
    for part in parts:
        total = total + part
    return total

"""How are all records of a producer's batch decoded at once, without an object for each of them?

Kafka writes records as Avro would: numbers as zigzag varints, keys and values with their length in
front. Behind their count and before a zero they are an Avro array, and what a record says of its
value, the value's registry header and its body are fields of one item. Source: Kafka's record
format, version 2, and Avro's binary encoding.

Each length and number must be exactly what the bytes say, else a pack is read value by value.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from streams.wire.framing import HEADER_BYTES, schema_id_of
from streams.wire.layout import HEADER_FIELDS, Layout, check_text, read_arrow
from streams.wire.lengths import SAFE, number_lengths, numbers, offsets, text_lengths
from streams.wire.varints import number, number_at

NO_KEY = -1
_NO_HEADERS = 0
_INT = 1 << 31
_BEFORE = ("size", "attributes", "time", "place", "key", "length", "magic", "id")
_AFTER = ("headers",)


class Pack(Protocol):
    """Consecutive records of a partition as a producer wrote them, none missing."""

    @property
    def payload(self) -> bytes:
        """The records, not compressed."""

    def __len__(self) -> int:
        """How many records."""

    def values(self) -> Sequence[bytes | None]:
        """Their values, one by one."""


class Form(NamedTuple):
    """What all records of packs that are decoded together have in common."""

    schema_id: int
    keyed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpacked:
    """What packs of one form hold, all of their records in order."""

    held: dict[str, Any]
    """As `Layout.shape` gives it."""
    trusted: NDArray[np.bool_]
    """By pack: whether every record was surely read as it was written."""


def form_of(pack: Pack, most_bytes: int) -> Form | None:
    """As its first record has it; None where that is no usual one with so many bytes at most.

    What is asked of the registry then is the id of a value, as if values were read one by one.
    """
    payload = pack.payload
    try:
        at = 0
        for _ in _BEFORE[:4]:
            _, at = number_at(payload, at)
        key_bytes, at = number_at(payload, at)
        length, at = number_at(payload, at + max(key_bytes, 0))
        usual = HEADER_BYTES <= length <= most_bytes and payload[at + length] == _NO_HEADERS
    except (IndexError, ValueError):
        return None
    schema_id = schema_id_of(payload[at : at + HEADER_BYTES]) if usual else None
    return None if schema_id is None else Form(schema_id=schema_id, keyed=key_bytes != NO_KEY)


def unpacked(packs: Sequence[Pack], form: Form, layout: Layout, most_bytes: int) -> Unpacked:
    """Decode packs of one form; a value of more bytes than `most_bytes` is not trusted.

    Raises:
        ValueError: some record cannot be decoded or is not UTF-8; which one is not known.
    """
    counts = np.fromiter(map(len, packs), np.int64, len(packs))
    data = [_array_of(pack) for pack in packs]
    lists = read_arrow(data, _schema(layout.pyruhvro_json, form.keyed)).column(0)
    if not np.array_equal(np.diff(offsets(lists)), counts):
        raise ValueError("a pack holds another number of records than it says")
    items = lists.values
    arrays = [items.field(index) for index in range(items.type.num_fields)]
    told, body = dict(zip(_BEFORE, arrays, strict=False)), arrays[len(_BEFORE) : -len(_AFTER)]
    for array in body:
        check_text(array)
    length = numbers(told["length"])
    held, good = layout.shape(body, length)
    sizes, usual = _usual(told, length, keyed=form.keyed)
    good &= usual & _plain(told, arrays[-1], form.schema_id, counts) & (length <= most_bytes)
    starts = np.cumsum(counts) - counts
    payloads = np.fromiter((len(pack.payload) for pack in packs), np.int64, len(packs))
    whole = np.add.reduceat(sizes, starts) == payloads
    return Unpacked(held=held, trusted=whole & np.logical_and.reduceat(good, starts))


def _usual(
    told: dict[str, Any], length: NDArray[np.int64], *, keyed: bool
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Bytes of each record, and whether it is as long as what it holds in its usual form."""
    size, key = numbers(told["size"]), told["key"]
    inside = (
        2  # the attributes and, at the end, the number of headers
        + number_lengths(numbers(told["time"]), -SAFE, SAFE)
        + number_lengths(numbers(told["place"]), 0, _INT)
        + (text_lengths(key) if keyed else 1)
        + number_lengths(length, 0, _INT)
        + length
    )
    usual: NDArray[np.bool_] = size == inside
    return size + number_lengths(size, 0, _INT), usual


def _plain(
    told: dict[str, Any], headers: Any, schema_id: int, counts: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which records are of this schema, at the next offset, without headers or attributes."""
    place = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    wanted = int.from_bytes(schema_id.to_bytes(4, "big"), "little")  # read as a float's bits
    ids = np.frombuffer(told["id"].buffers()[1], np.uint32, len(place))
    plain: NDArray[np.bool_] = (ids == wanted) & (numbers(told["place"]) == place)
    for zero in (told["attributes"], told["magic"], headers):
        plain &= numbers(zero) == 0
    if pa.types.is_integer(told["key"].type):
        plain &= numbers(told["key"]) == NO_KEY
    return plain


def _array_of(pack: Pack) -> bytes:
    """The records as one Avro value: an array of a single block."""
    return number(len(pack)) + pack.payload + b"\0"


@cache
def _schema(pyruhvro_json: str, keyed: bool) -> str:  # noqa: FBT001 - a key of the cache
    """Of an array of records whose values are written in this schema (its header left out)."""
    body = json.loads(pyruhvro_json)["fields"][HEADER_FIELDS:]
    types = {"key": "string" if keyed else "long", "id": "float"}
    before, after = (
        [{"name": f"davy__{name}", "type": types.get(name, "long")} for name in names]
        for names in (_BEFORE, _AFTER)
    )
    item = {"type": "record", "name": "davy__item", "fields": [*before, *body, *after]}
    records = {"name": "records", "type": {"type": "array", "items": item}}
    return json.dumps({"type": "record", "name": "davy__pack", "fields": [records]})

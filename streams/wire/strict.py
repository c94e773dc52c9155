"""Do these bytes hold exactly one value of this schema?

A plain walk over Avro's binary encoding (1.12, "Binary Encoding") that builds nothing. Legal but
unusual forms (long varints, maps in several blocks) pass; anything else has a reason.
"""

from __future__ import annotations

from typing import Any

from streams.wire.reasons import BadRecord, Reason
from streams.wire.schemas import Schema

_VARINT_BYTES = 10
_LONG_BITS = 64
_INT = 1 << 31
_FIXED_BYTES = {"float": 4, "double": 8}


def walk(schema: Schema, body: bytes) -> None:
    """Walk one value of an expanded schema from the first byte to the last.

    Raises:
        BadRecord: `truncated`, `undecodable`, `trailing_bytes` or `invalid_utf8`.
    """
    walker = _Walker(body)
    walker.value(schema)
    left = len(body) - walker.at
    if left:
        raise BadRecord(Reason.TRAILING_BYTES, f"{left} of {len(body)} bytes are left over")


class _Walker:
    def __init__(self, body: bytes) -> None:
        self.body = body
        self.at = 0

    def value(self, schema: Schema) -> None:
        match schema:
            case list():
                self.value(schema[self._index(len(schema), "branch")])
            case dict():
                self._complex(schema)
            case _:
                self._primitive(schema)

    def _complex(self, schema: dict[str, Any]) -> None:
        match schema["type"]:
            case "record":
                for field in schema["fields"]:
                    self.value(field["type"])
            case "enum":
                self._index(len(schema["symbols"]), "symbol")
            case "fixed":
                self._take(schema["size"])
            case "array":
                self._blocks(schema["items"], keyed=False)
            case "map":
                self._blocks(schema["values"], keyed=True)
            case primitive:
                self._primitive(primitive)

    def _primitive(self, kind: str) -> None:
        match kind:
            case "null":
                pass
            case "boolean":
                self._boolean()
            case "int":
                self._int()
            case "long":
                self._long()
            case "string":
                self._string()
            case "bytes":
                self._take(self._length())
            case _:
                self._take(_FIXED_BYTES[kind])

    def _take(self, size: int) -> bytes:
        end = self.at + size
        if end > len(self.body):
            missing = end - len(self.body)
            raise BadRecord(Reason.TRUNCATED, f"{missing} bytes are missing after {self.at}")
        taken = self.body[self.at : end]
        self.at = end
        return taken

    def _long(self) -> int:
        start, raw = self.at, 0
        for index in range(_VARINT_BYTES):
            byte = self._take(1)[0]
            raw |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:  # noqa: PLR2004 - the continuation bit
                break
        else:
            raise BadRecord(Reason.UNDECODABLE, f"a number at byte {start} does not end")
        if raw >> _LONG_BITS:
            raise BadRecord(Reason.UNDECODABLE, f"a number at byte {start} has over 64 bits")
        return (raw >> 1) ^ -(raw & 1)

    def _int(self) -> None:
        start = self.at
        value = self._long()
        if not -_INT <= value < _INT:
            raise BadRecord(Reason.UNDECODABLE, f"{value} at byte {start} is no int")

    def _boolean(self) -> None:
        if self._take(1)[0] > 1:
            raise BadRecord(Reason.UNDECODABLE, f"no boolean at byte {self.at - 1}")

    def _index(self, count: int, what: str) -> int:
        start = self.at
        index = self._long()
        if not 0 <= index < count:
            detail = f"{what} {index} of {count} at byte {start}"
            raise BadRecord(Reason.UNDECODABLE, detail)
        return index

    def _length(self) -> int:
        start = self.at
        length = self._long()
        if length < 0:
            raise BadRecord(Reason.UNDECODABLE, f"length {length} at byte {start}")
        return length

    def _string(self) -> None:
        raw = self._take(self._length())
        try:
            raw.decode("utf-8")
        except UnicodeDecodeError as failure:
            where = self.at - len(raw) + failure.start
            raise BadRecord(Reason.INVALID_UTF8, f"byte {where}: {failure.reason}") from failure

    def _blocks(self, item: Schema, *, keyed: bool) -> None:
        while count := self._long():
            if count < 0:
                self._sized_block(-count, item, keyed=keyed)
            else:
                self._items(count, item, keyed=keyed)

    def _sized_block(self, count: int, item: Schema, *, keyed: bool) -> None:
        size = self._length()
        start = self.at
        self._items(count, item, keyed=keyed)
        if self.at - start != size:
            detail = f"a block at byte {start} says {size} bytes and has {self.at - start}"
            raise BadRecord(Reason.UNDECODABLE, detail)

    def _items(self, count: int, item: Schema, *, keyed: bool) -> None:
        # Each item takes at least a byte (`unbounded` saw to it), so the body bounds the loop.
        for _ in range(count):
            if keyed:
                self._string()
            self.value(item)


def unbounded(schema: Schema) -> str | None:
    """Why a short body of this schema could describe endless data; None if it cannot."""
    match schema:
        case list():
            found = [unbounded(branch) for branch in schema]
        case {"type": "record", "fields": fields}:
            found = [unbounded(field["type"]) for field in fields]
        case {"type": "array", "items": items}:
            empty = "arrays of items without bytes" if _empty(items) else None
            found = [empty, unbounded(items)]
        case {"type": "map", "values": values}:
            found = [unbounded(values)]
        case _:
            found = []
    return next((refusal for refusal in found if refusal), None)


def _empty(schema: Schema) -> bool:
    match schema:
        case {"type": "record", "fields": fields}:
            return all(_empty(field["type"]) for field in fields)
        case {"type": "fixed", "size": size}:
            return bool(size == 0)
        case {"type": kind}:
            return bool(kind == "null")
        case _:
            return bool(schema == "null")

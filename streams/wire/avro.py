"""How is one Avro body read strictly and written in one way only?

fastavro reads and writes; it is laxer than davy may be (negative branch numbers, bytes left over),
so what it read is written again: equal bytes are proof, others are walked by `strict`.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import fastavro
from fastavro.schema import SchemaParseException

from streams.errors import WireError
from streams.wire import strict
from streams.wire.reasons import BadRecord, Reason
from streams.wire.resolution import expanded, kind_of, unreadable
from streams.wire.schemas import Schema, without

if TYPE_CHECKING:
    from streams.wire.layout import Layout

_DIALECT = ("doc", "logicalType")
_FAILURES = (EOFError, ValueError, TypeError, IndexError, KeyError, OverflowError, AttributeError)


class Writer:
    """Writes one record type: same record, same bytes (maps in ascending order of keys)."""

    def __init__(self, schema: Schema) -> None:
        bare = without(schema, *_DIALECT)
        self._parsed = fastavro.parse_schema(bare)
        self._ordered = _ordering(expanded(bare))

    def write(self, record: dict[str, Any]) -> bytes:
        """The body. Unions of records take `("davy.Pane", {...})`; absent fields their default.

        Raises:
            WireError: a field is missing, unknown, or of another type.
        """
        ordered = record if self._ordered is None else self._ordered(record)
        out = io.BytesIO()
        try:
            fastavro.schemaless_writer(out, self._parsed, ordered, strict_allow_default=True)
        except _FAILURES as failure:
            name = self._parsed["name"] if isinstance(self._parsed, dict) else "value"
            raise WireError(f"no {name}: {failure}; compare with schemas/*.avsc") from failure
        return out.getvalue()


class Reader:
    """Reads bodies of one writer's schema as records of ours."""

    def __init__(self, writer_json: str, reader: Schema) -> None:
        """Raises BadRecord `wrong_schema` where no body of the writer could be meant for us."""
        self.writer = _writer_schema(writer_json)
        ours = without(reader, *_DIALECT)
        self.reader = expanded(ours)
        refusal = unreadable(lenient(self.writer), lenient(self.reader))
        if refusal:
            raise BadRecord(Reason.WRONG_SCHEMA, refusal)
        self._parsed = fastavro.parse_schema(without(json.loads(writer_json), *_DIALECT))
        self._ours = None if self.writer == self.reader else fastavro.parse_schema(ours)

    @cached_property
    def layout(self) -> Layout | None:
        """How to read records of this writer in batches; None where it cannot be done."""
        from streams.wire.layout import layout_of  # noqa: PLC0415 - server extra only

        return layout_of(self.writer, self.reader)

    def read(self, body: bytes) -> dict[str, Any]:
        """The record; unions of several records come as `("davy.Pane", {...})`, times as int.

        Raises:
            BadRecord: `truncated`, `undecodable`, `trailing_bytes` or `invalid_utf8`.
        """
        record = self._proven(body)
        if record is None:
            strict.walk(self.writer, body)
        elif self._ours is None:
            return record
        return self._read(body, self._ours)

    def _proven(self, body: bytes) -> dict[str, Any] | None:
        """The writer's record if the body is exactly what fastavro writes for it."""
        out = io.BytesIO()
        try:
            record = self._read(body, None)
            fastavro.schemaless_writer(out, self._parsed, record)
        except (*_FAILURES, BadRecord):
            return None
        return record if out.getvalue() == body else None

    def _read(self, body: bytes, ours: Any) -> dict[str, Any]:
        try:
            record: dict[str, Any] = fastavro.schemaless_reader(  # type: ignore[assignment]
                io.BytesIO(body),
                self._parsed,
                ours,
                return_record_name=True,
                return_record_name_override=True,
            )
        except (*_FAILURES, fastavro.read.SchemaResolutionError) as failure:
            raise BadRecord(Reason.UNDECODABLE, str(failure) or repr(failure)) from failure
        return record


def _writer_schema(writer_json: str) -> Schema:
    try:
        schema = expanded(without(json.loads(writer_json), *_DIALECT))
        fastavro.parse_schema(json.loads(writer_json))
    except (ValueError, KeyError, TypeError, SchemaParseException) as failure:
        raise BadRecord(Reason.WRONG_SCHEMA, f"not readable: {failure}") from failure
    refusal = strict.unbounded(schema)
    if refusal:
        raise BadRecord(Reason.WRONG_SCHEMA, refusal)
    return schema


def lenient(schema: Schema) -> Schema:
    """The schema with symbols left out: a symbol of tomorrow spoils its record, not its schema."""
    match schema:
        case list():
            return [lenient(item) for item in schema]
        case {"type": "record", "fields": fields}:
            full = [field | {"type": lenient(field["type"])} for field in fields]
            return schema | {"fields": full}
        case {"type": "enum"}:
            return schema | {"symbols": []}
        case {"type": "array", "items": items}:
            return schema | {"items": lenient(items)}
        case {"type": "map", "values": values}:
            return schema | {"values": lenient(values)}
        case _:
            return schema


_Ordering = Callable[[Any], Any]


def _ordering(schema: Schema) -> _Ordering | None:
    """Sorts the maps in a value of this (expanded) schema; None where it has no maps."""
    match schema:
        case {"type": "map", "values": values}:
            inner = _ordering(values) or _same
            return lambda value: {k: inner(value[k]) for k in sorted(value)}
        case {"type": "array", "items": items}:
            each = _ordering(items)
            return each and (lambda value: [each(item) for item in value])
        case {"type": "record", "fields": fields}:
            return _record_ordering({f["name"]: _ordering(f["type"]) for f in fields})
        case list():
            return _union_ordering(schema)
        case _:
            return None


def _record_ordering(fields: dict[str, _Ordering | None]) -> _Ordering | None:
    held = {name: order for name, order in fields.items() if order is not None}
    if not held:
        return None

    def order(value: dict[str, Any]) -> dict[str, Any]:
        return value | {name: inner(value[name]) for name, inner in held.items() if name in value}

    return order


def _union_ordering(branches: list[Any]) -> _Ordering | None:
    """Only `null or one type` may hold maps; davy's unions of several records hold none."""
    orders = [order for order in map(_ordering, branches) if order is not None]
    if not orders:
        return None
    if [kind_of(branch) for branch in branches if branch != "null"][1:]:
        raise WireError("maps inside a union of several types have no order here; move them out")
    return lambda value: None if value is None else orders[0](value)


def _same(value: Any) -> Any:
    return value

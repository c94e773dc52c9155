"""Which Arrow type holds the values of one of our schemas, and how do values get there?

Enums are numbers: the place of the symbol in our schema. Null is null, whatever the type.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from streams.wire.schemas import Schema

_SCALARS = {
    "boolean": pa.bool_(),
    "int": pa.int64(),
    "long": pa.int64(),
    "double": pa.float64(),
    "string": pa.string(),
    "enum": pa.int8(),
}


def arrow_type(schema: Schema) -> Any:
    """The type for values of an expanded schema.

    Raises:
        ValueError: a schema that has no columns here: unions of several types, arrays, bytes.
    """
    match bare(schema):
        case {"type": "record", "fields": fields}:
            return pa.struct([(field["name"], arrow_type(field["type"])) for field in fields])
        case {"type": "map", "values": values}:
            return pa.map_(pa.string(), arrow_type(values))
        case inner if kind(inner) in _SCALARS:
            return _SCALARS[kind(inner)]
    raise ValueError(f"no column for {schema}")


def bare(schema: Schema) -> Schema:
    """`null or T` without null.

    >>> bare(["null", {"type": "long"}])
    {'type': 'long'}
    """
    match schema:
        case ["null", inner] | [inner, "null"]:
            return inner
        case _:
            return schema


def kind(schema: Schema) -> str:
    """`record`, `long`, `union` ... of an expanded schema; `long` for `{"type": "long"}`."""
    match schema:
        case list():
            return "union"
        case {"type": inner}:
            return str(inner)
        case _:
            return str(schema)


def fits(writer: Schema, reader: Schema) -> bool:
    """Whether Arrow values of the writer are those of the reader but for names and order.

    Both expanded. Promotions, defaults other than "nothing" and enums that may be null are left
    to fastavro; enums inside of inner records do not occur in what davy reads in batches.
    """
    written, wanted = bare(writer), bare(reader)
    if kind(written) != kind(wanted):
        return False
    match wanted:
        case {"type": "record", "fields": fields}:
            found = {field["name"]: field["type"] for field in written["fields"]}
            return all(_field_fits(found.get(field["name"]), field) for field in fields)
        case {"type": "map", "values": values}:
            return kind(values) == kind(written["values"]) == "string"
        case _:
            return kind(wanted) in _SCALARS and (kind(wanted) != "enum" or wanted is reader)


def _field_fits(writer: Schema | None, field: dict[str, Any]) -> bool:
    if writer is None:
        return field.get("default", 0) in (None, {})
    return fits(writer, field["type"])


def shaped(array: Any, wanted: Any) -> Any:
    """The array in the wanted type; fields of structs are found by name, absent ones are null."""
    if array.type == wanted:
        return array
    if pa.types.is_struct(wanted):
        children = dict(zip([field.name for field in array.type], array.flatten(), strict=True))
        held = [
            shaped(children[field.name], field.type)
            if field.name in children
            else pa.nulls(len(array), field.type)
            for field in wanted
        ]
        return pa.StructArray.from_arrays(held, fields=list(wanted), mask=array.is_null())
    if pa.types.is_map(wanted):
        return pa.MapArray.from_arrays(array.offsets, array.keys, array.items)
    return array.cast(wanted)


def from_values(values: list[Any], schema: Schema) -> Any:
    """An array of what fastavro read of this (expanded) schema."""
    match bare(schema):
        case {"type": "enum", "symbols": symbols}:
            return pa.array([symbols.index(value) for value in values], pa.int8())
        case {"type": "map"}:
            held = [None if value is None else list(value.items()) for value in values]
            return pa.array(held, arrow_type(schema))
        case _:
            return pa.array(values, arrow_type(schema))

"""Can data of one schema be read by another, and if not, why?

Avro 1.12, "Schema Resolution", with unqualified names; the rule behind compatibility levels and
behind refusing what a topic cannot mean. Recursive schemas are refused: davy has none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from streams.wire.schemas import Compatibility, Schema

_PROMOTIONS = {
    "int": {"long", "float", "double"},
    "long": {"float", "double"},
    "float": {"double"},
    "string": {"bytes"},
    "bytes": {"string"},
}


def expanded(schema: Schema, names: dict[str, Schema] | None = None) -> Schema:  # noqa: PLR0911 - a form each
    """The schema with every reference to a named type replaced by the type.

    Raises:
        ValueError: a name that is not defined before its use, or a recursive type.
    """
    names = {} if names is None else names
    match schema:
        case str():
            return schema if schema in _PRIMITIVES else _named(schema, names)
        case list():
            return [expanded(item, names) for item in schema]
        case {"type": "array", "items": items}:
            return schema | {"items": expanded(items, names)}
        case {"type": "map", "values": values}:
            return schema | {"values": expanded(values, names)}
        case {"type": "record", "name": name, "fields": fields}:
            full = [field | {"type": expanded(field["type"], names)} for field in fields]
            names[_unqualified(name)] = record = schema | {"fields": full}
            return record
        case {"type": "enum" | "fixed", "name": name}:
            names[_unqualified(name)] = schema
            return schema
        case {"type": str(kind)} if kind in _PRIMITIVES:
            return schema
        case {"type": inner}:
            return expanded(inner, names)
    raise ValueError(f"no Avro schema: {json.dumps(schema)[:80]}")


_PRIMITIVES = frozenset(("null", "boolean", "int", "long", "float", "double", "bytes", "string"))


def _named(name: str, names: Mapping[str, Schema]) -> Schema:
    try:
        return names[_unqualified(name)]
    except KeyError:
        raise ValueError(f"type {name!r} is recursive or not defined") from None


def _unqualified(name: str) -> str:
    return name.rpartition(".")[2]


def kind_of(schema: Schema) -> str:
    """`record`, `union`, `long` ... of an expanded schema."""
    match schema:
        case list():
            return "union"
        case dict():
            return str(schema["type"])
        case _:
            return str(schema)


def unreadable(writer: Schema, reader: Schema, where: str = "value") -> str | None:
    """Why `reader` cannot read all that `writer` (both expanded) writes; None if it can."""
    match writer, reader:
        case list(), _:
            return _first(unreadable(branch, reader, where) for branch in writer)
        case _, list():
            refusals = [unreadable(writer, branch, where) for branch in reader]
            return None if None in refusals else f"{where}: {kind_of(writer)} is in no branch"
        case _:
            return _unreadable_plain(writer, reader, where)


def _unreadable_plain(  # noqa: PLR0911 - one return per form of schema
    writer: Schema, reader: Schema, where: str
) -> str | None:
    kind, wanted = kind_of(writer), kind_of(reader)
    if kind != wanted:
        fits = wanted in _PROMOTIONS.get(kind, ())
        return None if fits else f"{where}: {kind} cannot be read as {wanted}"
    if not isinstance(writer, dict) or not isinstance(reader, dict):
        return None
    match kind:
        case "record":
            return _unreadable_record(writer, reader, where)
        case "array":
            return unreadable(writer["items"], reader["items"], f"{where}[]")
        case "map":
            return unreadable(writer["values"], reader["values"], f"{where}{{}}")
        case "enum" | "fixed":
            return _misnamed(writer, reader, where) or _unreadable_named(writer, reader, where)
        case _:
            return None


def _unreadable_record(writer: dict[str, Any], reader: dict[str, Any], where: str) -> str | None:
    written = {field["name"]: field["type"] for field in writer["fields"]}
    refusals = [_misnamed(writer, reader, where)]
    for field in reader["fields"]:
        name, path = field["name"], f"{where}.{field['name']}"
        if name in written:
            refusals.append(unreadable(written[name], field["type"], path))
        elif "default" not in field:
            refusals.append(f"{path}: missing, and has no default")
    return _first(refusals)


def _unreadable_named(writer: dict[str, Any], reader: dict[str, Any], where: str) -> str | None:
    if writer["type"] == "fixed":
        same = writer["size"] == reader["size"]
        return None if same else f"{where}: fixed of another size"
    unknown = sorted(set(writer["symbols"]) - set(reader["symbols"]))
    if unknown and "default" not in reader:
        return f"{where}: unknown symbols {', '.join(unknown)}"
    return None


def _misnamed(writer: dict[str, Any], reader: dict[str, Any], where: str) -> str | None:
    name, wanted = _unqualified(writer["name"]), _unqualified(reader["name"])
    return None if name == wanted else f"{where}: {name} is not {wanted}"


def _first(refusals: Iterable[str | None]) -> str | None:
    return next((refusal for refusal in refusals if refusal is not None), None)


def incompatible(new: Schema, earlier: Schema, level: Compatibility) -> str | None:
    """Why `new` may not follow `earlier` at this level; None if it may."""
    newer, older = expanded(new), expanded(earlier)
    backward = unreadable(older, newer)
    if backward or level is Compatibility.BACKWARD_TRANSITIVE:
        return backward
    return unreadable(newer, older)

"""davy's schemas as the version before and the version after may have them."""

from typing import Any

from streams.wire.resolution import expanded


def behind(schema: dict[str, Any]) -> dict[str, Any]:
    """Before its optional fields came, in every record in it."""
    return _each_record(schema, lambda fields: [f for f in fields if "default" not in f])


def ahead(schema: dict[str, Any]) -> dict[str, Any]:
    """With two more optional fields in every record, one of them in front."""
    first = {"name": "davy_first", "type": ["null", "string"], "default": None}
    last = {"name": "davy_last", "type": {"type": "map", "values": "long"}, "default": {}}
    return _each_record(schema, lambda fields: [first, *fields, last])


def _each_record(node: Any, change: Any) -> Any:
    match node:
        case list():
            return [_each_record(item, change) for item in node]
        case {"type": "record", "fields": fields}:
            inner = [f | {"type": _each_record(f["type"], change)} for f in fields]
            return node | {"fields": change(inner)}
        case dict():
            nested = ("type", "items", "values")
            return {k: _each_record(v, change) if k in nested else v for k, v in node.items()}
        case _:
            return node


def seen(value: Any, written: Any, wanted: Any) -> Any:
    """What a reader of schema `wanted` sees of a value that a writer of `written` wrote.

    Both expanded. Fields that the writer lacks have their default, those of his alone are gone.
    """
    match wanted:
        case list():
            return _seen_branch(value, written, wanted)
        case {"type": "record", "fields": fields}:
            types = {f["name"]: f["type"] for f in written["fields"]}
            return {
                f["name"]: seen(value[f["name"]], types[f["name"]], f["type"])
                if f["name"] in types
                else f["default"]
                for f in fields
            }
        case {"type": "array", "items": items}:
            return [seen(item, written["items"], items) for item in value]
        case {"type": "map", "values": inner}:
            return {key: seen(item, written["values"], inner) for key, item in value.items()}
        case _:
            return value


def _seen_branch(value: Any, written: list[Any], wanted: list[Any]) -> Any:
    if isinstance(value, tuple):  # a union of records names its member
        name, body = value
        one, other = (_member(union, name) for union in (written, wanted))
        return name, seen(body, one, other)
    if value is None or not isinstance(value, dict | list):
        return value
    one, other = (next(b for b in union if b != "null") for union in (written, wanted))
    return seen(value, one, other)


def _member(union: list[Any], name: str) -> Any:
    return next(branch for branch in union if branch["name"] == name.rpartition(".")[2])


def whole(schema: dict[str, Any]) -> Any:
    """The schema with names replaced by what they stand for."""
    return expanded(schema)

"""What may stand under `targeting`? JSON Schema for editors; across values the loader checks."""

from __future__ import annotations

from streams.spec import targeting, units
from streams.spec.schema.parts import Schema, closed, pattern


def targeting_schema() -> Schema:
    """The JSON Schema of `targeting`."""
    name = pattern(targeting.HEADER, "The request header.")
    header = {"values": _names(targeting.MOST_VALUES), "prefix": _header_value()}
    either = {"oneOf": [{"required": [key]} for key in header]}
    users = {"header": name, "list": _names(targeting.MOST_USERS)}
    # YAML reads a bare 0 as a number; only here does it mean one thing.
    zero = {"type": ["string", "number"], "maximum": 0, "default": "0%"}
    low = pattern(rf"{units.WEIGHT}|^0(?:%|bp)?$", "Lower end, included.") | zero
    span = {"header": name, "from": low, "to": pattern(units.WEIGHT, "Upper end, excluded.")}
    kinds = {
        "header": closed({"name": name} | header, "name") | either,
        "users": closed(users, *users),
        "user_hash": closed(span, "header", "to"),
    }
    return {
        "type": "array",
        "description": "Who may get a candidate; one rule that holds is enough.",
        "minItems": 1,
        "maxItems": targeting.MOST_RULES,
        "items": closed(kinds) | {"minProperties": 1, "maxProperties": 1},
    }


def _names(most: int) -> Schema:
    items = _header_value()
    return {"type": "array", "minItems": 1, "maxItems": most, "uniqueItems": True, "items": items}


def _header_value() -> Schema:
    # A value keeps the text that was written, whatever YAML makes of it.
    return {"type": ["string", "number", "boolean"], "pattern": targeting.VALUE}

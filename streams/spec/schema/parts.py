"""What do parts of the schema consist of? Texts of a form, closed objects."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from streams.spec import units

Schema = dict[str, Any]


def text(description: str, default: str | None = None) -> Schema:
    """A text, or a number that stands for its digits."""
    found: Schema = {"type": ["string", "number"], "description": description}
    return found if default is None else found | {"default": default}


def pattern(pattern: str, description: str, default: str | None = None) -> Schema:
    """A text of this form."""
    return text(description, default) | {"type": "string", "pattern": pattern}


def chance(description: str, default: str) -> Schema:
    """An error probability below a half."""
    found = pattern(units.PROBABILITY, description, default)
    return found | {"type": ["string", "number"], "exclusiveMaximum": 0.5}


def whole(least: int, most: int, description: str, default: str) -> Schema:
    """A whole number within limits."""
    limits = {"type": "integer", "minimum": least, "maximum": most}
    return limits | {"default": int(default), "description": description}


def one_of(words: type[StrEnum], description: str, default: str) -> Schema:
    """One of these words."""
    known = [word.value for word in words]
    return {"enum": known, "default": default, "description": description}


def closed(properties: Schema, *required: str) -> Schema:
    """An object with these properties and no others."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": properties,
    }

"""What may stand under `segments`, and what is done with slices?"""

from __future__ import annotations

from streams.spec import defaults, units
from streams.spec.dimensions import MOST_DIMENSIONS, MOST_VALUES, OTHER_VALUE, SegmentHarm
from streams.spec.schema.parts import Schema, one_of, pattern
from streams.spec.targeting import HEADER


def segments_schema() -> Schema:
    """The JSON Schema of what is said of slices."""
    # YAML 1.1 reads Norway's code as false.
    kinds = ["string", "number", "boolean"]
    value = {"type": kinds, "pattern": units.NAME, "not": {"const": OTHER_VALUE}}
    values = {"type": "array", "minItems": 1, "maxItems": MOST_VALUES, "uniqueItems": True}
    values["items"] = value
    shown = {"values": values, "header": pattern(HEADER, "The request header that shows it.")}
    long = {"type": "object", "additionalProperties": False, "required": [*shown]}
    return {
        "segments": {
            "type": "object",
            "description": "Slices with evidence of their own: dimension -> declared values.",
            "propertyNames": {"pattern": units.NAME},
            "additionalProperties": {"anyOf": [values, long | {"properties": shown}]},
            "minProperties": 1,
            "maxProperties": MOST_DIMENSIONS,
        },
        "segment_budget": pattern(
            units.PART, "Part of alpha_rollback that slices share.", defaults.SEGMENT_BUDGET
        ),
        "on_segment_harm": one_of(
            SegmentHarm,
            "What goes back when a slice is harmed: all of it, or that slice.",
            defaults.ON_SEGMENT_HARM,
        ),
    }

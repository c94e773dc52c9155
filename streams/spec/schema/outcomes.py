"""What may stand under `outcomes`?"""

from __future__ import annotations

from streams.spec import defaults, units
from streams.spec.outcome_facts import OutcomeKind, Probability
from streams.spec.schema.parts import Schema, closed, one_of, pattern, text


def outcomes_schema() -> Schema:
    """The JSON Schema of outcomes and of the share of them that is joined."""
    return {
        "outcomes": {
            "type": "object",
            "description": "What is awaited of predictions: labels and business metrics.",
            "propertyNames": {"pattern": units.NAME},
            "additionalProperties": closed(_fields(), "kind", "window"),
            "minProperties": 1,
            "maxProperties": 32,
        },
        "outcome_sample": pattern(
            units.PART, "Share of the requests whose outcomes are joined.", defaults.OUTCOME_SAMPLE
        ),
    }


def _fields() -> Schema:
    return {
        "kind": {"enum": [kind.value for kind in OutcomeKind]},
        "window": pattern(units.DURATION, "Longest time from exposure to outcome."),
        "delivery": pattern(
            units.DURATION, "Longest time from outcome to its arrival.", defaults.DELIVERY
        ),
        "classes": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1000,
            "items": text("A class that labels may name."),
            "description": "Labels there are; others are counted and joined to nothing.",
        },
        "positive": text("The class whose probability is stated; else the predicted one's."),
        "probability": one_of(
            Probability, "Which field of a prediction is a probability.", defaults.PROBABILITY
        ),
        "range": {
            "type": "array",
            "minItems": 2,
            "maxItems": 2,
            "items": {"type": "number", "minimum": 0},
            "description": "Least and highest value, from 0; without it values are capped.",
        },
        "explicit": {"type": "boolean", "description": "That nothing happened is sent as 0."},
    }

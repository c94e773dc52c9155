"""What may stand in a rollout's YAML? JSON Schema for editors, made from the loader's own tables.

`python -m streams.spec.schema > schemas/rollout-spec.schema.json` refreshes the stored copy.
Rules across fields (rising weights, candidate = baseline) are the loader's alone.
"""

from __future__ import annotations

from streams.spec import defaults, units
from streams.spec.model import MOST_CANDIDATES
from streams.spec.route import OWN as ROUTE_KEYS
from streams.spec.schema.knobs import knobs_schema
from streams.spec.schema.metrics import metrics_schema
from streams.spec.schema.outcomes import outcomes_schema
from streams.spec.schema.parts import Schema, pattern, text
from streams.spec.schema.rules import targeting_schema
from streams.spec.schema.segments import segments_schema
from streams.spec.stages import KEYS as STAGE_KEYS


def spec_schema() -> Schema:
    """The JSON Schema (draft 2020-12) of a rollout's YAML."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "davy rollout",
        "description": "One attempt to replace a baseline by a candidate. Four facts suffice.",
        "type": "object",
        "additionalProperties": False,
        "required": ["service", "baseline", "route"],
        "oneOf": [{"required": ["candidate"]}, {"required": ["candidates"]}],
        "dependentRequired": {
            "segment_budget": ["segments"],
            "on_segment_harm": ["segments"],
            "outcome_sample": ["outcomes"],
        },
        "properties": {
            **_facts(),
            **_moves(),
            **outcomes_schema(),
            **metrics_schema(),
            **segments_schema(),
            **knobs_schema(),
        },
    }


def _moves() -> Schema:
    return {"stages": _stages(), "targeting": targeting_schema()}


def _facts() -> Schema:
    return {
        "rollout": pattern(units.NAME, "Id; from service and candidate version if left out."),
        "service": text("The inference service, as its events name it."),
        "baseline": text("Model version that serves now."),
        "candidate": text("Model version that wants to replace it."),
        "candidates": {
            "type": "object",
            "description": "Several candidates: name -> model version.",
            "propertyNames": {"pattern": units.NAME},
            "additionalProperties": text("Model version."),
            "minProperties": 1,
            "maxProperties": MOST_CANDIDATES,
        },
        "revision": text("What a controller that asks for verdicts calls the candidate."),
        "route": _route(),
    }


def _route() -> Schema:
    options: Schema = {"type": ["object", "null"], "description": "What that router must know."}
    own = (
        pattern(units.NAME, "One live rollout per (service, route).", defaults.ROUTE_NAME),
        {"type": "boolean", "description": "Whether davy only looks, and tells what it would do."},
        pattern(units.WEIGHT, "A candidate's share rises by no more than this at once."),
        pattern(units.DURATION, "Between two raises at least."),
    )
    return {
        "description": "Where traffic is moved: one router with its options.",
        "anyOf": [
            {"type": "string", "pattern": units.NAME},
            {
                "type": "object",
                "properties": dict(zip(ROUTE_KEYS, own, strict=True)),
                "additionalProperties": options,
                "minProperties": 1,
                "maxProperties": 1 + len(own),
            },
        ],
    }


def _stages() -> Schema:
    weight = rf"(?:{units.NUMBER}%|\d+ ?bp)"
    time = units.DURATION.removeprefix("^").removesuffix("$")
    fields = (
        pattern(units.WEIGHT, "Share of traffic, all candidates together."),
        pattern(units.DURATION, "Stay at least this long."),
        pattern(units.DURATION, "After this, undecided is told to a person."),
        {"type": "integer", "minimum": 0, "description": "Requests each candidate must answer."},
        {"type": "boolean", "description": "Whether a person must approve before it begins."},
    )
    short = pattern(rf"^{weight}(?: for {time})?$", "Weight, and how long at least.")
    return {
        "type": "array",
        "minItems": 1,
        "description": "Weights rise, and those of live requests to 100%.",
        "default": list(defaults.STAGES),
        "items": {
            "anyOf": [
                short,
                {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["weight"],
                    "properties": dict(zip(STAGE_KEYS, fields, strict=True)),
                },
            ]
        },
    }

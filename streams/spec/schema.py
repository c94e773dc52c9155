"""What may stand in a rollout's YAML? JSON Schema for editors, made from the loader's own tables.

`python -m streams.spec.schema > schemas/rollout-spec.schema.json` refreshes the stored copy.
Rules across fields (rising weights, candidate = baseline) are the loader's alone.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from streams.spec import defaults, units
from streams.spec.defaults import MetricDefault
from streams.spec.dimensions import MOST_DIMENSIONS, MOST_VALUES, OTHER_VALUE, SegmentHarm
from streams.spec.metrics import LIMITS, ONLY_SIGNALS, QUANTILE, SLA
from streams.spec.model import Mode, Overdispersion, Unit
from streams.spec.outcome_facts import OutcomeKind, Probability
from streams.spec.rules_schema import targeting_schema
from streams.spec.stages import KEYS as STAGE_KEYS
from streams.spec.targeting import HEADER

Schema = dict[str, Any]
PATTERNS = {
    "margin": units.MARGIN,
    "floor": units.SHARE,
    "threshold": units.NATS,
    "change": units.CHANGE,
    "most": units.MOST,
    "limit_ms": units.DURATION,
    "limit": units.USE,
    "weight": rf"^{units.NUMBER}$",
}
# Where a bare number has one meaning only.
NUMBERS: Schema = {
    "margin": {"type": ["string", "integer"], "minimum": 0, "maximum": 0},
    "threshold": {"type": ["string", "number"]},
    "weight": {"type": ["string", "number"]},
}
# YAML 1.1 reads `off` as false; both spellings mean the same here.
OFF: Schema = {"enum": ["off", False], "description": "Not watched."}


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
        "properties": _facts() | _moves() | _outcomes() | _watch() | _segments() | _knobs(),
    }


def _moves() -> Schema:
    return {"stages": _stages(), "targeting": targeting_schema()}


def _text(description: str, default: str | None = None) -> Schema:
    found: Schema = {"type": ["string", "number"], "description": description}
    return found if default is None else found | {"default": default}


def _pattern(pattern: str, description: str, default: str | None = None) -> Schema:
    return _text(description, default) | {"type": "string", "pattern": pattern}


def _chance(description: str, default: str) -> Schema:
    found = _pattern(units.PROBABILITY, description, default)
    return found | {"type": ["string", "number"], "exclusiveMaximum": 0.5}


def _facts() -> Schema:
    return {
        "rollout": _pattern(units.NAME, "Id; from service and candidate version if left out."),
        "service": _text("The inference service, as its events name it."),
        "baseline": _text("Model version that serves now."),
        "candidate": _text("Model version that wants to replace it."),
        "candidates": {
            "type": "object",
            "description": "Several candidates: name -> model version.",
            "propertyNames": {"pattern": units.NAME},
            "additionalProperties": _text("Model version."),
            "minProperties": 1,
            "maxProperties": 16,
        },
        "route": _route(),
    }


def _route() -> Schema:
    options: Schema = {"type": ["object", "null"], "description": "What that router must know."}
    return {
        "description": "Where traffic is moved: one router with its options.",
        "anyOf": [
            {"type": "string", "pattern": units.NAME},
            {
                "type": "object",
                "properties": {
                    "name": _pattern(
                        units.NAME, "One live rollout per (service, route).", defaults.ROUTE_NAME
                    )
                },
                "additionalProperties": options,
                "minProperties": 1,
                "maxProperties": 2,
            },
        ],
    }


def _stages() -> Schema:
    weight = rf"(?:{units.NUMBER}%|\d+ ?bp)"
    time = units.DURATION.removeprefix("^").removesuffix("$")
    fields = (
        _pattern(units.WEIGHT, "Share of traffic, all candidates together."),
        _pattern(units.DURATION, "Stay at least this long."),
        _pattern(units.DURATION, "After this, undecided is told to a person."),
        {"type": "integer", "minimum": 0, "description": "Requests each candidate must answer."},
    )
    short = _pattern(rf"^{weight}(?: for {time})?$", "Weight, and how long at least.")
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


def _watch() -> Schema:
    named = defaults.METRICS_OF[Mode.SHADOW] | defaults.METRICS | defaults.LABEL_METRICS
    known = {name: _metric(default) for name, default in named.items()}
    quantiles = {
        QUANTILE: _metric(defaults.latency(0.9)),
        SLA: _metric(defaults.latency_sla(0.9)),
        r"^recall:.+$": _metric(defaults.recall()),
    }
    block: Schema = {
        "type": "object",
        "additionalProperties": _metric(defaults.RATE)
        | {"description": "A business metric by its outcome's name: -2% tolerates so much less."},
        "patternProperties": quantiles,
    }
    why = "Harm rolls back. Default guardrails stay unless they are turned `off` or are signals: "
    guardrails = {"description": f"{why}{', '.join(defaults.GUARDRAILS)}."}
    may = {name: found for name, found in known.items() if name not in ONLY_SIGNALS}
    properties = may | {"defaults": OFF | {"description": "off: only what stands here."}}
    return {
        "guardrails": block | guardrails | {"properties": properties},
        "signals": block | {"description": "Harm holds for a person.", "properties": known},
    }


def _metric(default: MetricDefault) -> Schema:
    texts = {"margin": default.margin, "floor": default.floor, "threshold": default.threshold}
    texts |= {"weight": default.weight, "change": default.change, "most": default.most}
    texts |= {"limit": default.limit}
    fields = {
        limit.key: _pattern(PATTERNS[limit.field], f"The {limit.key}.", texts.get(limit.key))
        | NUMBERS.get(limit.key, {})
        for limit in LIMITS[default.kind]
    }
    first = LIMITS[default.kind][0].key
    long = {"type": "object", "additionalProperties": False, "properties": fields}
    return {"anyOf": [fields[first], long, OFF]}


def _segments() -> Schema:
    # YAML 1.1 reads Norway's code as false.
    kinds = ["string", "number", "boolean"]
    value = {"type": kinds, "pattern": units.NAME, "not": {"const": OTHER_VALUE}}
    values = {"type": "array", "minItems": 1, "maxItems": MOST_VALUES, "uniqueItems": True}
    values["items"] = value
    shown = {"values": values, "header": _pattern(HEADER, "The request header that shows it.")}
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
        "segment_budget": _pattern(
            units.PART, "Part of alpha_rollback that slices share.", defaults.SEGMENT_BUDGET
        ),
        "on_segment_harm": {
            "enum": [harm.value for harm in SegmentHarm],
            "default": defaults.ON_SEGMENT_HARM,
            "description": "What goes back when a slice is harmed: all of it, or that slice.",
        },
    }


def _outcomes() -> Schema:
    fields: Schema = {
        "kind": {"enum": [kind.value for kind in OutcomeKind]},
        "window": _pattern(units.DURATION, "Longest time from exposure to outcome."),
        "delivery": _pattern(
            units.DURATION, "Longest time from outcome to its arrival.", defaults.DELIVERY
        ),
        "classes": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1000,
            "items": _text("A class that labels may name."),
            "description": "Labels there are; others are counted and joined to nothing.",
        },
        "positive": _text("The class whose probability is stated; else the predicted one's."),
        "probability": {
            "enum": [one.value for one in Probability],
            "default": defaults.PROBABILITY,
            "description": "Which field of a prediction is a probability.",
        },
        "range": {
            "type": "array",
            "minItems": 2,
            "maxItems": 2,
            "items": {"type": "number", "minimum": 0},
            "description": "Least and highest value, from 0; without it values are capped.",
        },
        "explicit": {"type": "boolean", "description": "That nothing happened is sent as 0."},
    }
    one: Schema = {
        "type": "object",
        "additionalProperties": False,
        "required": ["kind", "window"],
        "properties": fields,
    }
    return {
        "outcomes": {
            "type": "object",
            "description": "What is awaited of predictions: labels and business metrics.",
            "propertyNames": {"pattern": units.NAME},
            "additionalProperties": one,
            "minProperties": 1,
            "maxProperties": 32,
        },
        "outcome_sample": _pattern(
            units.PART, "Share of the requests whose outcomes are joined.", defaults.OUTCOME_SAMPLE
        ),
    }


def _knobs() -> Schema:
    time = units.DURATION
    never = rf"{time}|^never$"
    return {
        "alpha_rollback": _chance("Chance of a false rollback.", defaults.ALPHA_ROLLBACK),
        "alpha_promote": _chance("Chance of a false promotion.", defaults.ALPHA_PROMOTE),
        "timeout": _pattern(time, "Longest completion of a request.", defaults.TIMEOUT),
        "routing_lag": _pattern(
            time, "Until a new weight is in full effect.", defaults.ROUTING_LAG
        ),
        "report_every": _pattern(time, "A decision at least this often.", defaults.REPORT_EVERY),
        "lease": _pattern(time, "How long a silent judge is trusted.", defaults.LEASE),
        "silence_rollback": _pattern(
            never, "Silence after which traffic goes back.", defaults.SILENCE_ROLLBACK
        ),
        "mode": {
            "enum": [mode.value for mode in Mode],
            "default": defaults.MODE,
            "description": "shadow: candidates get copies of requests, nothing of theirs is used.",
        },
        "pair_within": _pattern(
            time, "Longest time between both answers to a request (shadow); timeout if left out."
        ),
        "max_classes": {
            "type": "integer",
            "minimum": 2,
            "maximum": 1000,
            "default": int(defaults.MAX_CLASSES),
            "description": "Predicted classes told apart; the rest is `other`.",
        },
        "overdispersion": {
            "enum": [kind.value for kind in Overdispersion],
            "default": defaults.OVERDISPERSION,
            "description": "measured: bursts that hit one arm alone are reckoned with.",
        },
        "unit": {
            "enum": [unit.value for unit in Unit],
            "default": defaults.UNIT,
            "description": "user: routing is sticky, a user's first error counts once.",
        },
        "max_units": {
            "type": "integer",
            "minimum": 1000,
            "maximum": 100_000_000,
            "default": int(defaults.MAX_UNITS),
            "description": "Users remembered by source partition; beyond it: invalid.",
        },
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(spec_schema(), indent=2) + "\n")

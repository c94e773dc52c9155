"""What may stand under `guardrails` and `signals`?"""

from __future__ import annotations

from streams.spec import defaults, units
from streams.spec.defaults import MetricDefault
from streams.spec.limits import LIMITS
from streams.spec.metrics import ONLY_SIGNALS, QUANTILE, SLA
from streams.spec.model import Mode
from streams.spec.schema.parts import Schema, pattern

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


def metrics_schema() -> Schema:
    """The JSON Schema of both."""
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
        limit.key: pattern(PATTERNS[limit.field], f"The {limit.key}.", texts.get(limit.key))
        | NUMBERS.get(limit.key, {})
        for limit in LIMITS[default.kind]
    }
    first = LIMITS[default.kind][0].key
    long = {"type": "object", "additionalProperties": False, "properties": fields}
    return {"anyOf": [fields[first], long, OFF]}

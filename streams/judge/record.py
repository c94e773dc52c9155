"""How does a decision look in the log, and back? Avro's plain values for the facts of `facts.py`.

Field names are the same on both sides. Maps are written in sorted order, so that equal decisions
have equal bytes (an Avro map has no order of its own).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from operator import attrgetter
from types import MappingProxyType
from typing import Any, get_args

from streams.judge.cut import Cut
from streams.judge.decision_facts import (
    Action,
    Decision,
    Direction,
    Drift,
    Figure,
    Finding,
    HealthCheck,
    Shadow,
    ShadowMetric,
    Verdict,
)


def decision_id(rollout: str, spec_hash: str, cut: Cut) -> str:
    """Name of the decision that follows from a cut: 32 hex digits of SHA-256.

    The same rollout, spec and cut always give the same name, so a decision emitted twice
    is known as one.
    """
    text = json.dumps(
        [rollout, spec_hash, cut_to_record(cut)], sort_keys=True, separators=(",", ":")
    )
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def decision_to_record(decision: Decision) -> dict[str, Any]:
    """The decision as a record of `schemas/decision.avsc`."""
    record = _flat(decision)
    record["action"] = decision.action.value
    record["weights_bp"] = {s: _sorted(w) for s, w in sorted(decision.weights_bp.items())}
    record["verdicts"] = [_verdict_to_record(verdict) for verdict in decision.verdicts]
    record["health"] = [_flat(check) for check in decision.health]
    record["cut"] = cut_to_record(decision.cut)
    record["steps"] = [cut_to_record(cut) for cut in decision.steps]
    record["shadows"] = [shadow_to_record(shadow) for shadow in decision.shadows]
    record["drifts"] = [drift_to_record(drift) for drift in decision.drifts]
    record["figures"] = [_flat(figure) for figure in decision.figures]
    return record


def decision_from_record(record: Mapping[str, Any]) -> Decision:
    """Read what `decision_to_record` made. `KeyError` on a missing field."""
    fields = {field.name: record[field.name] for field in dataclasses.fields(Decision)}
    return Decision(
        **fields
        | {
            "action": Action(record["action"]),
            "verdicts": tuple(_verdict_from_record(v) for v in record["verdicts"]),
            "health": tuple(HealthCheck(**check) for check in record["health"]),
            "cut": cut_from_record(record["cut"]),
            "steps": tuple(cut_from_record(cut) for cut in record["steps"]),
            "shadows": tuple(shadow_from_record(shadow) for shadow in record["shadows"]),
            "drifts": tuple(drift_from_record(drift) for drift in record["drifts"]),
            "figures": tuple(Figure(**figure) for figure in record["figures"]),
        }
    )


def cut_to_record(cut: Cut) -> dict[str, Any]:
    """The cut as Avro's (and JSON's) plain values."""
    return _flat(cut) | {"idle": list(cut.idle)}


def cut_from_record(record: Mapping[str, Any]) -> Cut:
    """Read what `cut_to_record` made."""
    return Cut(**dict(record) | {"idle": tuple(record["idle"])})


def shadow_to_record(shadow: Shadow) -> dict[str, Any]:
    """The other judge's answer as Avro's (and JSON's) plain values."""
    return _flat(shadow) | {"metrics": [_flat(metric) for metric in shadow.metrics]}


def shadow_from_record(record: Mapping[str, Any]) -> Shadow:
    """Read what `shadow_to_record` made."""
    metrics = tuple(ShadowMetric(**metric) for metric in record["metrics"])
    return Shadow(**dict(record) | {"metrics": metrics})


def drift_to_record(drift: Drift) -> dict[str, Any]:
    """The change as Avro's (and JSON's) plain values."""
    return _flat(drift) | {"direction": drift.direction.value}


def drift_from_record(record: Mapping[str, Any]) -> Drift:
    """Read what `drift_to_record` made."""
    return Drift(**dict(record) | {"direction": Direction(record["direction"])})


def _verdict_to_record(verdict: Verdict) -> dict[str, Any]:
    record = _flat(verdict)
    record["finding"] = verdict.finding.value
    record["exposures"], record["events"] = _sorted(verdict.exposures), _sorted(verdict.events)
    return record


def _verdict_from_record(record: Mapping[str, Any]) -> Verdict:
    return Verdict(**dict(record) | {"finding": Finding(record["finding"])})


Fact = Decision | Verdict | HealthCheck | Cut | Drift | Figure | Shadow | ShadowMetric


def _flat(fact: Fact) -> dict[str, Any]:
    names, values = _FIELDS[type(fact)]
    return dict(zip(names, values(fact), strict=True))


def _fields_of(kind: type[Fact]) -> tuple[tuple[str, ...], attrgetter[tuple[Any, ...]]]:
    names = tuple(field.name for field in dataclasses.fields(kind))
    return names, attrgetter(*names)


_FIELDS: Mapping[type, tuple[tuple[str, ...], attrgetter[tuple[Any, ...]]]] = MappingProxyType(
    {kind: _fields_of(kind) for kind in get_args(Fact)}
)
"""Of each kind its names, and what takes all values at once; all have two fields or more."""


def _sorted(values: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(values.items()))

"""Records of every schema for tests. `python -m tests.wire.samples` writes the golden bytes.

A golden file holds the framed values of one version of one schema and is never changed once
that version is released; a new version gets a new file, because it has a new id.
"""

import json
from pathlib import Path
from typing import Any

from streams.wire.codec import Codec
from streams.wire.schemas import SUBJECTS
from streams.wire.store import LocalSchemaStore

GOLDEN = Path(__file__).parent / "golden"

AT_MS = 1_790_000_000_000
PREDICTION = {
    "request_id": "r-1",
    "unit": "user-7",
    "service": "digits",
    "model_version": "v2",
    "completed_at": AT_MS,
    "latency_ms": 12.5,
    "status": "OK",
    "predicted_class": "7",
    "score": 0.75,
    "confidence": 0.5,
    "segments": {"country": "SG", "city": "Zürich"},
    "llm": {
        "ttft_ms": 80.0,
        "tpot_ms": None,
        "tokens_in": 120,
        "tokens_out": None,
        "refused": False,
        "judge_score": 0.25,
    },
}
BARE = {
    **PREDICTION,
    "unit": None,
    "status": "TIMEOUT",
    "predicted_class": None,
    "score": None,
    "confidence": None,
    "segments": {},
    "llm": None,
}
BINS = {"index": [3, 700], "count": [1, 2]}
CELL = {
    "segment": "all",
    "arm": "baseline",
    "exposures": 3,
    "errors": 1,
    "timeouts": 0,
    "latency": BINS,
    "classes": [{"name": "7", "count": 3}],
    "scores": {"index": [], "count": []},
    "confidences": {"index": [39], "count": [2]},
    "units": None,
    "llm": None,
    "pairs": None,
}
SUMMED = {"index": [3, 700], "count": [1, 2], "total": [0, 2400]}
LLM_CELL = CELL | {
    "arm": "candidate",
    "llm": {
        "told": 3,
        "refused": 1,
        "ttft": BINS,
        "tpot": BINS,
        "tokens_in": SUMMED,
        "tokens_out": SUMMED,
        "judged": 2,
        "judge_total": 1 << 20,
        "judge_squares": 1 << 39,
    },
}
UNITS = {
    "seen": 3,
    "error_risk": 2,
    "errors": 1,
    "timeout_risk": 3,
    "timeouts": 0,
    "fresh": 1,
    "crossed": 0,
    "unnamed": 0,
    "lost": 0,
    "slowest": [{"shift": 5, "before": BINS, "after": BINS}],
}
PAIRS = {
    "pairs": 3,
    "matched": 2,
    "errors_candidate": 1,
    "errors_baseline": 0,
    "errors_both": 1,
    "timeouts_candidate": 1,
    "timeouts_baseline": 0,
    "timeouts_both": 0,
    "classes_same": 1,
    "classes_different": 1,
    "ratio": {"index": [346, 692], "count": [2, 1]},
}
PANE = {"rollout": "r", "spec_hash": "ab", "pane": 9, "cells": [CELL, LLM_CELL]}
MIRROR_PANE = PANE | {"cells": [CELL | {"pairs": PAIRS}]}
PAIR_BLOCK = {"rollout": "r", "number": 4, "rows": b"\x00\xff"}
UNIT_PANE = PANE | {"cells": [CELL | {"units": UNITS}]}
UNIT_PART = {"rollout": "r", "name": "log/0/0", "data": b"\x01\x02"}
SOURCE = {
    "source": "predictions",
    "source_partition": 1,
    "source_partitions": 4,
    "rollout_partitions": 2,
    "pane_ms": 1000,
}
BREACH = {
    "rollout": "r",
    "spec_hash": "ab",
    "kind": "records_lost",
    "topic": "predictions",
    "partition": 1,
    "first": 100,
    "last": 499,
}
MARKER = {
    "next_offset": 10,
    "max_event_ms": AT_MS,
    "closed_through": 8,
    "idle": False,
    "accepted": 9,
    "late": 1,
    "dead": 0,
    "unknown": 2,
    "invalid_scores": 3,
    "duplicates": 1,
    "pane_ms": 1000,
    "lateness_ms": 2000,
    "horizon_offset": 10,
}
LIVE = {
    "rollout": "r",
    "spec_hash": "ab",
    "spec": "{}",
    "first_offset": 4,
    "outcomes_offset": 2,
    "from_pane": 2,
    "classes": ["7", "1"],
}
PROGRESS = {
    "closed_through": 8,
    "idle": True,
    "accepted": 9,
    "late": 1,
    "dead": 0,
    "invalid_scores": 3,
    "duplicates": 1,
    "outcomes": [{"name": "joined", "count": 7}],
}
USAGE = {
    "rollout": "r",
    "spec_hash": "ab",
    "pane": 7,
    "usages": [
        {
            "segment": "all",
            "arm": "candidate",
            "sums": [{"resource": "cpu", "pods": 2, "total": 1 << 30}],
        }
    ],
}
OPEN_USAGE = {
    "rollout": "r",
    "spec_hash": "ab",
    "pane": 8,
    "pods": [
        {
            "arm": "candidate",
            "pod": "p",
            "last_ms": AT_MS,
            "sums": [{"resource": "cpu", "weighted": 9 << 30, "span_ms": 30_000}],
        }
    ],
}
ACTIVATION = {
    "rollout": "r",
    "spec_hash": "ab",
    "first_offset": 4,
    "outcomes_offset": 2,
    "from_pane": -1,
    "until_offset": None,
}
CUT = {
    "pane": 9,
    "idle": [2],
    "rollouts_offset": 1,
    "commands_offset": 2,
    "routing_offset": 3,
    "joined_through": 7,
    "resources_through": 7,
}
FIGURE = {
    "name": "accuracy",
    "outcome": "label",
    "segment": "all",
    "arm": "baseline",
    "value": 0.75,
    "count": 4,
}
VERDICT = {
    "metric": "errors",
    "kind": "errors",
    "role": "guardrail",
    "segment": "all",
    "candidate": "candidate",
    "finding": "harm",
    "reason": "e_harm_crossed",
    "unit": "ratio",
    "estimate": 3.5,
    "low": 1.5,
    "high": None,
    "margin": 0.25,
    "log_e_harm": 9.5,
    "log_e_harm_threshold": 5.3,
    "log_e_safe": -4.0,
    "log_e_safe_threshold": 3.0,
    "alpha_share": 0.005,
    "exposures": {"baseline": 100, "candidate": 90},
    "events": {"baseline": 1, "candidate": 9},
    "first_pane": 1,
    "last_pane": 9,
    "dispersion": 1.5,
    "counted": "users, until the first error of each",
}
SHADOW = {
    "judge": "NetflixACAJudge-v1.0",
    "candidate": "candidate",
    "minutes": 7,
    "score": 50.0,
    "classification": "Fail",
    "reason": "",
    "metrics": [{"name": "errors", "classification": "High", "reason": "errors is high"}],
}
HEALTH = {
    "name": "sample_ratio",
    "ok": True,
    "reason": "expected",
    "log_e": -0.5,
    "log_e_threshold": 6.9,
    "observed": 0.25,
    "expected": None,
}
DRIFT = {
    "metric": "latency",
    "unit": "ms",
    "pane": 1_700_000_000,
    "before": 20.0,
    "after": 41.5,
    "direction": "up",
}
DECISION = {
    "rollout": "r",
    "decision_id": "d",
    "seq": 3,
    "spec_hash": "ab",
    "action": "rollback",
    "reason": "e_harm_crossed",
    "stage": 1,
    "terminal": True,
    "weights_bp": {"all": {"baseline": 10_000, "candidate": 0}},
    "verdicts": [VERDICT],
    "health": [HEALTH],
    "pane_ms": 1000,
    "cut": CUT,
    "steps": [CUT],
    "prev_hash": "cd",
    "shadows": [SHADOW],
    "figures": [FIGURE],
    "drifts": [DRIFT],
}
ROUTING = {
    "rollout": "r",
    "phase": "applied",
    "decision_id": "d",
    "fence": 3,
    "desired_bp": {"all": {"baseline": 10_000, "candidate": 0}},
    "applied_bp": {"all": {"baseline": 10_000, "candidate": 0}},
    "at": AT_MS,
    "since": AT_MS - 5,
    "confirmed_until": AT_MS,
    "router": "memory",
    "revision": "7",
    "terminal": True,
    "reason": "",
}

OUTCOME_CELL = {
    "segment": "all",
    "arm": "baseline",
    "exposures": 9,
    "events": 2,
    "delays": [0, 3, 1, 0, 0, 0, 0, 0],
    "classes": [{"name": "cat", "labelled": 4, "hits": 2}],
    "right": {"index": [20], "count": [2]},
    "wrong": {"index": [3], "count": [2]},
    "sums": [{"name": "brier", "count": 4, "total": 1 << 19, "squares": 1 << 36}],
    "histogram": {"index": [], "count": []},
    "total_milli": -1,
}
COHORT = {
    "rollout": "digits-v2",
    "spec_hash": "abc",
    "outcome": "label",
    "first_pane": 8,
    "panes": 4,
    "cells": [OUTCOME_CELL],
}
JOIN_PART = {"rollout": "digits-v2", "name": "head", "data": b"\x00\xff"}
JOIN_MARKER = {
    "next_offset": 5,
    "outcomes_read_ms": 1_790_000_000_000,
    "predictions_read_ms": 1_790_000_000_001,
    "joined_through": 11,
    "closings": [1_790_000_000_001, 12],
    "counts": [{"name": "joined", "count": 7}],
}

RECORDS: dict[str, tuple[dict[str, Any], ...]] = {
    "predictions": (PREDICTION, BARE),
    "outcomes": (
        {
            "outcome_id": "o-1",
            "request_id": "r-1",
            "unit": None,
            "service": "digits",
            "occurred_at": AT_MS,
            "metric": "label",
            "label": "7",
            "value": None,
        },
    ),
    "resources": (
        {
            "pod": "p",
            "service": "digits",
            "model_version": "v2",
            "sampled_at": AT_MS,
            "interval_ms": 10_000,
            "cpu": 0.5,
            "memory": None,
            "gpu": None,
        },
    ),
    "rollouts": (
        {
            "rollout": "r",
            "service": "digits",
            "route": "digits",
            "baseline": "v1",
            "candidates": {"candidate": "v2"},
            "spec_hash": "ab",
            "spec": "{}",
            "applied_by": "ada",
        },
    ),
    "commands": (
        {
            "rollout": "r",
            "command": "PAUSE",
            "actor": "ada",
            "reason": "lunch",
            "at": AT_MS,
            "stage": None,
            "until": AT_MS + 1,
        },
        {
            "rollout": "r",
            "command": "APPROVE",
            "actor": "ada",
            "reason": "",
            "at": AT_MS,
            "stage": 1,
            "until": None,
        },
    ),
    "cells": (
        {"body": ("davy.Marker", MARKER)},
        {"body": ("davy.OpenPane", PANE)},
        {"body": ("davy.OpenResourcePane", OPEN_USAGE)},
        {"body": ("davy.LiveRollout", LIVE)},
        {"body": ("davy.OpenCohort", COHORT | {"told": 3})},
        {"body": ("davy.JoinPart", JOIN_PART)},
        {"body": ("davy.UnitPart", UNIT_PART)},
        {"body": ("davy.PairBlock", PAIR_BLOCK)},
        {"body": ("davy.JoinMarker", JOIN_MARKER)},
    ),
    "panes": (
        {**SOURCE, "body": ("davy.Pane", PANE)},
        {**SOURCE, "body": ("davy.Pane", UNIT_PANE)},
        {**SOURCE, "body": ("davy.Pane", MIRROR_PANE)},
        {**SOURCE, "source": "resources", "body": ("davy.ResourcePane", USAGE)},
        {**SOURCE, "body": ("davy.Progress", PROGRESS)},
        {**SOURCE, "body": ("davy.Activation", ACTIVATION)},
        {**SOURCE, "body": ("davy.Cohort", COHORT | {"complete": 8})},
        {**SOURCE, "body": ("davy.Breach", BREACH)},
    ),
    "judge-state": (
        {
            "rollout": "r",
            "spec_hash": "ab",
            "panes_offset": 12,
            "inputs": "{}",
            "state": "{}",
            "outbox": [b"\x00\xff"],
        },
    ),
    "decisions": (DECISION,),
    "leases": (
        {
            "rollout": "r",
            "spec_hash": "ab",
            "pane": 9,
            "valid_ms": 5000,
            "state": "LIVE",
            "at": AT_MS,
        },
    ),
    "routing": (ROUTING,),
}


def main() -> None:
    """Write the golden file of every schema as it is now."""
    codec = Codec(LocalSchemaStore())
    for topic, records in RECORDS.items():
        values = [codec.encode(topic, record) for record in records]
        schema = SUBJECTS[topic].schema
        number = int.from_bytes(values[0][1:5], "big")
        held = {"schema": schema, "topic": topic, "values": [value.hex() for value in values]}
        text = json.dumps(held, indent=1) + "\n"
        (GOLDEN / f"{schema}-{number}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

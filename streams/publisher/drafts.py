"""What does the caller's word become? A record that Avro can surely write, or a named refusal.

Runs on the caller's thread, or later on the publisher's (`usual.py`): plain checks only, nothing
that waits. Limits are the analyzer's (`streams.wire.reasons`), so that what it would dead-letter
is counted where it arose.
"""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple

from streams.publisher.facts import Drop, Repair, Status, Tally
from streams.wire.reasons import MAX_EVENT_MS, MAX_LATENCY_MS

PREDICTIONS = "predictions"
OUTCOMES = "outcomes"
MAX_TEXT = 256
MAX_SEGMENTS = 32
MAX_COUNT = 2**63 - 1
OVERHEAD_BYTES = 600
"""What a waiting record costs beside its texts: a dictionary, numbers, its place in the buffer."""
ENTRY_BYTES = 100
TRACE_BYTES = 100

_STATUSES = {str(status): str(status) for status in Status}
_LLM_NUMBERS = ("ttft_ms", "tpot_ms", "judge_score")
_LLM_COUNTS = ("tokens_in", "tokens_out")
_LLM = frozenset({*_LLM_NUMBERS, *_LLM_COUNTS, "refused"})


class Draft(NamedTuple):
    """A record on its way: topic without prefix, Avro record, estimate of its memory."""

    topic: str
    record: dict[str, Any]
    size: int
    trace: bytes | None = None
    """`traceparent` of the request, where traces are on and this one is sampled."""


class Refused(Exception):  # noqa: N818 - it names the record, and never leaves this room
    """The record cannot be published."""

    def __init__(self, reason: Drop) -> None:
        super().__init__(reason)
        self.reason = reason


def prediction_draft(
    tally: Tally,
    *,
    request_id: object,
    latency_ms: object,
    status: object,
    service: str,
    model_version: object,
    predicted_class: object,
    score: object,
    confidence: object,
    unit: object,
    segments: object,
    llm: object,
    completed_at_ms: object,
) -> Draft:
    """A prediction as the analyzer accepts it.

    Raises:
        Refused: latency, status, time, version or an id's length make it useless.
    """
    request = _new_id(tally) if request_id in (None, "") else _id(request_id)
    owner = None if unit is None else _id_or_none(unit)
    label = None if predicted_class is None else _text(predicted_class, tally)
    parts = _segments(segments, tally) if segments else {}
    record = {
        "request_id": request,
        "unit": owner,
        "service": service,
        "model_version": _name(model_version),
        "completed_at": _time_ms(completed_at_ms),
        "latency_ms": _latency_ms(latency_ms),
        "status": _status(status),
        "predicted_class": label,
        "score": None if score is None else _share(score, Repair.BAD_SCORE, tally),
        "confidence": (
            None if confidence is None else _share(confidence, Repair.BAD_CONFIDENCE, tally)
        ),
        "segments": parts,
        "llm": None if llm is None else _llm(llm, tally),
    }
    return Draft(PREDICTIONS, record, _size(parts, request, owner, label))


def outcome_draft(
    tally: Tally,
    *,
    request_id: object,
    metric: object,
    label: object,
    value: object,
    service: str,
    unit: object,
    outcome_id: object,
    occurred_at_ms: object,
) -> Draft:
    """An outcome as the analyzer accepts it; its id defaults to one per request and metric.

    Raises:
        Refused: no request id, no metric, neither label nor finite value, a bad time.
    """
    request, name = _name(request_id), _name(metric)
    owner = None if unit is None else _id_or_none(unit)
    text = None if label is None else _text(label, tally)
    number = None if value is None else _number(value)
    if (label is None and number is None) or (number is not None and not math.isfinite(number)):
        raise Refused(Drop.BAD_VALUE)
    record = {
        "outcome_id": f"{request}:{name}" if outcome_id is None else _name(outcome_id),
        "request_id": request,
        "unit": owner,
        "service": service,
        "occurred_at": _time_ms(occurred_at_ms),
        "metric": name,
        "label": text,
        "value": number,
    }
    return Draft(OUTCOMES, record, _size({}, request, name, owner, text))


def traced(draft: Draft, trace: bytes | None) -> Draft:
    """The same with the trace that it belongs to, if there is one."""
    return draft if trace is None else draft._replace(trace=trace, size=draft.size + TRACE_BYTES)


def _plain(value: object) -> str:
    if type(value) is str:
        return value
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _text(value: object, tally: Tally) -> str:
    found = _plain(value)
    if len(found) <= MAX_TEXT:
        return found
    tally.repair(Repair.TOO_LONG)
    return found[:MAX_TEXT]


def _id(value: object) -> str:
    """An id is never cut: two requests could become one."""
    found = _plain(value)
    if len(found) > MAX_TEXT:
        raise Refused(Drop.TOO_BIG)
    return found


def _id_or_none(value: object) -> str | None:
    # An empty unit is no unit.
    return _id(value) or None


def _name(value: object) -> str:
    found = "" if value is None else _id(value)
    if not found:
        raise Refused(Drop.NO_NAME)
    return found


def _new_id(tally: Tally) -> str:
    tally.repair(Repair.NO_REQUEST_ID)
    return uuid.uuid4().hex


def _number(value: object) -> float:
    """NaN for what is no number; True, numpy's numbers and "0.5" are numbers."""
    if type(value) is float:
        return value
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _latency_ms(value: object) -> float:
    found = _number(value)
    if not 0 <= found <= MAX_LATENCY_MS:
        raise Refused(Drop.BAD_LATENCY)
    return found


def _status(value: object) -> str:
    text = value if isinstance(value, str) else str(value)
    found = _STATUSES.get(text) or _STATUSES.get(text.upper())
    if found is None:
        raise Refused(Drop.BAD_STATUS)
    return found


def _time_ms(value: object) -> int:
    if value is None:
        return time.time_ns() // 1_000_000
    found = _number(value)
    if not 0 < found < MAX_EVENT_MS:
        raise Refused(Drop.BAD_TIME)
    return int(found)


def _share(value: object, reason: Repair, tally: Tally) -> float | None:
    found = _number(value)
    if 0 <= found <= 1:
        return found
    tally.repair(reason)
    return None


def _segments(value: object, tally: Tally) -> dict[str, str]:
    """A copy, so that the caller may change its own afterwards."""
    if not isinstance(value, Mapping):
        tally.repair(Repair.BAD_SEGMENTS)
        return {}
    if len(value) > MAX_SEGMENTS:
        tally.repair(Repair.BAD_SEGMENTS)
    pairs = list(value.items())[:MAX_SEGMENTS]
    return {_text(name, tally): _text(member, tally) for name, member in pairs}


def _llm(value: object, tally: Tally) -> dict[str, Any] | None:
    if not isinstance(value, Mapping):
        tally.repair(Repair.BAD_LLM)
        return None
    found: dict[str, Any] = {name: _finite(value.get(name)) for name in _LLM_NUMBERS}
    found |= {name: _count(value.get(name)) for name in _LLM_COUNTS}
    refused = value.get("refused")
    found["refused"] = refused if isinstance(refused, bool) else None
    given = {name for name in value if value[name] is not None}
    if not given <= {name for name in _LLM if found[name] is not None}:
        tally.repair(Repair.BAD_LLM)
    return found


def _finite(value: object) -> float | None:
    found = math.nan if value is None else _number(value)
    return found if math.isfinite(found) else None


def _count(value: object) -> int | None:
    found = _finite(value)
    return int(found) if found is not None and 0 <= found < MAX_COUNT else None


def _size(segments: Mapping[str, str], *texts: str | None) -> int:
    """Estimate in bytes; four for a character, the most that Python and UTF-8 need."""
    size = OVERHEAD_BYTES
    for text in texts:
        if text is not None:
            size += 4 * len(text)
    for name, member in segments.items():
        size += 4 * (len(name) + len(member)) + ENTRY_BYTES
    return size

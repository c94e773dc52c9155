"""What does a call keep of a prediction as most callers make it? Its arguments, as they are.

A call comes between two answers of a service, when caches hold other things: whatever it enters
costs. So what the publisher's own thread can build is built there.
"""

from __future__ import annotations

import time
from typing import NamedTuple

from streams.publisher.drafts import (
    MAX_COUNT,
    MAX_TEXT,
    OVERHEAD_BYTES,
    Draft,
    prediction_draft,
)
from streams.publisher.facts import Status, Tally
from streams.wire.reasons import MAX_EVENT_MS, MAX_LATENCY_MS

NUMBER_BYTES = 80
"""Of a whole number as text, at the most."""
_new = tuple.__new__


class Usual(NamedTuple):
    """Arguments that nobody can change any more, with nothing in them to refuse."""

    size: int
    """As a draft's."""
    completed_at_ms: int
    request_id: str | int
    latency_ms: float
    predicted_class: str | int | None
    score: float | None
    confidence: float | None
    unit: str | None

    def draft(self, tally: Tally, service: str, model_version: str) -> Draft:
        """The record that `prediction_draft` makes of the arguments."""
        return prediction_draft(
            tally,
            request_id=self.request_id,
            latency_ms=self.latency_ms,
            status=Status.OK,
            service=service,
            model_version=model_version,
            predicted_class=self.predicted_class,
            score=self.score,
            confidence=self.confidence,
            unit=self.unit,
            segments=None,
            llm=None,
            completed_at_ms=self.completed_at_ms,
        )


def usual(
    completed_at_ms: object,
    request_id: object,
    latency_ms: object,
    predicted_class: object,
    score: object,
    confidence: object,
    unit: object,
) -> Usual | None:
    """Of an answer without failure; None where something is not as it usually is."""
    # Written out, though much of it is alike: to enter a function costs more than these checks.
    size = OVERHEAD_BYTES
    if type(request_id) is str and 0 < len(request_id) <= MAX_TEXT:
        size += 4 * len(request_id)
    elif type(request_id) is int and 0 <= request_id < MAX_COUNT:
        size += NUMBER_BYTES
    else:
        return None
    if type(predicted_class) is str and len(predicted_class) <= MAX_TEXT:
        size += 4 * len(predicted_class)
    elif type(predicted_class) is int and 0 <= predicted_class < MAX_COUNT:
        size += NUMBER_BYTES
    elif predicted_class is not None:
        return None
    if type(unit) is str and 0 < len(unit) <= MAX_TEXT:
        size += 4 * len(unit)
    elif unit is not None:
        return None
    if completed_at_ms is None:
        completed_at_ms = time.time_ns() // 1_000_000
    if not (
        (type(completed_at_ms) is int and 0 < completed_at_ms < MAX_EVENT_MS)
        and (type(latency_ms) is float and 0.0 <= latency_ms <= MAX_LATENCY_MS)
        and (score is None or (type(score) is float and 0.0 <= score <= 1.0))
        and (confidence is None or (type(confidence) is float and 0.0 <= confidence <= 1.0))
    ):
        return None
    given = (completed_at_ms, request_id, latency_ms, predicted_class, score, confidence, unit)
    return _new(Usual, (size, *given))

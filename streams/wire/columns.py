"""How does a batch of prediction values become columns, and which of them are refused, and why?

A record's outcome is a pure function of its bytes and of the schemas in the store: neither the
batch it came in nor the reader that read it (pyruhvro or fastavro) leaves a trace.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streams.wire.arrays import Coded, blank, coded, doubles, entries
from streams.wire.batch import (
    DEFAULT_MAX_EVENT_BYTES,
    Check,
    Values,
    by_row,
    read_rows,
    sensible,
    times_ok,
)
from streams.wire.codec import Codec
from streams.wire.headers import Rejected
from streams.wire.keyed_columns import KeyedColumns
from streams.wire.lengths import numbers
from streams.wire.llm_columns import LlmColumns, llm_columns
from streams.wire.raw_rows import RawRows
from streams.wire.reasons import MAX_LATENCY_MS, Reason

__all__ = [
    "DEFAULT_MAX_EVENT_BYTES",
    "Coded",
    "LlmColumns",
    "PredictionColumns",
    "Rejected",
    "decode_predictions",
]

_LATENCY = f"latency_ms is {{}}, must be in [0, {MAX_LATENCY_MS:.0f}]"


@dataclass(frozen=True, kw_only=True)
class PredictionColumns(KeyedColumns):
    """The accepted predictions of a batch in its order, and the refused ones.

    What not every rollout asks for is read when it is asked for: `request_hash`, `unit_hash`,
    `unit_given`, `segment` and `llm`.
    """

    row: NDArray[np.int64]
    """Index in the batch, ascending."""
    event_ms: NDArray[np.int64]
    latency_ms: NDArray[np.float64]
    """0 <= latency <= MAX_LATENCY_MS."""
    status: NDArray[np.int8]
    """0 OK, 1 ERROR, 2 TIMEOUT."""
    score: NDArray[np.float64]
    """In [0, 1]; NaN where there is none or an invalid one."""
    confidence: NDArray[np.float64]
    """As `score`."""
    service: Coded
    version: Coded
    predicted_class: Coded
    invalid_shares: int
    """Scores and confidences that were NaN or outside [0, 1]: accepted are their predictions."""
    rejected: tuple[Rejected, ...]
    """By row; the reasons are those of `Reason` but `future`, which needs the append time."""
    segments: Any = field(repr=False)
    """Arrow maps of strings, one per accepted row."""
    llm_parts: Any = field(repr=False)
    """Arrow structs `LlmPart` or null, one per accepted row."""

    def segment(self, name: str) -> Coded:
        """What each event says of one dimension, null where nothing."""
        return entries(self.segments, name)

    @cached_property
    def llm(self) -> LlmColumns | None:
        """What generative models add; None where no event of the batch has it."""
        return llm_columns(self.llm_parts)

    @property
    def invalid_scores(self) -> int:
        """Scores, confidences and values in `llm` that make no sense; their predictions count."""
        return self.invalid_shares + (0 if self.llm is None else self.llm.invalid)


def decode_predictions(
    values: Values,
    codec: Codec,
    *,
    max_event_bytes: int = DEFAULT_MAX_EVENT_BYTES,
) -> PredictionColumns:
    """Decode framed values of the `predictions` topic.

    Raises:
        RegistryError: a schema id could not be looked up; try the whole batch again.
    """
    raw, rejected = read_rows("predictions", values, codec, max_event_bytes)
    held = raw.held
    service, version = coded(held["service"]), coded(held["model_version"])
    event_ms, latency_ms = numbers(held["completed_at"]), doubles(held["latency_ms"])
    ids = held["request_id"]
    latency_ok = (latency_ms >= 0) & (latency_ms <= MAX_LATENCY_MS)
    keep, refused = sensible(
        raw,
        (
            Check(Reason.NO_SERVICE, service.is_empty(), ids, "request_id is {!r}"),
            Check(Reason.NO_VERSION, version.is_empty(), ids, "request_id is {!r}"),
            Check(Reason.NO_REQUEST_ID, blank(ids), held["service"], "service is {!r}"),
            Check(Reason.BAD_TIME, ~times_ok(event_ms), event_ms, "completed_at is {}"),
            Check(Reason.BAD_LATENCY, ~latency_ok, latency_ms, _LATENCY),
        ),
    )
    rejected += refused
    return _columns(raw.chosen(keep), service.chosen(keep), version.chosen(keep), rejected)


def _columns(
    kept: RawRows, service: Coded, version: Coded, rejected: list[Rejected]
) -> PredictionColumns:
    held = kept.held
    score, bad_scores = _shares(held["score"])
    confidence, bad_confidences = _shares(held["confidence"])
    return PredictionColumns(
        row=kept.row,
        event_ms=numbers(held["completed_at"]),
        latency_ms=doubles(held["latency_ms"]),
        status=held["status"].to_numpy(),
        score=score,
        confidence=confidence,
        service=service,
        version=version,
        predicted_class=coded(held["predicted_class"]),
        invalid_shares=bad_scores + bad_confidences,
        rejected=by_row(rejected),
        request_ids=held["request_id"],
        units=held["unit"],
        segments=held["segments"],
        llm_parts=held["llm"],
    )


def _shares(array: Any) -> tuple[NDArray[np.float64], int]:
    """Numbers in [0, 1], NaN for others, and how many of those given were others."""
    values = doubles(array)
    good = (values >= 0) & (values <= 1)
    invalid = len(array) - array.null_count - int(good.sum())
    return np.where(good, values, np.nan), invalid

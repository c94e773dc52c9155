"""How does a batch of prediction values become columns, and which of them are refused, and why?

A record's outcome is a pure function of its bytes and of the schemas in the store: neither the
batch it came in nor the reader that read it (pyruhvro or fastavro) leaves a trace.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from streams.wire.codec import Codec
from streams.wire.headers import Rejected, read_headers
from streams.wire.raw_rows import RawRows, decoded, joined
from streams.wire.reasons import MAX_EVENT_MS, MAX_LATENCY_MS, BadRecord, Reason
from streams.wire.request_hash import request_hashes

__all__ = ["Coded", "PredictionColumns", "Rejected", "decode_predictions"]

DEFAULT_MAX_EVENT_BYTES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Coded:
    """A column of few distinct strings: `names[codes[i]]`, null where the code is -1.

    Codes mean something within one batch only; some names may have no row.
    """

    codes: NDArray[np.int32]
    names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PredictionColumns:
    """The accepted predictions of a batch in its order, and the refused ones."""

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
    invalid_scores: int
    """Scores and confidences that were NaN or outside [0, 1]: accepted are their predictions."""
    rejected: tuple[Rejected, ...]
    """By row; the reasons are those of `Reason` but `future`, which needs the append time."""
    request_ids: Any = field(repr=False)
    """Arrow strings, one per accepted row."""

    @cached_property
    def request_hash(self) -> NDArray[np.uint64]:
        """A number per request id, the same on every machine (`request_hash.py`)."""
        return request_hashes(self.request_ids)


def decode_predictions(
    values: Sequence[bytes | None],
    codec: Codec,
    *,
    max_event_bytes: int = DEFAULT_MAX_EVENT_BYTES,
) -> PredictionColumns:
    """Decode framed values of the `predictions` topic.

    Raises:
        RegistryError: a schema id could not be looked up; try the whole batch again.
    """
    present = [value or b"" for value in values]
    headers = read_headers(present, max_event_bytes)
    rejected = list(headers.rejected)
    parts: list[RawRows] = []
    for schema_id, rows in headers.rows.items():
        whole = len(rows) == len(present)
        chosen = present if whole else [present[row] for row in rows.tolist()]
        for part in _of_schema(chosen, rows, codec, schema_id):
            if isinstance(part, Rejected):
                rejected.append(part)
            else:
                parts.append(part)
    return _judged(joined(parts) if parts else _nothing(), rejected)


def _of_schema(
    values: Sequence[bytes], rows: NDArray[np.int64], codec: Codec, schema_id: int
) -> Iterator[RawRows | Rejected]:
    try:
        reader = codec.reader("predictions", schema_id)
    except BadRecord as failure:
        for row in rows.tolist():
            yield Rejected(row=row, reason=failure.reason, detail=failure.detail)
    else:
        yield from decoded(values, rows, reader)


def _judged(raw: RawRows, rejected: list[Rejected]) -> PredictionColumns:
    """Refuse rows whose values make no sense; what is left is accepted."""
    service, version = _coded(raw.service), _coded(raw.version)
    checks = (
        (Reason.NO_SERVICE, _is_empty(service), raw.request_id),
        (Reason.NO_VERSION, _is_empty(version), raw.request_id),
        (Reason.BAD_TIME, (raw.event_ms <= 0) | (raw.event_ms >= MAX_EVENT_MS), raw.event_ms),
        (Reason.BAD_LATENCY, ~_latency_ok(raw.latency_ms), raw.latency_ms),
    )
    keep = np.ones(len(raw.row), dtype=np.bool_)
    for reason, bad, told in checks:
        rows = np.flatnonzero(bad & keep).tolist()
        rejected += [_refusal(int(raw.row[i]), reason, told[i]) for i in rows]
        keep &= ~bad
    kept = raw.chosen(keep)
    score, bad_scores = _shares(kept.score, kept.score_given)
    confidence, bad_confidences = _shares(kept.confidence, kept.confidence_given)
    return PredictionColumns(
        row=kept.row,
        event_ms=kept.event_ms,
        latency_ms=kept.latency_ms,
        status=kept.status,
        score=score,
        confidence=confidence,
        service=_chosen(service, keep),
        version=_chosen(version, keep),
        predicted_class=_coded(kept.predicted_class),
        invalid_scores=bad_scores + bad_confidences,
        rejected=tuple(sorted(rejected, key=lambda refused: refused.row)),
        request_ids=kept.request_id,
    )


def _shares(
    values: NDArray[np.float64], given: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], int]:
    """Numbers in [0, 1], NaN for others, and how many of those given were others."""
    good = (values >= 0) & (values <= 1)
    return np.where(good, values, np.nan), int((given & ~good).sum())


def _refusal(row: int, reason: Reason, told: Any) -> Rejected:
    match reason:
        case Reason.BAD_TIME:
            detail = f"completed_at is {told}"
        case Reason.BAD_LATENCY:
            detail = f"latency_ms is {told}, must be in [0, {MAX_LATENCY_MS:.0f}]"
        case _:
            detail = f"request_id is {str(told)[:64]!r}"
    return Rejected(row=row, reason=reason, detail=detail)


def _latency_ok(latency_ms: NDArray[np.float64]) -> NDArray[np.bool_]:
    ok: NDArray[np.bool_] = (latency_ms >= 0) & (latency_ms <= MAX_LATENCY_MS)
    return ok


def _coded(strings: Any) -> Coded:
    encoded = pc.dictionary_encode(strings)
    codes = encoded.indices
    if codes.null_count:
        codes = codes.fill_null(-1)
    return Coded(codes=codes.to_numpy(), names=tuple(encoded.dictionary.to_pylist()))


def _chosen(column: Coded, keep: NDArray[np.bool_]) -> Coded:
    return column if keep.all() else Coded(codes=column.codes[keep], names=column.names)


def _is_empty(column: Coded) -> NDArray[np.bool_]:
    if "" not in column.names:
        return np.zeros(len(column.codes), dtype=np.bool_)
    empty: NDArray[np.bool_] = column.codes == column.names.index("")
    return empty


def _nothing() -> RawRows:
    none = pa.array([], pa.string())
    return RawRows(
        row=np.empty(0, dtype=np.int64),
        event_ms=np.empty(0, dtype=np.int64),
        latency_ms=np.empty(0),
        status=np.empty(0, dtype=np.int8),
        score=np.empty(0),
        score_given=np.empty(0, dtype=np.bool_),
        confidence=np.empty(0),
        confidence_given=np.empty(0, dtype=np.bool_),
        service=none,
        version=none,
        predicted_class=none,
        request_id=none,
    )

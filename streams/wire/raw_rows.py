"""How do the bodies of one writer's schema become columns, whatever some of them hold?

pyruhvro takes the batch; where it fails, halving finds the rows near the trouble. They and rows
that pyruhvro may have misread go to fastavro. A row's outcome is always the one fastavro gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from streams.wire.avro import Reader
from streams.wire.framing import HEADER_BYTES
from streams.wire.headers import Rejected
from streams.wire.layout import Layout, statuses
from streams.wire.lengths import numbers
from streams.wire.reasons import BadRecord

_LEAF_ROWS = 32
_CHUNK_BYTES = 1 << 28
"""Arrow's string offsets have 31 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRows:
    """Decoded predictions before any of their values is judged; all fields have one length."""

    row: NDArray[np.int64]
    event_ms: NDArray[np.int64]
    latency_ms: NDArray[np.float64]
    status: NDArray[np.int8]
    score: NDArray[np.float64]
    """NaN where null or NaN; `score_given` tells which."""
    score_given: NDArray[np.bool_]
    confidence: NDArray[np.float64]
    """As `score`."""
    confidence_given: NDArray[np.bool_]
    service: Any
    version: Any
    predicted_class: Any
    request_id: Any
    """Arrow string arrays without offset."""

    def chosen(self, keep: NDArray[np.bool_]) -> RawRows:
        """The rows where `keep` is true."""
        if keep.all():
            return self
        mask = pa.array(keep)
        held = {f.name: getattr(self, f.name) for f in fields(self)}
        return RawRows(
            **{
                name: value[keep] if isinstance(value, np.ndarray) else value.filter(mask)
                for name, value in held.items()
            }
        )


def joined(parts: Sequence[RawRows]) -> RawRows:
    """All parts as one, ordered by row."""
    if len(parts) == 1:
        return parts[0]
    order = np.argsort(np.concatenate([part.row for part in parts]), kind="stable")
    held: dict[str, Any] = {}
    for field in fields(RawRows):
        columns = [getattr(part, field.name) for part in parts]
        if isinstance(columns[0], np.ndarray):
            held[field.name] = np.concatenate(columns)[order]
        else:
            held[field.name] = pa.concat_arrays(columns).take(pa.array(order))
    return RawRows(**held)


def decoded(
    values: Sequence[bytes], rows: NDArray[np.int64], reader: Reader
) -> Iterator[RawRows | Rejected]:
    """Decode framed values of one schema id; `rows` are their indexes in the whole batch."""
    layout = reader.layout
    if layout is None:
        yield from _one_by_one(values, rows, reader)
        return
    for first, last in _chunks(values):
        yield from _chunk(values[first:last], rows[first:last], reader, layout)


def _chunks(values: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    """Bounds of pieces that Arrow's offsets can hold; most batches are one."""
    first, size = 0, 0
    for index, value in enumerate(values) if sum(map(len, values)) > _CHUNK_BYTES else ():
        if size + len(value) > _CHUNK_BYTES and index > first:
            yield first, index
            first, size = index, 0
        size += len(value)
    yield first, len(values)


def _chunk(
    values: Sequence[bytes], rows: NDArray[np.int64], reader: Reader, layout: Layout
) -> Iterator[RawRows | Rejected]:
    """Suspects and rows that cannot be trusted go to fastavro, all others to pyruhvro at once."""
    slow = np.zeros(len(values), dtype=np.bool_)
    try:
        part, trusted = _batch(values, rows, layout)
    except ValueError:
        slow[list(_suspects(values, layout))] = True
        fast = np.flatnonzero(~slow)
        if fast.size:
            part, trusted = _batch([values[i] for i in fast.tolist()], rows[fast], layout)
            yield part
            slow[fast] = ~trusted
    else:
        yield part
        slow = ~trusted
    if slow.any():
        left = np.flatnonzero(slow)
        yield from _one_by_one([values[i] for i in left.tolist()], rows[left], reader)


def _suspects(values: Sequence[bytes], layout: Layout, first: int = 0) -> Iterator[int]:
    """Indexes (from `first` on) of rows near those that pyruhvro does not read, by halving."""
    if len(values) <= _LEAF_ROWS:
        yield from range(first, first + len(values))
        return
    middle = len(values) // 2
    for start, half in ((0, values[:middle]), (middle, values[middle:])):
        if not layout.reads(half):
            yield from _suspects(half, layout, first + start)


def _batch(
    values: Sequence[bytes], rows: NDArray[np.int64], layout: Layout
) -> tuple[RawRows, NDArray[np.bool_]]:
    """The rows that pyruhvro surely read as they were written, and which those are."""
    arrays, trusted = layout.decode(values)
    at = layout.columns
    symbol = numbers(arrays[at["status"]])
    known = (symbol >= 0) & (symbol < len(layout.status))
    status = layout.status[np.where(known, symbol, 0)]
    trusted = trusted & known & (status >= 0)
    score, score_given = _share(arrays, at["score"], len(rows))
    confidence, confidence_given = _share(arrays, at["confidence"], len(rows))
    klass = at["predicted_class"]
    whole = RawRows(
        row=rows,
        event_ms=numbers(arrays[at["completed_at"]]),
        latency_ms=_doubles(arrays[at["latency_ms"]]),
        status=status,
        score=score,
        score_given=score_given,
        confidence=confidence,
        confidence_given=confidence_given,
        service=arrays[at["service"]],
        version=arrays[at["model_version"]],
        predicted_class=pa.nulls(len(rows), pa.string()) if klass is None else arrays[klass],
        request_id=arrays[at["request_id"]],
    )
    return whole.chosen(trusted), trusted


def _doubles(array: Any) -> NDArray[np.float64]:
    return np.frombuffer(array.buffers()[1], dtype=np.float64, count=len(array))


def _share(
    arrays: Any, at: int | None, count: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    if at is None:
        return np.full(count, np.nan), np.zeros(count, dtype=np.bool_)
    given = arrays[at].is_valid().to_numpy(zero_copy_only=False)
    return np.where(given, _doubles(arrays[at]), np.nan), given


def _one_by_one(
    values: Sequence[bytes], rows: NDArray[np.int64], reader: Reader
) -> Iterator[RawRows | Rejected]:
    """What fastavro reads of each value."""
    kept, records = [], []
    for row, value in zip(rows.tolist(), values, strict=True):
        try:
            records.append(reader.read(value[HEADER_BYTES:]))
        except BadRecord as failure:
            yield Rejected(row=row, reason=failure.reason, detail=failure.detail)
        else:
            kept.append(row)
    if kept:
        yield _from_records(np.array(kept, dtype=np.int64), records, statuses(reader.reader))


def _from_records(
    rows: NDArray[np.int64], records: list[dict[str, Any]], symbols: list[str]
) -> RawRows:
    def column(name: str) -> list[Any]:
        return [record[name] for record in records]

    score, confidence = column("score"), column("confidence")
    return RawRows(
        row=rows,
        event_ms=np.array(column("completed_at"), dtype=np.int64),
        latency_ms=np.array(column("latency_ms"), dtype=np.float64),
        status=np.array([symbols.index(s) for s in column("status")], dtype=np.int8),
        score=np.array([np.nan if s is None else s for s in score], dtype=np.float64),
        score_given=np.array([s is not None for s in score], dtype=np.bool_),
        confidence=np.array([np.nan if c is None else c for c in confidence], dtype=np.float64),
        confidence_given=np.array([c is not None for c in confidence], dtype=np.bool_),
        service=pa.array(column("service"), pa.string()),
        version=pa.array(column("model_version"), pa.string()),
        predicted_class=pa.array(column("predicted_class"), pa.string()),
        request_id=pa.array(column("request_id"), pa.string()),
    )

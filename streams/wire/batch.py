"""Which rows of a batch are records of a topic, and which of those make sense?

What predictions and outcomes have in common; their own rules stand in `columns.py` and
`outcome_columns.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.wire.codec import Codec
from streams.wire.headers import Rejected, read_headers
from streams.wire.raw_rows import RawRows, decoded, joined, nothing
from streams.wire.reasons import MAX_EVENT_MS, BadRecord, Reason

DEFAULT_MAX_EVENT_BYTES = 1_000_000
_TOLD = 64
"""Characters of a bad value that are told."""


def read_rows(
    topic: str, values: Sequence[bytes | None], codec: Codec, max_event_bytes: int
) -> tuple[RawRows, list[Rejected]]:
    """Decode framed values of a topic; what cannot be decoded is rejected.

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
        for part in _of_schema(topic, chosen, rows, codec, schema_id):
            if isinstance(part, Rejected):
                rejected.append(part)
            else:
                parts.append(part)
    return joined(parts) if parts else nothing(topic), rejected


def _of_schema(
    topic: str, values: Sequence[bytes], rows: NDArray[np.int64], codec: Codec, schema_id: int
) -> Iterator[RawRows | Rejected]:
    try:
        reader = codec.reader(topic, schema_id)
    except BadRecord as failure:
        for row in rows.tolist():
            yield Rejected(row=row, reason=failure.reason, detail=failure.detail)
    else:
        yield from decoded(values, rows, reader)


class Check(NamedTuple):
    """One way in which rows make no sense."""

    reason: Reason
    bad: NDArray[np.bool_]
    told: Any
    """A value per row, to be told in the detail."""
    detail: str
    """With one place for the told value: `latency_ms is {}`."""


def sensible(raw: RawRows, checks: Sequence[Check]) -> tuple[NDArray[np.bool_], list[Rejected]]:
    """The rows that pass all checks, and each other row with the first one that it fails."""
    keep = np.ones(len(raw.row), dtype=np.bool_)
    rejected = []
    for check in checks:
        for i in np.flatnonzero(check.bad & keep).tolist():
            detail = check.detail.format(str(check.told[i])[:_TOLD])
            rejected.append(Rejected(row=int(raw.row[i]), reason=check.reason, detail=detail))
        keep &= ~check.bad
    return keep, rejected


def times_ok(event_ms: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which times are milliseconds since 1970 and before 2200."""
    ok: NDArray[np.bool_] = (event_ms > 0) & (event_ms < MAX_EVENT_MS)
    return ok


def by_row(rejected: Sequence[Rejected]) -> tuple[Rejected, ...]:
    """In the order of the batch."""
    return tuple(sorted(rejected, key=lambda refused: refused.row))

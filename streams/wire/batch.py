"""Which rows of a batch are records of a topic, and which of those make sense?

What predictions and outcomes have in common; their own rules stand in `columns.py` and
`outcome_columns.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from streams.wire.codec import Codec
from streams.wire.headers import Rejected, read_headers
from streams.wire.packed_rows import decoded_packs
from streams.wire.packs import Pack
from streams.wire.raw_rows import RawRows, decoded, joined, nothing
from streams.wire.reasons import MAX_EVENT_MS, BadRecord, Reason

DEFAULT_MAX_EVENT_BYTES = 1_000_000
_TOLD = 64
"""Characters of a bad value that are told."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The values of a batch in the order of the log: packs, and lists of what is in none."""

    parts: Sequence[Pack | list[bytes | None]]


Values: TypeAlias = Sequence[bytes | None] | Parts
"""Framed values of a topic."""


def single(values: Values) -> Sequence[bytes | None]:
    """Each value alone."""
    if not isinstance(values, Parts):
        return values
    each = (part if isinstance(part, list) else part.values() for part in values.parts)
    return list(chain.from_iterable(each))


def read_rows(
    topic: str, values: Values, codec: Codec, max_event_bytes: int
) -> tuple[RawRows, list[Rejected]]:
    """Decode framed values of a topic; what cannot be decoded is rejected.

    Raises:
        RegistryError: a schema id could not be looked up; try the whole batch again.
    """
    if isinstance(values, Parts):
        found, rejected = _of_parts(topic, values, codec, max_event_bytes)
    else:
        found, rejected = _one_by_one(topic, values, codec, max_event_bytes)
    return joined(found) if found else nothing(topic), rejected


def _of_parts(
    topic: str, values: Parts, codec: Codec, max_event_bytes: int
) -> tuple[list[RawRows], list[Rejected]]:
    """Packs at once, where that can be trusted; what is left value by value."""
    ends = np.cumsum([len(part) for part in values.parts]).tolist()
    placed = dict(zip([0, *ends], values.parts, strict=False))
    packs = {row: part for row, part in placed.items() if not isinstance(part, list)}
    found = decoded_packs(topic, packs, codec, max_event_bytes)
    read = {row for part in found for row in part.packs}
    left = {row: part for row, part in placed.items() if row not in read}
    if not left:
        return [part.rows for part in found], []
    rows = np.concatenate([np.arange(row, row + len(part)) for row, part in left.items()])
    alone = single(Parts([*left.values()]))
    slow, rejected = _one_by_one(topic, alone, codec, max_event_bytes)
    parts = [part.rows for part in found] + [replace(part, row=rows[part.row]) for part in slow]
    return parts, [replace(refused, row=int(rows[refused.row])) for refused in rejected]


def _one_by_one(
    topic: str, values: Sequence[bytes | None], codec: Codec, max_event_bytes: int
) -> tuple[list[RawRows], list[Rejected]]:
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
    return parts, rejected


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

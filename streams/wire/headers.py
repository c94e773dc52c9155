"""Which schema wrote each value of a batch, and which values have no usable header?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.wire.framing import HEADER_BYTES, MAGIC, unframe
from streams.wire.reasons import BadRecord, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A record that cannot be used; `row` is its index in the batch."""

    row: int
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Headers:
    """Rows with a header by schema id (ascending), and the others with their reason."""

    rows: dict[int, NDArray[np.int64]]
    rejected: list[Rejected]


def read_headers(values: Sequence[bytes], max_event_bytes: int) -> Headers:
    """Sort a batch by schema id without looking into any body. Null values come as b""."""
    sizes = np.fromiter(map(len, values), dtype=np.int64, count=len(values))
    data = np.frombuffer(b"".join(values), dtype=np.uint8)
    starts = np.cumsum(sizes) - sizes
    good = (sizes >= HEADER_BYTES) & (sizes <= max_event_bytes)
    good[good] = data[starts[good]] == MAGIC
    rows = np.flatnonzero(good)
    rejected = list(_refusals(values, np.flatnonzero(~good), max_event_bytes))
    return Headers(rows=_by_id(rows, _ids(data, starts[rows])), rejected=rejected)


def _ids(data: NDArray[np.uint8], starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The four bytes behind the magic one, big endian."""
    ids = np.zeros(len(starts), dtype=np.int64)
    for byte in range(1, HEADER_BYTES):
        ids = (ids << 8) | data[starts + byte]
    return ids


def _by_id(rows: NDArray[np.int64], ids: NDArray[np.int64]) -> dict[int, NDArray[np.int64]]:
    if not rows.size:
        return {}
    if ids.min() == ids.max():
        return {int(ids[0]): rows}
    order = np.argsort(ids, kind="stable")
    distinct, first = np.unique(ids[order], return_index=True)
    return dict(zip(distinct.tolist(), np.split(rows[order], first[1:]), strict=True))


def _refusals(
    values: Sequence[bytes], rows: NDArray[np.int64], max_event_bytes: int
) -> Iterator[Rejected]:
    for row in rows.tolist():
        size = len(values[row])
        if size > max_event_bytes:
            detail = f"{size} bytes, the limit is {max_event_bytes}"
            yield Rejected(row=row, reason=Reason.TOO_BIG, detail=detail)
            continue
        try:
            unframe(values[row])
        except BadRecord as failure:
            yield Rejected(row=row, reason=failure.reason, detail=failure.detail)

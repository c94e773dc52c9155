"""How do the bodies of one writer's schema become columns, whatever some of them hold?

pyruhvro takes the batch; where it fails, halving finds the rows near the trouble. They and rows
that pyruhvro may have misread go to fastavro. A row's outcome is always the one fastavro gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from streams.wire.arrow_types import from_values
from streams.wire.avro import Reader
from streams.wire.framing import HEADER_BYTES
from streams.wire.headers import Rejected
from streams.wire.layout import Layout
from streams.wire.reasons import BadRecord
from streams.wire.resolution import expanded
from streams.wire.schemas import load_schema, subject_of

_LEAF_ROWS = 32
CHUNK_BYTES = 1 << 28
"""Arrow's string offsets have 31 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRows:
    """Decoded records of one topic before any of their values is judged."""

    row: NDArray[np.int64]
    held: dict[str, Any]
    """Arrow arrays without offset by field of the topic's schema, one value a row
    (`arrow_types.py` tells the types)."""

    def chosen(self, keep: NDArray[np.bool_]) -> RawRows:
        """The rows where `keep` is true."""
        if keep.all():
            return self
        mask = pa.array(keep)
        held = {name: array.filter(mask) for name, array in self.held.items()}
        return RawRows(row=self.row[keep], held=held)


def nothing(topic: str) -> RawRows:
    """No rows of this topic."""
    fields = expanded(load_schema(subject_of(topic).schema))["fields"]
    held = {field["name"]: from_values([], field["type"]) for field in fields}
    return RawRows(row=np.empty(0, dtype=np.int64), held=held)


def joined(parts: Sequence[RawRows]) -> RawRows:
    """All parts as one, ordered by row."""
    if len(parts) == 1:
        return parts[0]
    parts = sorted(parts, key=lambda part: int(part.row[0]) if part.row.size else -1)
    rows = np.concatenate([part.row for part in parts])
    held = {name: pa.concat_arrays([part.held[name] for part in parts]) for name in parts[0].held}
    if (rows[1:] > rows[:-1]).all():
        return RawRows(row=rows, held=held)
    order = np.argsort(rows, kind="stable")
    places = pa.array(order)
    return RawRows(row=rows[order], held={name: a.take(places) for name, a in held.items()})


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
    for index, value in enumerate(values) if sum(map(len, values)) > CHUNK_BYTES else ():
        if size + len(value) > CHUNK_BYTES and index > first:
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
    held, trusted = layout.decode(values)
    return RawRows(row=rows, held=held).chosen(trusted), trusted


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
        held = {
            field["name"]: from_values([r[field["name"]] for r in records], field["type"])
            for field in reader.reader["fields"]
        }
        yield RawRows(row=np.array(kept, dtype=np.int64), held=held)

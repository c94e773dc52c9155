"""How does a join index lie in a store? Keys and raw bytes, all int64 little endian.

`rows/<pane>/<piece>`: hashes, then packed fields, of an exposure pane (open ones in log order).
`answers/<number>/<piece>`: hashes, then (pane << 21 | metric << 16 | tag), of what was joined
between two takings of changes. `pending/<piece>`: five columns row by row. `head`: version, highest
closed pane, next number, then the counters in the order of `Fate`.
No value is above 800 000 bytes, and all but `head`, `pending` and open panes are written once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from streams.panes.join.facts import MAX_METRICS, Fate, Hashes, Ints
from streams.panes.join.runs import Answers

HEAD = "head"
ROWS, ANSWERS, PENDING = "rows", "answers", "pending"
PIECE_BYTES = 800_000
PENDING_COLUMNS = 5
_PAIR = 16
VERSION = 1
_TAG_BITS = 16
_METRIC_BITS = MAX_METRICS.bit_length() - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What must be written, together, and the keys that must go."""

    written: dict[str, bytes]
    gone: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Scalars of an index."""

    closed_through: int
    next_number: int
    counts: dict[Fate, int]

    def to_bytes(self) -> bytes:
        """For the store."""
        numbers = [VERSION, self.closed_through, self.next_number]
        return np.array([*numbers, *(self.counts[fate] for fate in Fate)], "<i8").tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Head:
        """Read what `to_bytes` wrote.

        Raises:
            ValueError: it is of another version.
        """
        version, closed, number, *counts = np.frombuffer(data, "<i8").tolist()
        if version != VERSION:
            raise ValueError(
                f"a join index of version {version} was stored, this davy reads {VERSION}:"
                " run the davy that wrote it until its rollouts have ended"
            )
        named = dict(zip(Fate, counts, strict=True))
        return cls(closed_through=closed, next_number=number, counts=named)


def pairs(prefix: str, hashes: Hashes, second: Hashes) -> Iterator[tuple[str, bytes]]:
    """Two columns in pieces."""
    step = PIECE_BYTES // _PAIR
    for piece in range(pieces(hashes.size)):
        part = slice(piece * step, (piece + 1) * step)
        columns = (hashes[part].astype("<u8"), second[part].astype("<u8"))
        yield f"{prefix}/{piece}", b"".join(column.tobytes() for column in columns)


def pieces(rows: int) -> int:
    """How many pieces two columns of so many rows take."""
    return -(-rows * _PAIR // PIECE_BYTES)


def read_pairs(parts: list[bytes]) -> tuple[Hashes, Hashes]:
    """The columns of all pieces, in order."""
    tables = [np.frombuffer(part, "<u8").reshape(2, -1) for part in parts]
    both = tables[0] if len(tables) == 1 else np.concatenate(tables, axis=1)
    return both[0].astype(np.uint64, copy=False), both[1].astype(np.uint64, copy=False)


def packed_answers(panes: Ints, metric: Ints, tag: Answers) -> Hashes:
    """Second column of `answers`."""
    place = (panes << _METRIC_BITS) | metric
    return ((place << _TAG_BITS) | tag.astype(np.int64)).astype(np.uint64)


def unpacked_answers(packed: Hashes) -> tuple[Ints, Ints, Answers]:
    """Panes, metrics and tags."""
    place = (packed >> np.uint64(_TAG_BITS)).astype(np.int64)
    tag = (packed & np.uint64((1 << _TAG_BITS) - 1)).astype(np.uint16)
    return place >> _METRIC_BITS, place & (MAX_METRICS - 1), tag


def pending_pieces(table: Ints) -> Iterator[tuple[str, bytes]]:
    """Outcomes that wait, in pieces."""
    step = PIECE_BYTES // (8 * PENDING_COLUMNS)
    for piece, first in enumerate(range(0, len(table), step)):
        yield f"{PENDING}/{piece}", table[first : first + step].astype("<i8").tobytes()


def read_pending(stored: Mapping[str, bytes]) -> Ints:
    """What `pending_pieces` wrote."""
    found = [data for _, parts in grouped(stored, PENDING) for data in parts]
    return np.frombuffer(b"".join(found), "<i8").reshape(-1, PENDING_COLUMNS).astype(np.int64)


def grouped(stored: Mapping[str, bytes], what: str) -> Iterator[tuple[int, list[bytes]]]:
    """Values by the number in their keys, ascending, each in the order of its pieces."""
    found: dict[int, dict[int, bytes]] = {}
    for key, data in stored.items():
        kind, *numbers = key.split("/")
        if kind == what:
            number, piece = (0, *map(int, numbers))[-2:]
            found.setdefault(number, {})[piece] = data
    for number in sorted(found):
        yield number, [found[number][piece] for piece in sorted(found[number])]

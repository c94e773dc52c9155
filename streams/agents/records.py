"""What does a batch hold? Records of one partition in order, many of them in packs.

Whoever asks for a record gets one; what is asked of all of them is answered without making any.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, chain, groupby, islice
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from streams.agents.packs import Pack
from streams.wire.batch import Parts, Values


class Records(Sequence[Any]):
    """Records with an offset, timestamp, key, value and headers."""

    def __init__(self, found: Sequence[Any] = ()) -> None:
        """Of records and packs in the order of the log."""
        self._parts: list[Pack | list[Any]] = [
            part
            for packed, each in groupby(found, lambda one: isinstance(one, Pack))
            for part in (each if packed else [list(each)])
        ]
        self._ends = list(accumulate(map(len, self._parts)))
        self._opened: dict[int, list[Any]] = {}
        """Packs of which single records were asked for."""

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __iter__(self) -> Iterator[Any]:
        return chain.from_iterable(self._parts)

    @overload
    def __getitem__(self, index: int) -> Any: ...

    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return list(self)[index]
        index = range(len(self))[index]
        place = bisect_right(self._ends, index)
        return self._part(place)[index - self._ends[place]]  # counted from the part's end

    def _part(self, place: int) -> list[Any]:
        part = self._parts[place]
        if isinstance(part, list):
            return part
        if place not in self._opened:
            self._opened[place] = list(part)
        return self._opened[place]

    @property
    def first_offset(self) -> int:
        """Of the first record; there must be one."""
        first = self._parts[0]
        return first.first_offset if isinstance(first, Pack) else int(first[0].offset)

    @property
    def last_offset(self) -> int:
        """Of the last record; there must be one."""
        last = self._parts[-1]
        return last.last_offset if isinstance(last, Pack) else int(last[-1].offset)

    def since(self, offset: int) -> Records:
        """Those from this offset on."""
        if self and self.first_offset >= offset:
            return self
        return Records([record for record in self if record.offset >= offset])

    def before(self, offset: int) -> Records:
        """Those below this offset."""
        if self and self.last_offset < offset:
            return self
        return Records([record for record in self if record.offset < offset])

    @property
    def values(self) -> Values:
        """What they hold."""
        if any(isinstance(part, Pack) for part in self._parts):
            return Parts([p if isinstance(p, Pack) else _values(p) for p in self._parts])
        return _values(list(self))

    @property
    def told_by_broker(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Append time and offset of each record."""
        told = [_told(part) for part in self._parts]
        times, offsets = zip(*told, strict=True) if told else ((), ())
        none = np.empty(0, np.int64)
        return np.concatenate([none, *times]), np.concatenate([none, *offsets])

    def some(self, most: int) -> list[Any]:
        """At most so many records from all over the batch; of packs the first, which are quick."""
        chosen = self._parts[:: -(-len(self._parts) // most) or 1]
        return [each for part in chosen for each in _spread(part, most // len(chosen))]


def _spread(part: Pack | list[Any], most: int) -> Iterator[Any]:
    if isinstance(part, Pack):
        return islice(part, most)
    return islice(part, 0, None, -(-len(part) // most))


def _values(records: Sequence[Any]) -> list[bytes | None]:
    return [record.value for record in records]


def _told(part: Pack | list[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    count = len(part)
    if isinstance(part, Pack):
        times = np.full(count, part.append_ms, np.int64)
        return times, np.arange(part.first_offset, part.first_offset + count)
    times = np.fromiter((record.timestamp for record in part), np.int64, count)
    return times, np.fromiter((record.offset for record in part), np.int64, count)

"""What does a batch hold? Records of one partition in order, many of them in packs.

Whoever asks for a record gets one; what is asked of all of them is answered without making any.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import chain, groupby, islice
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from streams.agents.packs import Pack
from streams.wire.batch import Parts, Values


class Records(Sequence[Any]):
    """Records with an offset, timestamp, key, value and headers."""

    def __init__(self, found: Sequence[Any]) -> None:
        """Of records and packs in the order of the log."""
        self._parts: list[Pack | list[Any]] = [
            part
            for packed, each in groupby(found, lambda one: isinstance(one, Pack))
            for part in (each if packed else [list(each)])
        ]
        self._count = sum(map(len, self._parts))

    @classmethod
    def of(cls, records: Sequence[Any]) -> Records:
        """The same, whatever holds them."""
        return records if isinstance(records, Records) else cls(records)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Any]:
        return chain.from_iterable(self._parts)

    @overload
    def __getitem__(self, index: int) -> Any: ...

    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...

    def __getitem__(self, index: int | slice) -> Any:
        return self._all[index]

    @cached_property
    def _all(self) -> list[Any]:
        return list(self)

    @property
    def first_offset(self) -> int:
        """Of the first record; there must be one."""
        first = self._parts[0]
        return first.first_offset if isinstance(first, Pack) else int(first[0].offset)

    @property
    def last_offset(self) -> int:
        """Of the last record; there must be one."""
        last = self._parts[-1]
        return last.offset if isinstance(last, Pack) else int(last[-1].offset)

    @property
    def values(self) -> Values:
        """What they hold."""
        if any(isinstance(part, Pack) for part in self._parts):
            return Parts([p if isinstance(p, Pack) else _values(p) for p in self._parts])
        return _values(self._all)

    @property
    def told_by_broker(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Append time and offset of each record."""
        told = [_told(part) for part in self._parts]
        times, offsets = zip(*told, strict=True) if told else ((), ())
        none = np.empty(0, np.int64)
        return np.concatenate([none, *times]), np.concatenate([none, *offsets])

    def some(self, most: int) -> list[Any]:
        """A few records from all over the batch; from where packs begin, for they are quick."""
        step = max(1, len(self._parts) // most)
        chosen = self._parts[::step][:most]
        each = -(-most // max(1, len(chosen)))
        return [record for part in chosen for record in _spread(part, each)]


def _spread(part: Pack | list[Any], most: int) -> Iterator[Any]:
    if isinstance(part, Pack):
        return islice(part, most)
    return islice(part, 0, None, max(1, len(part) // most))


def _values(records: Sequence[Any]) -> list[bytes | None]:
    return [record.value for record in records]


def _told(part: Pack | list[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    count = len(part)
    if isinstance(part, Pack):
        times = np.full(count, part.append_ms, np.int64)
        return times, np.arange(part.first_offset, part.first_offset + count)
    times = np.fromiter((record.timestamp for record in part), np.int64, count)
    return times, np.fromiter((record.offset for record in part), np.int64, count)

"""Was this request counted already? Repeats of a request id and model version, within a horizon.

An event repeats another if an earlier accepted one of the same service, version and request id
had an event time that its own watermark (running maximum minus lateness) has not passed. What is
older cannot come again: it would be late. So the answer is a pure function of the partition's log.

Ids are told apart by 64-bit numbers: among a million requests within the horizon two share one
with probability 3e-8, and then one of them is not counted.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from streams.panes.seen import Keys, Seen, Times
from streams.wire.columns import Coded, PredictionColumns
from streams.wire.request_hash import request_hashes

Bools = NDArray[np.bool_]

NONE = -1
CHUNK = 4096
"""Offsets; where the horizon begins is known to so many."""
_ODD = np.uint64(0x9FB21C651E98DF25)


class Duplicates:
    """The accepted events of one source partition back to its watermark."""

    def __init__(self) -> None:
        self._seen = Seen()
        self._chunks: deque[list[int]] = deque()
        """[chunk of offsets, latest event time in it], ascending, from the horizon on."""

    def repeats(
        self, columns: PredictionColumns, kept: Bools, offsets: Times, watermark: Times
    ) -> Bools:
        """Which of the kept events repeat an earlier one; all arrays have one entry an event.

        Remembers the kept events, so ask once for each batch, in log order.
        """
        repeated = np.zeros(kept.size, np.bool_)
        rows = np.flatnonzero(kept)
        if rows.size:
            keys, times = keys_of(columns)[rows], columns.event_ms[rows]
            repeated[rows] = self._met(keys, times, watermark[rows])
            self._note(offsets[rows], times)
        if watermark.size:
            self.forget_before(int(watermark[-1]))
        return repeated

    def remember(self, columns: PredictionColumns, kept: Bools, offsets: Times) -> None:
        """Take events back in that were accepted before a restart."""
        never = np.full(kept.size, np.iinfo(np.int64).max)
        rows = np.flatnonzero(kept)
        if rows.size:
            times = columns.event_ms[rows]
            self._met(keys_of(columns)[rows], times, never[rows])
            self._note(offsets[rows], times)

    def horizon(self, next_offset: int) -> int:
        """First offset that a restart must read again; `next_offset` if none."""
        return min(self._chunks[0][0] * CHUNK, next_offset) if self._chunks else next_offset

    def forget_before(self, watermark: int) -> None:
        """What the watermark has passed cannot be repeated any more."""
        self._seen.forget_before(watermark)
        while self._chunks and self._chunks[0][1] < watermark:
            self._chunks.popleft()

    def _met(self, keys: Keys, times: Times, watermark: Times) -> Bools:
        """Which rows repeat an earlier row or what was seen before; all are seen from now on."""
        met, shared = self._seen.meet(keys, times)
        if shared.size:
            met[shared] = self._in_turn(keys[shared], times[shared], met[shared])
        repeated: Bools = (met != NONE) & (met >= watermark)
        return repeated

    def _in_turn(self, keys: Keys, times: Times, before: Times) -> Times:
        """When each was met last, the rows before it included; `before` without these."""
        order = np.argsort(keys, kind="stable")
        ordered = keys[order]
        first = np.append(True, ordered[1:] != ordered[:-1])
        known = before[order][first]
        group = np.cumsum(first) - 1
        latest = _latest(times[order], group, known)
        ends = np.append(np.flatnonzero(first)[1:], keys.size) - 1
        self._seen.put(ordered[first], latest[ends])
        met = np.empty(keys.size, np.int64)
        met[order] = np.where(first, known[group], np.append(NONE, latest[:-1]))
        return met

    def _note(self, offsets: Times, times: Times) -> None:
        chunks = offsets // CHUNK
        first = np.flatnonzero(np.append(True, chunks[1:] != chunks[:-1]))
        latest = np.maximum.reduceat(times, first)
        for chunk, at in zip(chunks[first].tolist(), latest.tolist(), strict=True):
            if self._chunks and self._chunks[-1][0] == chunk:
                self._chunks[-1][1] = max(self._chunks[-1][1], at)
            else:
                self._chunks.append([chunk, at])


def _latest(times: Times, group: NDArray[np.int64], before: Times) -> Times:
    """Running maximum of times within each group, which starts from its `before`."""
    low = min(int(times.min()), int(before.min()))
    span = max(int(times.max()), int(before.max())) - low + 1
    lifted = group * span + (np.maximum(times, before[group]) - low)
    running: Times = np.maximum.accumulate(lifted) - group * span + low
    return running


def keys_of(columns: PredictionColumns) -> Keys:
    """A number (never 0) for service, version and request id of each event."""
    service, version = _hashes(columns.service), _hashes(columns.version)
    mixed = columns.request_hash ^ (service * _ODD) ^ version
    keys: Keys = np.maximum(mixed, np.uint64(1))
    return keys


def _hashes(column: Coded) -> Keys:
    hashes: Keys = request_hashes(column.strings)[column.codes]
    return hashes

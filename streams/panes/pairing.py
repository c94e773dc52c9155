"""Which two answers belong to one request? Baseline's and a candidate's with one request id.

An answer's pair is the one before it in the log with the same id of the other arm, unless that
has its pair already or the two completed more than `pair_within` apart. Both were accepted, so the
rule looks at event times alone: no watermark, no batch, and no restart leaves a trace.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from streams.panes.seen import NEVER, Seen

Rows = NDArray[np.void]
"""Answers in log order, of dtype `ANSWER`."""
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Keys = NDArray[np.uint64]

ANSWER = np.dtype(
    [
        ("key", "<u8"),  # of the request id, never 0
        ("event_ms", "<i8"),
        ("latency_ms", "<f8"),
        ("class_key", "<u8"),  # of the predicted class, 0 where there is none
        ("status", "i1"),
        ("arm", "u1"),  # place among the spec's arms, 0 is the baseline
        ("taken", "<u2"),  # bit i - 1: paired with an earlier answer in candidate i's stream
    ]
)
SMALLEST = 4096
"""Rows that are held without a thought."""


class Pairs(NamedTuple):
    """Complete pairs, row by row."""

    baseline: Rows
    candidate: Rows


class Held:
    """Rows by sequence number: appended at the end, dropped at the front, never moved between."""

    def __init__(self) -> None:
        self.first = 0
        """Sequence number of the first row held."""
        self._rows: Rows = np.zeros(SMALLEST, ANSWER)
        self._size = 0
        self._kept = 0

    @property
    def next(self) -> int:
        """Sequence number of the next row."""
        return self.first + self._size

    def append(self, rows: Rows) -> None:
        """Add rows at the end."""
        need = self._size + rows.size
        if need > self._rows.size:
            larger = np.zeros(max(need, 2 * self._rows.size), ANSWER)
            larger[: self._size] = self._rows[: self._size]
            self._rows = larger
        self._rows[self._size : need] = rows
        self._size = need

    def rows(self, numbers: Ints) -> Rows:
        """The rows with these numbers, which must be held."""
        return self._rows[numbers - self.first]

    def take(self, numbers: Ints, bit: int) -> None:
        """Mark rows as paired with an earlier one."""
        self._rows["taken"][numbers - self.first] |= np.uint16(1 << bit)

    def forget_before(self, time_ms: int) -> None:
        """Drop leading rows that completed before; now and then, so that it costs little."""
        if self._size < 2 * self._kept + SMALLEST:
            return
        alive = self._rows["event_ms"][: self._size] >= time_ms
        gone = int(alive.argmax()) if alive.any() else self._size
        left = self._size - gone
        self._rows[:left] = self._rows[gone : self._size].copy()
        self.first, self._size, self._kept = self.first + gone, left, left


class PairStream:
    """Answers of the baseline and of one candidate that may still find each other."""

    def __init__(self, arm: int, within_ms: int) -> None:
        """`arm` is the candidate's place among the spec's arms, from 1."""
        self.arm = arm
        self._within_ms = within_ms
        self._held = Held()
        self._latest = Seen()
        """Key -> number of the last answer with it."""

    def match(self, rows: Rows) -> tuple[Pairs, Bools]:
        """Take the next answers of both arms; pairs that became complete.

        Also which of the rows completed one.
        """
        order = np.argsort(rows["key"], kind="stable")
        ordered = rows[order]
        first = np.append(True, ordered["key"][1:] != ordered["key"][:-1])[: rows.size]
        numbers = self._add(rows)[order]
        before = self._before(ordered, numbers, first)
        earlier, known = self._rows_of(before)
        apart_ms = np.abs(ordered["event_ms"] - earlier["event_ms"])
        linked = known & (earlier["arm"] != ordered["arm"]) & (apart_ms <= self._within_ms)
        taken = first & known & ((earlier["taken"] >> np.uint16(self.arm - 1)) & 1).astype(bool)
        made = _every_other(linked, first, taken)
        self._held.take(numbers[made], self.arm - 1)
        self._remember(ordered, numbers, first)
        done = np.zeros(rows.size, np.bool_)
        done[order[made]] = True
        return _sides(earlier[made], ordered[made]), done

    def restore(self, rows: Rows) -> None:
        """Take back answers that were matched, as far as could be, before a restart."""
        order = np.argsort(rows["key"], kind="stable")
        ordered = rows[order]
        first = np.append(True, ordered["key"][1:] != ordered["key"][:-1])[: rows.size]
        self._remember(ordered, self._add(rows)[order], first)

    def forget_before(self, time_ms: int) -> None:
        """Answers that completed before this cannot find a pair any more."""
        self._held.forget_before(time_ms)
        self._latest.forget_before(self._held.first)

    def _add(self, rows: Rows) -> Ints:
        start = self._held.next
        self._held.append(rows)
        return np.arange(start, start + rows.size)

    def _before(self, ordered: Rows, numbers: Ints, first: Bools) -> Ints:
        """Number of the answer before each with the same key, `NEVER` if there is none."""
        before = np.append(NEVER, numbers[:-1])[: numbers.size]
        before[first] = self._latest.find(ordered["key"][first])
        return before

    def _rows_of(self, numbers: Ints) -> tuple[Rows, Bools]:
        known = numbers >= self._held.first
        return self._held.rows(np.where(known, numbers, self._held.first)), known

    def _remember(self, ordered: Rows, numbers: Ints, first: Bools) -> None:
        last = np.append(first[1:], True)[: numbers.size]
        self._latest.put(ordered["key"][last], numbers[last])


def _every_other(linked: Bools, first: Bools, taken: Bools) -> Bools:
    """Along each chain of linked answers every second link makes a pair.

    A chain begins at a link whose predecessor is not linked, or at the first answer of a key; it
    is one ahead where what came before that one is `taken`.

    >>> yes, no = True, False
    >>> chain = np.array([no, yes, yes, yes]), np.array([yes, no, no, no]), np.zeros(4, bool)
    >>> _every_other(*chain).tolist()
    [False, True, False, True]
    """
    place = np.arange(linked.size)
    begins = linked & (first | ~np.append(False, linked[:-1])[: linked.size])
    begun = np.maximum.accumulate(np.where(begins, place, 0)) if linked.size else place
    made: Bools = linked & ((place - begun + taken[begun]) % 2 == 0)
    return made


def _sides(one: Rows, other: Rows) -> Pairs:
    mirrored = one["arm"] != 0
    return Pairs(np.where(mirrored, other, one), np.where(mirrored, one, other))


@dataclass(frozen=True, slots=True, kw_only=True)
class PairBlock:
    """Answers of one rollout that a restart must know, in log order."""

    rollout: str
    number: int
    rows: Rows

    def to_state(self) -> dict[str, Any]:
        """The Avro record `davy.PairBlock`."""
        return {"rollout": self.rollout, "number": self.number, "rows": self.rows.tobytes()}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Read what `to_state` wrote."""
        rows = np.frombuffer(state["rows"], ANSWER).copy()
        return cls(rollout=state["rollout"], number=state["number"], rows=rows)

"""How are predicted classes counted, however many there are? By number, up to a rollout's limit.

A class gets its number where it is met first in the log; from `max_classes` on all others are
`other`. Names beyond the limit cost a look-up in Arrow, no Python object.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from streams.panes.facts import LiveRollout
from streams.panes.outcomes.names import first_rows
from streams.sketches.categories import OTHER
from streams.sketches.cell import Cell
from streams.wire.columns import Coded

Ints = NDArray[np.int64]


class Counted(Protocol):
    """A group of events and where its classes are counted."""

    @property
    def rollout(self) -> LiveRollout:
        """Whose classes they are."""

    @property
    def cell(self) -> Cell:
        """Where they are counted."""


def add_classes(
    groups: Sequence[Counted], group_of: Ints, codes: NDArray[np.int32], classes: Coded
) -> None:
    """Count each event's class in its group; code -1 is none."""
    given = codes >= 0
    if not given.any():
        return
    group_of, codes = group_of[given], codes[given]
    numbers = _numbers(groups, group_of, codes, classes)
    width = int(numbers.max()) + 1
    counts = np.bincount(group_of * width + numbers)
    counted = np.flatnonzero(counts)
    names = {id(group.rollout): [*group.rollout.classes] for group in groups}
    for key, count in zip(counted.tolist(), counts[counted].tolist(), strict=True):
        group, number = groups[key // width], key % width
        known = names[id(group.rollout)]
        group.cell.classes.add(known[number] if number < len(known) else OTHER, count)


def _numbers(
    groups: Sequence[Counted], group_of: Ints, codes: NDArray[np.int32], classes: Coded
) -> Ints:
    """The number of each event's class; new ones get theirs in the order of the log.

    From `max_classes` on all classes of a rollout share one.
    """
    rollouts = {id(group.rollout): group.rollout for group in groups}
    if len(rollouts) == 1:
        return _numbers_of(groups[0].rollout, codes, classes)
    numbers = np.empty(codes.size, np.int64)
    places = {key: place for place, key in enumerate(rollouts)}
    whose = np.array([places[id(group.rollout)] for group in groups])[group_of]
    order = np.argsort(whose, kind="stable")
    ends = np.cumsum(np.bincount(whose, minlength=len(rollouts)))
    for rollout, rows in zip(rollouts.values(), np.split(order, ends[:-1]), strict=True):
        distinct, codes_of = np.unique(codes[rows], return_inverse=True)
        own = Coded(codes=codes_of.astype(np.int32), strings=classes.strings.take(distinct))
        numbers[rows] = _numbers_of(rollout, own.codes, own)
    return numbers


def _numbers_of(rollout: LiveRollout, codes: NDArray[np.int32], classes: Coded) -> Ints:
    known, most = rollout.classes, rollout.spec.max_classes
    numbers = classes.places([*known], most)[codes]
    for row in first_rows(codes, numbers == most, most - len(known)):
        numbers[codes == codes[row]] = len(known)
        known[classes.strings[int(codes[row])].as_py()] = len(known)
    return numbers

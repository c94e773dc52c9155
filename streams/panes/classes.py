"""How are predicted classes counted, however many there are? By number, up to a rollout's limit.

A class gets its number where it is met first in the log; from `max_classes` on all others are
`other`. Names beyond the limit cost a look-up, in Arrow where a batch has many of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from streams.panes.facts import LiveRollout
from streams.panes.outcomes.names import NONE, first_rows
from streams.sketches.categories import OTHER
from streams.sketches.cell import Cell
from streams.wire.columns import Coded

Ints = NDArray[np.int64]

FEW = 256
"""Distinct classes of a batch, up to which each is looked up as a Python string."""


class Counted(Protocol):
    """A group of events and where its classes are counted."""

    @property
    def rollout(self) -> LiveRollout:
        """Whose classes they are."""

    @property
    def cell(self) -> Cell:
        """Where they are counted."""


def class_numbers(
    groups: Sequence[Counted], group_of: Ints, codes: NDArray[np.int32], classes: Coded
) -> Ints:
    """The number of each event's class among its rollout's, -1 where it has none.

    New ones get theirs in the order of the log; from `max_classes` on all share one.
    """
    numbers = np.full(codes.size, NONE, np.int64)
    given = np.flatnonzero(codes >= 0)
    if given.size:
        rollouts = {id(group.rollout): group.rollout for group in groups}
        place = {key: number for number, key in enumerate(rollouts)}
        whose = np.array([place[id(group.rollout)] for group in groups])[group_of[given]]
        numbers[given] = _numbers([*rollouts.values()], whose, codes[given], classes)
    return numbers


def _numbers(
    rollouts: Sequence[LiveRollout], whose: Ints, codes: NDArray[np.int32], classes: Coded
) -> Ints:
    """Of events with a class; `whose` is each one's place among the rollouts."""
    found: Ints = _table(rollouts, classes)[whose, codes]
    most = np.array([rollout.spec.max_classes for rollout in rollouts])
    room = most - [len(rollout.classes) for rollout in rollouts]
    new = (found == most[whose]) & (room[whose] > 0)
    for place in np.unique(whose[new]).tolist():
        mine = np.flatnonzero(whose == place)
        found[mine] = _with_new(rollouts[place], found[mine], codes[mine], classes)
    return found


def _table(rollouts: Sequence[LiveRollout], classes: Coded) -> Ints:
    """By rollout, the number of each distinct class of the batch; `max_classes` where it has none.

    int64[rollouts, distinct classes].
    """
    each = ((rollout.classes, rollout.spec.max_classes) for rollout in rollouts)
    if len(classes.strings) <= FEW:
        names = classes.names
        return np.array([[known.get(name, most) for name in names] for known, most in each])
    return np.stack([classes.places([*known], most)[:-1] for known, most in each])


def _with_new(
    rollout: LiveRollout, numbers: Ints, codes: NDArray[np.int32], classes: Coded
) -> Ints:
    """The same once classes that were not known have got numbers, as far as there are any."""
    known, most = rollout.classes, rollout.spec.max_classes
    for row in first_rows(codes, numbers == most, most - len(known)):
        numbers[codes == codes[row]] = len(known)
        known[classes.strings[int(codes[row])].as_py()] = len(known)
    return numbers


def add_classes(groups: Sequence[Counted], group_of: Ints, numbers: Ints) -> None:
    """Count each event's class in its group, by the number that `class_numbers` gave it."""
    given = numbers != NONE
    if not given.any():
        return
    width = int(numbers.max()) + 1
    counts = np.bincount(group_of[given] * width + numbers[given])
    counted = np.flatnonzero(counts)
    names = {id(group.rollout): [*group.rollout.classes] for group in groups}
    tallies = [(group.cell.classes.counts, names[id(group.rollout)]) for group in groups]
    columns = (*np.divmod(counted, width), counts[counted])
    for place, number, count in zip(*(column.tolist() for column in columns), strict=True):
        tally, known = tallies[place]
        name = known[number] if number < len(known) else OTHER
        tally[name] = tally.get(name, 0) + count

"""Which number does a name have? In the order in which names were met first, up to a limit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from streams.wire.columns import Coded

Ints = NDArray[np.int64]

NONE = -1


@dataclass(slots=True)
class Names:
    """Names of one kind; beyond the limit all share one number, the limit itself.

    >>> names = Names(limit=2)
    >>> names.numbers(Coded.of(np.array([1, 0, -1, 2]), ("a", "b", "c"))).tolist()
    [0, 1, -1, 2]
    >>> list(names.of)
    ['b', 'a']
    """

    limit: int
    of: dict[str, int] = field(default_factory=dict)

    def numbers(self, column: Coded) -> Ints:
        """Number of each row's name, -1 where it has none; new names get the next numbers."""
        table = column.places(list(self.of), self.limit)
        table[-1] = NONE
        found: Ints = table[column.codes]
        for row in first_rows(column.codes, found == self.limit, self.limit - len(self.of)):
            self.of[column.strings[int(column.codes[row])].as_py()] = len(self.of)
            found[column.codes == column.codes[row]] = len(self.of) - 1
        return found

    def restore(self, names: Iterable[str]) -> None:
        """Take back names in the order of their numbers."""
        self.of = {name: number for number, name in enumerate(names)}


def first_rows(codes: NDArray[np.int32], new: NDArray[np.bool_], most: int) -> list[int]:
    """The first row of each distinct code among the new rows, in their order, `most` at most.

    >>> codes = np.array([4, 2, 4, 7], np.int32)
    >>> first_rows(codes, codes != 2, 2), first_rows(codes, codes != 2, 1)
    ([0, 3], [0])
    """
    rows = np.flatnonzero(new) if most > 0 else np.empty(0, np.int64)
    if not rows.size:
        return []
    _, first = np.unique(codes[rows], return_index=True)
    found: list[int] = rows[np.sort(first)[:most]].tolist()
    return found

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
    >>> names.numbers(Coded(codes=np.array([1, 0, -1, 2]), names=("a", "b", "c"))).tolist()
    [0, 1, -1, 2]
    >>> list(names.of)
    ['b', 'a']
    """

    limit: int
    of: dict[str, int] = field(default_factory=dict)

    def numbers(self, column: Coded) -> Ints:
        """Number of each row's name, -1 where it has none; new names get the next numbers."""
        table = np.full(len(column.names) + 1, NONE)
        codes, first = np.unique(column.codes, return_index=True)
        for code in codes[np.argsort(first)].tolist():
            if code >= 0:
                table[code] = self._number(column.names[code])
        found: Ints = table[column.codes]  # -1 is the last place, which stays empty
        return found

    def _number(self, name: str) -> int:
        if name not in self.of and len(self.of) >= self.limit:
            return self.limit
        return self.of.setdefault(name, len(self.of))

    def restore(self, names: Iterable[str]) -> None:
        """Take back names in the order of their numbers."""
        self.of = {name: number for number, name in enumerate(names)}

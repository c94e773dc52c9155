"""Which slices of the declared dimensions does each event belong to?

An event's combination of values is one small integer, mixed radix with the first dimension
slowest; a value that is not declared, and none, is its dimension's `other`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from streams.spec.dimensions import Dimension, combinations
from streams.spec.model import ALL_SEGMENT, RolloutSpec
from streams.wire.columns import Coded

Numbers = NDArray[np.int32]


class Mergeable(Protocol):
    """Sketches that add up."""

    def copy(self) -> Self:
        """An independent copy."""
        ...

    def merge(self, other: Any) -> None:
        """Add another's events."""
        ...


Sums = TypeVar("Sums", bound=Mergeable)
Cells = dict[tuple[str, str], Sums]


class Slicing:
    """The declared dimensions of one spec; without any there is one combination, without slices.

    `joint` names each combination besides, where there are several dimensions: sums of those are
    what is left when slices of different dimensions go.

    >>> country = Dimension(name="country", values=("DE", "SG"))
    >>> tier = Dimension(name="tier", values=("pro",))
    >>> slicing = Slicing((country, tier), joint=True)
    >>> slicing.combinations, slicing.names(3)
    (6, ('country=SG', 'tier=other', 'country=SG,tier=other'))
    """

    def __init__(self, dimensions: Sequence[Dimension], *, joint: bool = False) -> None:
        self.dimensions = tuple(dimensions)
        self.combinations = combinations(dimensions)
        self._joint = joint and len(self.dimensions) > 1

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Slicing) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[tuple[Dimension, ...], bool]:
        return self.dimensions, self._joint

    def numbers(
        self, segment: Callable[[str], Coded], chosen: NDArray[np.int64] | slice = slice(None)
    ) -> Numbers:
        """Combination of each chosen event, int32; `segment` gives a dimension's column.

        Costs a look-up in Arrow for each distinct value of a declared dimension.
        """
        total: Numbers = np.zeros((), np.int32)
        for dimension in self.dimensions:
            column = segment(dimension.name)
            other = len(dimension.values)
            place = column.places(dimension.values, other).astype(np.int32)
            total = total * np.int32(other + 1) + place[column.codes[chosen]]
        return total

    def cuts(self, numbers: Numbers) -> Iterator[tuple[Numbers, Sequence[str]]]:
        """Each way to part the events: a name for each place, and the place of each event.

        First the dimensions, then, where asked for, the combinations.
        """
        below = self.combinations
        for dimension in self.dimensions:
            width = len(dimension.slices)
            below //= width
            yield numbers // below % width, dimension.slices
        if self._joint:
            yield numbers, [",".join(slices) for slices in self._products()]

    def slices(self, number: int) -> tuple[str, ...]:
        """The slices of a combination, one of each dimension."""
        found: list[str] = []
        for dimension in reversed(self.dimensions):
            number, place = divmod(number, len(dimension.slices))
            found.append(dimension.slices[place])
        return tuple(reversed(found))

    def names(self, number: int) -> tuple[str, ...]:
        """All segments of a combination but `all`: its slices, and itself where it is counted."""
        slices = self.slices(number)
        return (*slices, ",".join(slices)) if self._joint else slices

    def _products(self) -> Iterator[tuple[str, ...]]:
        return product(*(dimension.slices for dimension in self.dimensions))

    def without(self, cells: Cells[Sums], gone: frozenset[str]) -> Cells[Sums]:
        """The cells of what is left when the slices `gone` have left; exact, as cells add up.

        `all` and every slice that remains are summed anew from the combinations that touch none
        of those gone.
        """
        left = {",".join(mix): mix for mix in self._products() if gone.isdisjoint(mix)}
        found: Cells[Sums] = {}
        for (segment, arm), cell in cells.items():
            for name in (ALL_SEGMENT, *left[segment]) if segment in left else ():
                held = found.get((name, arm))
                if held is None:
                    found[name, arm] = cell.copy()
                else:
                    held.merge(cell)
        return found


def slicing_of(spec: RolloutSpec) -> Slicing:
    """How a spec slices its requests."""
    return Slicing(spec.segments, joint=spec.joint)

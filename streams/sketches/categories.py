"""How are predicted classes remembered? Counts by name; what lies beyond a limit is `other`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from streams.sketches.histogram import Ints

OTHER = "other"


@dataclass(slots=True)
class CategoryCounts:
    """Events by category; only categories with a count are held.

    >>> c = CategoryCounts({"cat": 3})
    >>> c.add("dog", 2)
    >>> c.vector(["cat", "other"]).tolist()
    [3, 2]
    """

    counts: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Events of all categories."""
        return sum(self.counts.values())

    def add(self, name: str, count: int = 1) -> None:
        """Count `count` events of a category."""
        if count:
            self.counts[name] = self.counts.get(name, 0) + count

    def merge(self, other: Self) -> None:
        """Add another's counts."""
        for name, count in other.counts.items():
            self.add(name, count)

    def copy(self) -> Self:
        """An independent copy."""
        return type(self)(dict(self.counts))

    def bounded(self, names: Iterable[str]) -> Self:
        """The same events with every category that `names` does not list folded into `other`."""
        kept = set(names)
        result = type(self)()
        for name, count in self.counts.items():
            result.add(name if name in kept else OTHER, count)
        return result

    def vector(self, names: Sequence[str]) -> Ints:
        """Counts in the order of `names`, int64[len(names)].

        Categories that are not listed go to `other` where it is listed, else they are left out.
        """
        bounded = self.bounded(names).counts
        return np.array([bounded.get(name, 0) for name in names], np.int64)

    def to_state(self) -> list[dict[str, Any]]:
        """A list of Avro `davy.ClassCount`, ascending by name."""
        return [{"name": name, "count": self.counts[name]} for name in sorted(self.counts)]

    @classmethod
    def from_state(cls, state: Iterable[Mapping[str, Any]]) -> Self:
        """Read what `to_state` wrote."""
        return cls({entry["name"]: entry["count"] for entry in state})

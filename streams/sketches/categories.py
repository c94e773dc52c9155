"""How are predicted classes remembered? Counts by name; what is beyond a limit comes as `other`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

OTHER = "other"


@dataclass(slots=True)
class CategoryCounts:
    """Events by category; only categories with a count are held.

    >>> c = CategoryCounts({"cat": 3})
    >>> c.add("dog", 2)
    >>> c.to_state()
    [{'name': 'cat', 'count': 3}, {'name': 'dog', 'count': 2}]
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

    def to_state(self) -> list[dict[str, Any]]:
        """A list of Avro `davy.ClassCount`, ascending by name."""
        return [{"name": name, "count": self.counts[name]} for name in sorted(self.counts)]

    @classmethod
    def from_state(cls, state: Iterable[Mapping[str, Any]]) -> Self:
        """Read what `to_state` wrote."""
        return cls({entry["name"]: entry["count"] for entry in state})

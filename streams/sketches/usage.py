"""How much of its limit did a pod use, and how much did the pods of an arm? Integers only.

A share is whole parts (1 / UNIT). While a pane is open, use is kept by pod, weighted by time; when
it closes the pods' means are added up: a pod with many samples counts as one with few.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

RESOURCES = ("cpu", "memory", "gpu")
UNIT = 1 << 30
"""Parts of a share of 1."""


def _none() -> list[int]:
    return [0] * len(RESOURCES)


@dataclass(slots=True)
class PodUsage:
    """What one pod used in an open pane.

    >>> pod = PodUsage()
    >>> pod.add([UNIT // 2, None, None], 10_000, 1_000), pod.add([UNIT, None, None], 30_000, 2_000)
    (True, True)
    >>> pod.add([UNIT, None, None], 30_000, 2_000), pod.means()[0] / UNIT
    (False, 0.875)
    """

    last_ms: int = -1
    """When its newest sample ended."""
    weighted: list[int] = field(default_factory=_none)
    """Parts times milliseconds, by resource."""
    span_ms: list[int] = field(default_factory=_none)

    def add(self, parts: Sequence[int | None], interval_ms: int, sampled_ms: int) -> bool:
        """Add a sample; False where it, or a later one, was added before: samples are in order."""
        if sampled_ms <= self.last_ms:
            return False
        self.last_ms = sampled_ms
        for place, part in enumerate(parts):
            if part is not None:
                self.weighted[place] += part * interval_ms
                self.span_ms[place] += interval_ms
        return True

    def means(self) -> list[int | None]:
        """Mean share in parts, by resource; None where no sample told it."""
        return [
            (2 * weighted + span) // (2 * span) if span else None
            for weighted, span in zip(self.weighted, self.span_ms, strict=True)
        ]

    def to_state(self, arm: str, pod: str) -> dict[str, Any]:
        """The Avro record `davy.PodUsage`."""
        sums = [
            {"resource": name, "weighted": weighted, "span_ms": span}
            for name, weighted, span in zip(RESOURCES, self.weighted, self.span_ms, strict=True)
            if span
        ]
        return {"arm": arm, "pod": pod, "last_ms": self.last_ms, "sums": sums}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> tuple[str, str, Self]:
        """Read what `to_state` wrote: arm, pod, use."""
        found = cls(last_ms=state["last_ms"])
        for each in state["sums"]:
            place = RESOURCES.index(each["resource"])
            found.weighted[place], found.span_ms[place] = each["weighted"], each["span_ms"]
        return state["arm"], state["pod"], found


@dataclass(slots=True)
class Usage:
    """What the pods of one (segment, arm) used in a closed pane: sums of pods' means.

    >>> usage = Usage()
    >>> for share in (UNIT // 4, UNIT // 2):
    ...     usage.count([share, None, None])
    >>> usage.mean("cpu") / UNIT, usage.pods_of("cpu"), usage.mean("gpu")
    (0.375, 2, None)
    """

    totals: list[int] = field(default_factory=_none)
    pods: list[int] = field(default_factory=_none)

    def count(self, means: Sequence[int | None]) -> None:
        """Add a pod by its means."""
        for place, mean in enumerate(means):
            if mean is not None:
                self.totals[place] += mean
                self.pods[place] += 1

    def pods_of(self, resource: str) -> int:
        """How many pods told their use of a resource."""
        return self.pods[RESOURCES.index(resource)]

    def mean(self, resource: str) -> int | None:
        """Mean over pods in parts; None where no pod told it."""
        place = RESOURCES.index(resource)
        total, pods = self.totals[place], self.pods[place]
        return (2 * total + pods) // (2 * pods) if pods else None

    def merge(self, other: Self) -> None:
        """Add another's pods: those of another source partition, so none is counted twice."""
        self.totals = [a + b for a, b in zip(self.totals, other.totals, strict=True)]
        self.pods = [a + b for a, b in zip(self.pods, other.pods, strict=True)]

    def copy(self) -> Self:
        """An independent copy."""
        return type(self)(list(self.totals), list(self.pods))

    def to_state(self, segment: str, arm: str) -> dict[str, Any]:
        """The Avro record `davy.Usage`."""
        sums = [
            {"resource": name, "pods": pods, "total": total}
            for name, pods, total in zip(RESOURCES, self.pods, self.totals, strict=True)
            if pods
        ]
        return {"segment": segment, "arm": arm, "sums": sums}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> tuple[str, str, Self]:
        """Read what `to_state` wrote: segment, arm, use."""
        found = cls()
        for each in state["sums"]:
            place = RESOURCES.index(each["resource"])
            found.totals[place], found.pods[place] = each["total"], each["pods"]
        return state["segment"], state["arm"], found


Usages = dict[tuple[str, str], Usage]
"""(segment, arm) -> what its pods used."""


def usages_to_states(usages: Usages) -> list[dict[str, Any]]:
    """Avro records, ascending by segment and arm."""
    return [usages[key].to_state(*key) for key in sorted(usages)]


def usages_from_states(states: Iterable[Mapping[str, Any]]) -> Usages:
    """Read what `usages_to_states` wrote."""
    found = (Usage.from_state(state) for state in states)
    return {(segment, arm): usage for segment, arm, usage in found}

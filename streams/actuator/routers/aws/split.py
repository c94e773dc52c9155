"""What must a resource of AWS be able to do, so that one router serves them all?

A split shares traffic among arms by weights; its tags hold a note of davy's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from streams.actuator.ports import Arms
from streams.actuator.weights import measured
from streams.errors import TargetNotFound, TargetRejected

MICRO = 1_000_000
"""Weights that are floats are compared in millionths: 0.05 of 32 bits is not 0.05 of 64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a split has now."""

    arn: str
    """Of the resource whose tags hold the fence."""
    shares_bp: Arms
    """Candidates rounded down; the highest share where a change is under way."""
    setting: str
    """Changes whenever somebody changes the resource."""
    document: Any
    """As it was read; a write begins from it."""
    how: str
    """How it was looked at, for a person."""
    busy: str = ""
    """Why it takes no weights now; empty if it does."""
    failed: str = ""
    """Why the last write will never be in effect; empty if it may be."""


class Split(Protocol):
    """See the module. RouterErrors as of Router."""

    def look(self) -> Look:
        """What it has now."""
        ...

    def unready(self, look: Look) -> tuple[str, ...]:
        """Arms that cannot take traffic now, as far as AWS tells."""
        ...

    def write(self, look: Look, weights: Mapping[str, int]) -> None:
        """Give every arm its weight in the split's own units; the rest stays as it was seen."""
        ...

    def tags(self, arn: str) -> Mapping[str, str]:
        """Key -> value."""
        ...

    def tag(self, arn: str, key: str, value: str) -> None:
        """Set one tag; the others stay."""
        ...


def shares(
    weights: Sequence[tuple[str, float]], names: Mapping[str, str], *, where: str, what: str
) -> Arms:
    """Arm -> basis points, of the weights by name that a resource has.

    Raises:
        TargetNotFound: an arm's name is not among them.
        TargetRejected: a name stands there twice, or belongs to no arm and has traffic.
    """
    found = dict(weights)
    if missing := [name for name in names.values() if name not in found]:
        raise TargetNotFound(
            f"{where}: no {what} {', '.join(missing)}; it has {', '.join(found) or 'none'} — "
            "put it there with weight 0, davy adds none"
        )
    if len(found) < len(weights):
        raise TargetRejected(f"{where}: two entries are of one {what}; write each once")
    if busy := sorted(n for n in found.keys() - set(names.values()) if found[n]):
        raise TargetRejected(
            f"{where}: {what} {', '.join(busy)} takes traffic but belongs to no arm; "
            "give it weight 0"
        )
    return measured({arm: round(found[name] * MICRO) for arm, name in names.items()})

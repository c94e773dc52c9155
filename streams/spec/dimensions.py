"""How may requests be sliced, and into how many slices? Every bound on segments stands here."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from streams.spec.fact import Fact, Name
from streams.spec.targeting import HeaderName

OTHER_VALUE = "other"
"""Stands for every value of a dimension that is not declared, and for none."""
MOST_DIMENSIONS, MOST_VALUES, MOST_SLICES = 8, 32, 64
MOST_COMBINATIONS = 4096
"""Combinations of values over all dimensions, where outcomes are joined."""
MOST_JOINT = 64
"""The same, where one slice may leave the rollout: each combination has counts of its own."""
MOST_VERDICTS = 2_000
"""Metrics x candidates x (slices + the whole): a decision holds a verdict of each."""


class SegmentHarm(StrEnum):
    """What harm in one slice of a declared segment does."""

    ROLLOUT = "rollout"  # the whole rollout goes back
    SEGMENT = "segment"  # that slice goes back, the others go on; needs a router that can


class Dimension(Fact):
    """A way to slice requests; what is not among its values is its slice `other`.

    >>> Dimension(name="country", values=("SG",)).slices
    ('country=SG', 'country=other')
    """

    name: Name
    values: Annotated[tuple[Name, ...], Field(min_length=1, max_length=MOST_VALUES)]
    header: HeaderName | None = None
    """The request header that shows the value to a router; None: no router needs to know."""

    @property
    def slices(self) -> tuple[str, ...]:
        """Names of its slices, `other` last."""
        return tuple(f"{self.name}={value}" for value in (*self.values, OTHER_VALUE))


def combinations(dimensions: Sequence[Dimension]) -> int:
    """How many combinations of values there are over all dimensions, `other` included."""
    return math.prod(len(dimension.slices) for dimension in dimensions)


def check_dimensions(
    dimensions: Sequence[Dimension], *, outcomes: bool, joint: bool, claims: int
) -> None:
    """Raise ValueError `segments: what — what to write instead` where they are too many or alike.

    `outcomes`: some are joined; `joint`: each combination is counted; `claims`: metrics x
    candidates.
    """
    alike = next(_alike(dimensions), None)
    if alike is not None:
        raise ValueError(f"segments: {alike} stands twice — leave one of them out")
    if any(OTHER_VALUE in dimension.values for dimension in dimensions):
        raise ValueError("segments: `other` is what is not declared — leave it out")
    slices, mixes = sum(len(each.slices) for each in dimensions), combinations(dimensions)
    for have, most, what in (
        (slices, MOST_SLICES, "slices, each dimension's `other` included"),
        (mixes * outcomes, MOST_COMBINATIONS, "combinations, too many to join outcomes by"),
        (mixes * joint, MOST_JOINT, "combinations, too many to let one slice go back alone"),
        (claims * (slices + 1) * bool(slices), MOST_VERDICTS, "metrics x candidates x slices"),
    ):
        if have > most:
            raise ValueError(
                f"segments: {have} {what} — declare fewer dimensions or values, "
                f"so that there are at most {most}"
            )


def _alike(dimensions: Sequence[Dimension]) -> Iterator[str]:
    names = [dimension.name for dimension in dimensions]
    yield from (name for name in names if names.count(name) > 1)
    for dimension in dimensions:
        yield from (value for value in dimension.values if dimension.values.count(value) > 1)

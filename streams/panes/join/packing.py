"""How does what is known of an exposure fit into 64 bits?

Event time modulo 2^28 ms (the run that holds it knows the rest), then arm, segment, class, score
and confidence in as many bits as their largest values need.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Packed = NDArray[np.uint64]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

TIME_BITS = 28
TIME_MASK = np.uint64((1 << TIME_BITS) - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """How many of each there are; class, score and confidence may be missing besides.

    >>> Packing(arms=3, segments=50, classes=65, score_levels=1000, confidence_levels=200).bits
    (2, 6, 7, 10, 8)

    Raises:
        ValueError: more than 36 bits.
    """

    arms: int
    segments: int = 1
    classes: int = 0
    score_levels: int = 0
    """Equal parts of [0, 1] that scores are told apart by; 0 keeps none."""
    confidence_levels: int = 0

    def __post_init__(self) -> None:
        if min(self.arms, self.segments) < 1 or sum(self.bits) + TIME_BITS > 64:  # noqa: PLR2004
            raise ValueError(
                f"{self} takes {sum(self.bits)} bits of {64 - TIME_BITS}: keep fewer score or"
                " confidence levels, segments or classes, and at least one arm and one segment"
            )

    @property
    def bits(self) -> tuple[int, int, int, int, int]:
        """Of arm, segment, class, score, confidence."""
        return (
            (self.arms - 1).bit_length(),
            (self.segments - 1).bit_length(),
            self.classes.bit_length(),
            self.score_levels.bit_length(),
            self.confidence_levels.bit_length(),
        )

    def pack(
        self,
        event_ms: Ints,
        arm: Ints,
        segment: Ints,
        predicted_class: Ints,
        score: Floats,
        confidence: Floats,
    ) -> Packed:
        """One uint64 a row.

        Raises:
            ValueError: a number that this packing has no room for.
        """
        packed = event_ms.astype(np.uint64) & TIME_MASK
        fields = (
            arm,
            segment,
            predicted_class + 1 if self.classes else np.zeros_like(arm),
            _level(score, self.score_levels),
            _level(confidence, self.confidence_levels),
        )
        counts = (self.arms, self.segments, self.classes + 1)
        for field, count in zip(fields, counts, strict=False):
            if field.size and not 0 <= field.min() <= field.max() < count:
                raise ValueError(f"{self} has no room for numbers up to {field.max()}")
        for field, shift in zip(fields, self._shifts(), strict=True):
            packed |= field.astype(np.uint64) << np.uint64(shift)
        return packed

    def unpack(self, packed: Packed) -> tuple[Ints, Ints, Ints, Floats, Floats]:
        """Arm, segment, class (-1: none), score and confidence (middle of level, NaN: none)."""
        arm, segment, predicted, score, confidence = (
            ((packed >> np.uint64(shift)) & np.uint64((1 << bits) - 1)).astype(np.int64)
            for shift, bits in zip(self._shifts(), self.bits, strict=True)
        )
        return (
            arm,
            segment,
            predicted - 1,
            _middle(score, self.score_levels),
            _middle(confidence, self.confidence_levels),
        )

    def _shifts(self) -> Iterator[int]:
        shift = TIME_BITS
        for bits in self.bits:
            yield min(shift, 63)  # a field without bits behind the last one is 0 wherever it lies
            shift += bits


def times(packed: Packed, first_ms: int) -> Ints:
    """Event times, of which none is before `first_ms` nor 2^28 ms after it."""
    since: Ints = ((packed - np.uint64(first_ms)) & TIME_MASK).astype(np.int64)
    return since + first_ms


def _level(share: Floats, levels: int) -> Ints:
    """From 1; 0 where there is none."""
    if not levels:
        return np.zeros(share.size, np.int64)
    given = ~np.isnan(share)
    level = np.minimum(np.where(given, share, 0.0) * levels, levels - 1).astype(np.int64)
    return np.where(given, level + 1, 0)


def _middle(level: Ints, levels: int) -> Floats:
    return np.where(level > 0, (level - 0.5) / max(levels, 1), np.nan)

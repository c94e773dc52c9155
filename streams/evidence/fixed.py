"""How are real numbers summed so that order does not matter? In integers, units of 2^-40.

Each term is rounded once and added as an integer, so a sum is the same bytes in any order and
any partition. Two int64 limbs hold it, so 10^9 events cannot overflow.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import EllipsisType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from streams.sketches.packing import packed, unpacked_ints

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

UNIT = 2.0**-40
LIMB_BITS = 56
LIMB_MASK = (1 << LIMB_BITS) - 1
HALF_LIMB = 1 << (LIMB_BITS - 1)
FITS = 1 << (63 - LIMB_BITS)
"""High limbs from -FITS up to FITS - 1 make one int64 with the low limb."""
LIMB = UNIT * 2.0**LIMB_BITS
"""What one unit of the high limb is worth: 65 536."""


class FixedSum:
    """An array of sums; value = high * 65536 + low * 2^-40 with 0 <= low < 2^56."""

    __slots__ = ("high", "low")

    def __init__(self, shape: tuple[int, ...] = ()) -> None:
        """Zeros of a shape."""
        self.high: Ints = np.zeros(shape, np.int64)
        self.low: Ints = np.zeros(shape, np.int64)

    def add(self, terms: Floats, rows: Ints | EllipsisType = ...) -> None:
        """Add finite terms to `rows` of the first axis (all by default); rows must not repeat."""
        if np.abs(terms).max(initial=0.0) < LIMB:
            self._carry(0, np.rint(terms / UNIT).astype(np.int64), rows)
            return
        coarse = np.trunc(terms / LIMB)
        fine = np.rint((terms - coarse * LIMB) / UNIT)
        self._carry(coarse.astype(np.int64), fine.astype(np.int64), rows)

    def merge(self, other: Self) -> None:
        """Add another sum of the same shape; exact."""
        self._carry(other.high, other.low, ...)

    def _carry(self, high: Ints | int, low: Ints, rows: Ints | EllipsisType) -> None:
        total = self.low[rows] + low
        self.high[rows] += high + (total >> LIMB_BITS)
        self.low[rows] = total & LIMB_MASK

    def flat(self, *last: int) -> Self:
        """The same sums with the leading axes as one; shares the memory."""
        view = type(self)()
        view.high, view.low = self.high.reshape(-1, *last), self.low.reshape(-1, *last)
        return view

    def at(self, chosen: Bools) -> Self:
        """A copy of the sums in some places, [places, last axes]."""
        copied = type(self)()
        copied.high, copied.low = self.high[chosen], self.low[chosen]
        return copied

    def value(self) -> Floats:
        """The sums, float64."""
        return _real(self.high, self.low)

    def touched(self) -> Bools:
        """Which sums are not zero."""
        nonzero: Bools = (self.high != 0) | (self.low != 0)
        return nonzero

    def between(self, index: slice | Ints, anchor: int | Ints) -> Floats:
        """Differences along the last axis, [..., index] - [..., anchor], without cancellation."""
        high = self.high[..., index] - _at(self.high, anchor)
        low = self.low[..., index] - _at(self.low, anchor)
        return _real(high, low)

    def moved(self, along: slice, steps: Sequence[int]) -> Floats:
        """What each of some steps from places along the last axis adds, [..., places, steps].

        As `between`, without an index for each difference.
        """
        start, stop = along.start, along.stop
        high, low = (
            np.stack([limb[..., start + by : stop + by] for by in steps], axis=-1)
            - limb[..., along, None]
            for limb in (self.high, self.low)
        )
        return _real(high, low)

    def to_state(self) -> str | list[str]:
        """Packed integers in units of 2^-40; both limbs where one int64 does not hold them."""
        if self.high.min(initial=0) >= -FITS and self.high.max(initial=0) < FITS:
            return packed((self.high << LIMB_BITS) + self.low)
        return [packed(self.high), packed(self.low)]

    @classmethod
    def from_state(cls, state: str | Sequence[str]) -> Self:
        """Read what `to_state` wrote. `ValueError` where it cannot have."""
        result = cls()
        if isinstance(state, str):
            units = unpacked_ints(state)
            result.high, result.low = units >> LIMB_BITS, units & LIMB_MASK
        else:
            result.high, result.low = map(unpacked_ints, state)
        return result


def _real(high: Ints, low: Ints) -> Floats:
    """Limbs as float64, rounded about zero so that small negative sums keep their digits."""
    carry = (low + HALF_LIMB) >> LIMB_BITS
    real: Floats = (high + carry) * LIMB + (low - (carry << LIMB_BITS)) * UNIT
    return real


def _at(values: Ints, anchor: int | Ints) -> Ints:
    """The anchor's values, keeping a last axis to subtract along."""
    return values[..., anchor, None] if isinstance(anchor, int) else values[..., anchor]


def rows_of(values: Floats, shape: tuple[int, ...], rows: Ints) -> Floats:
    """Values [..., points] of some streams, [rows, points]; `rows` index the flat leading shape.

    Values without leading axes are the same for every stream, and stay [points].
    """
    if values.ndim == 1:
        return values
    if values.shape[:-1] == shape[-1:]:  # the usual: points by the streams' last axis
        along: Floats = values[rows % shape[-1]]
        return along
    wide = np.broadcast_to(values, (*shape, values.shape[-1]))
    taken: Floats = wide[np.unravel_index(rows, shape)]
    return taken


def log_sum_exp(values: Floats) -> Floats:
    """Return log sum exp over the last axis; defined for -inf, no overflow."""
    top = np.maximum.reduce(values, axis=-1)
    if np.isfinite(top).all():
        total: Floats = top + np.log(np.add.reduce(np.exp(values - top[..., None]), axis=-1))
        return total
    safe = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        result: Floats = safe + np.log(np.exp(values - safe[..., None]).sum(axis=-1))
    return result

"""What do the sums of every test of a mean share? Values per arm, and moments of strata."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from streams.evidence.fixed import Bools, FixedSum, Ints

Test = TypeVar("Test")


class MeanSums(Generic[Test]):
    """Values per arm, int64 of the leading shape, and the moments that a test adds up.

    Only strata in which both arms have values count; others carry no information.
    """

    __slots__ = ("moments", "n_b", "n_c", "test")
    kept: ClassVar[tuple[int, ...]]
    """Shape of the moments of one stream."""

    def __init__(self, test: Test, shape: tuple[int, ...] = ()) -> None:
        """No strata yet, for `shape` independent streams."""
        self.test = test
        self.n_b: Ints = np.zeros(shape, np.int64)
        self.n_c: Ints = np.zeros(shape, np.int64)
        self.moments = FixedSum((*shape, *self.kept))

    @classmethod
    def zeros(cls, test: Test, shape: tuple[int, ...] = ()) -> Self:
        """No strata yet, for `shape` independent streams."""
        return cls(test, shape)

    def count(self, n_b: ArrayLike, n_c: ArrayLike, mask: ArrayLike) -> tuple[Ints, Ints, Bools]:
        """Count the values of a closed stratum; n_b, n_c, and in which streams it is used."""
        b, c = np.asarray(n_b, np.int64), np.asarray(n_c, np.int64)
        used = np.broadcast_to((b > 0) & (c > 0) & np.asarray(mask, np.bool_), self.n_b.shape)
        self.n_b[...] += np.where(used, b, 0)
        self.n_c[...] += np.where(used, c, 0)
        return b, c, used

    def to_state(self) -> dict[str, Any]:
        """JSON: integers."""
        counts = {"n_b": self.n_b.tolist(), "n_c": self.n_c.tolist()}
        return counts | {"moments": self.moments.to_state()}

    @classmethod
    def from_state(cls, test: Test, state: Mapping[str, Any]) -> Self:
        """Read what `to_state` wrote for the same test."""
        sums = cls(test, np.shape(state["n_b"]))
        sums.n_b[...], sums.n_c[...] = state["n_b"], state["n_c"]
        sums.moments = FixedSum.from_state(state["moments"])
        return sums

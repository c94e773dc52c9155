"""How do whole Arrow arrays, without offset, become numpy columns?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from streams.wire.lengths import offsets


@dataclass(frozen=True, kw_only=True)
class Coded:
    """A column of strings, each distinct one held once: `names[codes[i]]`, null where it is -1.

    Codes mean something within one batch only; some strings may have no row. Whoever floods a
    topic makes all of them distinct: ask `places`, `names` makes a Python object of each.
    """

    codes: NDArray[np.int32]
    strings: Any
    """Arrow strings without nulls and without offset."""

    @classmethod
    def of(cls, codes: NDArray[np.int32], names: Sequence[str]) -> Self:
        """The same from Python strings."""
        return cls(codes=codes, strings=pa.array(names, pa.string()))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The distinct strings by code."""
        return tuple(self.strings.to_pylist())

    @property
    def texts(self) -> list[str]:
        """The string of each row, none of them null."""
        names = self.names
        return [names[code] for code in self.codes.tolist()]

    def chosen(self, keep: NDArray[np.bool_]) -> Coded:
        """The rows where `keep` is true."""
        return self if keep.all() else Coded(codes=self.codes[keep], strings=self.strings)

    def is_empty(self) -> NDArray[np.bool_]:
        """Where the string is ""."""
        code = pc.index(self.strings, "").as_py()
        if code < 0:
            return np.zeros(len(self.codes), dtype=np.bool_)
        empty: NDArray[np.bool_] = self.codes == code
        return empty

    def places(self, known: Sequence[str], other: int = -1) -> NDArray[np.int64]:
        """Place among the known strings by code, `other` for all others and, at the end, for null.

        So `column.places(known)[column.codes]` has one place a row.

        >>> column = Coded.of(np.array([1, 0, -1, 2], np.int32), ("a", "b", "c"))
        >>> column.places(["b", "a"], 9)[column.codes].tolist()
        [0, 1, 9, 9]
        """
        found = pc.index_in(self.strings, value_set=pa.array(known, pa.string()))
        table = np.full(len(self.strings) + 1, other, np.int64)
        table[:-1] = found.fill_null(other).to_numpy()
        return table


def coded(strings: Any) -> Coded:
    """The strings of an array with nulls."""
    encoded = pc.dictionary_encode(strings)
    codes = encoded.indices
    if codes.null_count:
        codes = codes.fill_null(-1)
    return Coded(codes=codes.to_numpy(), strings=encoded.dictionary)


def blank(strings: Any) -> NDArray[np.bool_]:
    """Where a string is "", or null."""
    empty: NDArray[np.bool_] = np.diff(offsets(strings)) == 0
    return empty


def named(strings: Any) -> NDArray[np.bool_]:
    """Where there is a string other than ""."""
    if strings.null_count == len(strings):
        return np.zeros(len(strings), dtype=np.bool_)
    return given(strings) & ~blank(strings)


def given(array: Any) -> NDArray[np.bool_]:
    """Where there is a value."""
    valid: NDArray[np.bool_] = array.is_valid().to_numpy(zero_copy_only=False)
    return valid


def doubles(array: Any) -> NDArray[np.float64]:
    """The numbers of a float64 array; NaN where it is null."""
    if array.null_count == len(array):
        return np.full(len(array), np.nan)
    values = np.frombuffer(array.buffers()[1], dtype=np.float64, count=len(array))
    return np.where(given(array), values, np.nan) if array.null_count else values


def entries(maps: Any, name: str) -> Coded:
    """What each map of strings holds under this name, null where nothing; the last one wins."""
    codes = np.full(len(maps), -1, dtype=np.int32)
    if not len(maps.keys):
        return Coded.of(codes, ())
    found = np.flatnonzero(pc.equal(maps.keys, name).to_numpy(zero_copy_only=False))
    values = coded(maps.items.take(found))
    codes[np.searchsorted(offsets(maps), found, side="right") - 1] = values.codes
    return Coded(codes=codes, strings=values.strings)

"""How do whole Arrow arrays, without offset, become numpy columns?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from streams.wire.lengths import offsets


@dataclass(frozen=True, slots=True, kw_only=True)
class Coded:
    """A column of few distinct strings: `names[codes[i]]`, null where the code is -1.

    Codes mean something within one batch only; some names may have no row.
    """

    codes: NDArray[np.int32]
    names: tuple[str, ...]

    def chosen(self, keep: NDArray[np.bool_]) -> Coded:
        """The rows where `keep` is true."""
        return self if keep.all() else Coded(codes=self.codes[keep], names=self.names)

    def is_empty(self) -> NDArray[np.bool_]:
        """Where the string is ""."""
        if "" not in self.names:
            return np.zeros(len(self.codes), dtype=np.bool_)
        empty: NDArray[np.bool_] = self.codes == self.names.index("")
        return empty


def coded(strings: Any) -> Coded:
    """The strings of an array with nulls."""
    encoded = pc.dictionary_encode(strings)
    codes = encoded.indices
    if codes.null_count:
        codes = codes.fill_null(-1)
    return Coded(codes=codes.to_numpy(), names=tuple(encoded.dictionary.to_pylist()))


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
        return Coded(codes=codes, names=())
    found = np.flatnonzero(pc.equal(maps.keys, name).to_numpy(zero_copy_only=False))
    values = coded(maps.items.take(found))
    codes[np.searchsorted(offsets(maps), found, side="right") - 1] = values.codes
    return Coded(codes=codes, names=values.names)

"""Which 64-bit number stands for a request id, on every machine and in every batch?

Words of eight bytes, little endian, padded with zeros, mixed one after another by multiply and
rotate, then murmur3's finaliser. Not keyed: whoever wants collisions can make them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from streams.wire.lengths import offsets

_WORD = 8
_SHORT = 64
"""Longer ids are hashed one by one: one huge id must not make the whole matrix huge."""
_SEED = np.uint64(0x9E3779B97F4A7C15)
_ONE = np.uint64(0x87C37B91114253D5)
_TWO = np.uint64(0x4CF5AD432745937F)


def request_hashes(ids: Any) -> NDArray[np.uint64]:
    """A uint64 per string of an Arrow string array without nulls and without offset."""
    bounds = offsets(ids).astype(np.int64)
    data = np.frombuffer(ids.buffers()[2] or b"", dtype=np.uint8)
    sizes = np.diff(bounds)
    if sizes.max(initial=0) <= _SHORT:
        return _hashes(data[: bounds[-1]], sizes)
    out = np.empty(len(sizes), dtype=np.uint64)
    short = sizes <= _SHORT
    out[short] = _hashes(data[: bounds[-1]][np.repeat(short, sizes)], sizes[short])
    for row in np.flatnonzero(~short):
        out[row] = _hashes(data[bounds[row] : bounds[row + 1]], sizes[row : row + 1])[0]
    return out


def unit_hashes(units: Any, request_ids: Any) -> NDArray[np.uint64]:
    """A uint64 per unit (Arrow strings or null), of the request id where it is null or ""."""
    named = pc.if_else(pc.equal(units, ""), pa.scalar(None, pa.string()), units)
    return request_hashes(pc.coalesce(named, request_ids))


def _hashes(data: NDArray[np.uint8], sizes: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Hashes of consecutive strings of these sizes."""
    words = _words(data, sizes)
    used = -(-sizes // _WORD)
    state = _SEED ^ (sizes.astype(np.uint64) * _ONE)
    for index in range(words.shape[1]):
        mixed = _rotated(state ^ (words[:, index] * _TWO)) * _ONE
        state = np.where(index < used, mixed, state)
    return _finished(state)


def _words(data: NDArray[np.uint8], sizes: NDArray[np.int64]) -> NDArray[np.uint64]:
    """One row of words per string."""
    width = -(-int(sizes.max(initial=0)) // _WORD) * _WORD
    padded = np.zeros((len(sizes), width), dtype=np.uint8)
    if sizes.size and sizes.min() == sizes.max():
        padded[:, : sizes[0]] = data.reshape(len(sizes), -1)
    else:
        padded[np.arange(width) < sizes[:, None]] = data
    return padded.view("<u8").astype(np.uint64, copy=False)


def _rotated(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return (state << np.uint64(31)) | (state >> np.uint64(33))


def _finished(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    state = (state ^ (state >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    state = (state ^ (state >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return state ^ (state >> np.uint64(33))

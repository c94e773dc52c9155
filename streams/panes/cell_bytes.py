"""How are all cells of a pane written at once? To the bytes that Avro's writer makes of them.

A cell is mostly sparse histograms. A writer takes their buckets one by one, as Python integers;
here all numbers of all cells are written in a few passes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from streams.panes.facts import Cells
from streams.sketches.cell import Cell
from streams.sketches.histogram import Histogram, Ints
from streams.wire import varints

Numbers = NDArray[np.uint64]
END = b"\0"
"""Of an array; an empty one has nothing else."""
NO_OTHERS = b"\0\0\0"
"""Neither units nor `llm` nor pairs: the first branch of three unions."""
_BITS, _MORE = np.uint64(7), np.uint64(0x80)
_REMEMBERED, _LONGEST = 1 << 13, 64
"""Texts and numbers whose bytes are kept, of each so many, and how long such a text may be."""


def cells_bytes(cells: Cells) -> bytes | None:
    """An Avro array of `davy.Cell`, ascending by segment and arm.

    None where a cell holds more than counts, classes and the three histograms of every request.
    """
    if any(cell.units or cell.llm or cell.pairs for cell in cells.values()):
        return None
    if not cells:
        return END
    keys = sorted(cells)
    held = [cells[key] for key in keys]
    bins = zip(
        _bins([cell.latency for cell in held]),
        _bins([cell.scores for cell in held]),
        _bins([cell.confidences for cell in held]),
        strict=True,
    )
    parts = [_number(len(keys))]
    for key, cell, (latency, scores, confidences) in zip(keys, held, bins, strict=True):
        parts += map(_text, key)
        parts += map(_number, (cell.exposures, cell.errors, cell.timeouts))
        parts += (latency, *_classes(cell), scores, confidences, NO_OTHERS)
    return b"".join((*parts, END))


def _text(text: str) -> bytes:
    return _short_text(text) if len(text) <= _LONGEST else _any_text(text)


def _any_text(text: str) -> bytes:
    told = text.encode()
    return varints.number(len(told)) + told


_short_text = lru_cache(_REMEMBERED)(_any_text)


@lru_cache(_REMEMBERED)
def _number(value: int) -> bytes:
    return varints.number(value)


def _classes(cell: Cell) -> Iterator[bytes]:
    counts = cell.classes.counts
    if counts:
        yield _number(len(counts))
        for name in sorted(counts):
            yield _text(name)
            yield _number(counts[name])
    yield END


def _bins(histograms: Sequence[Histogram]) -> list[bytes]:
    """Of each histogram `davy.Bins`: an array of the buckets that hold any, and one of counts."""
    table = np.stack([histogram.counts for histogram in histograms])
    row, index = np.nonzero(table)
    held = np.bincount(row, minlength=len(histograms))
    some = held > 0
    ends = np.cumsum(2 * held + 2 * some + 2)  # two arrays, each behind its length, with an end
    first = ends - (2 * held + 2 * some + 2)
    numbers = np.zeros(ends[-1], np.uint64)
    numbers[first[some]] = numbers[(first + held + 2)[some]] = held[some]
    place = first[row] + 1 + _ranks(held)
    numbers[place] = index
    numbers[place + held[row] + 2] = table[row, index]
    told, at = _varints(numbers << np.uint64(1))  # zigzag: none is below 0
    bounds = [0, *at[ends - 1].tolist()]
    return [told[begin:end] for begin, end in pairwise(bounds)]


def _ranks(sizes: Ints) -> Ints:
    """Places within their own of what is laid end to end in parts of these sizes.

    >>> _ranks(np.array([2, 0, 3])).tolist()
    [0, 1, 0, 1, 2]
    """
    begins = np.cumsum(sizes) - sizes
    found: Ints = np.arange(int(sizes.sum())) - np.repeat(begins, sizes)
    return found


def _varints(numbers: Numbers) -> tuple[bytes, Ints]:
    """All numbers one behind the other, seven bits a byte, and where each one ends.

    >>> told, ends = _varints(np.array([1, 300, 0], np.uint64))
    >>> told.hex(), ends.tolist()
    ('01ac0200', [1, 3, 4])
    """
    sizes, left = np.ones(numbers.size, np.int64), numbers >> _BITS
    while left.any():
        sizes += left > 0
        left >>= _BITS
    ends = np.cumsum(sizes)
    told = np.zeros(ends[-1], np.uint8)
    for byte in range(int(sizes.max())):
        those = np.flatnonzero(sizes > byte)
        more = np.where(sizes[those] > byte + 1, _MORE, np.uint64(0))
        low = (numbers[those] >> np.uint64(7 * byte)) & (_MORE - np.uint64(1))
        told[(ends - sizes)[those] + byte] = low | more
    return told.tobytes(), ends

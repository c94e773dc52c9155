"""How are all cells of many panes written at once? To the bytes that Avro's writer makes of them.

A cell is mostly sparse histograms. A writer takes their buckets one by one, as Python integers;
here all numbers of all cells are written in a few passes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from streams.panes.facts import Cells
from streams.sketches.bins import SCORE_MAPPING
from streams.sketches.cell import Cell
from streams.sketches.histogram import Ints
from streams.sketches.log_histogram import MAPPING
from streams.wire import varints

Numbers = NDArray[np.uint64]
END = b"\0"
"""Of an array; an empty one has nothing else."""
NO_OTHERS = b"\0\0\0"
"""Neither units nor `llm` nor pairs: the first branch of three unions."""
HISTOGRAMS = (attrgetter("latency"), attrgetter("scores"), attrgetter("confidences"))
"""Of a cell, in the order of its record."""
WIDTHS = np.array([MAPPING.size, SCORE_MAPPING.size, SCORE_MAPPING.size])
"""Their buckets."""
ENDS = np.cumsum(WIDTHS)
TOGETHER = 80
"""Cells that are written at once; memory for more is given back to the system each time."""
_LOW = 0x7F
_HOLDERS = tuple(np.dtype(kind) for kind in ("<u2", "<u4", "<u8"))
"""Types that hold a varint of as many bytes."""
_REMEMBERED, _LONGEST = 1 << 13, 64
"""Texts and numbers whose bytes are kept, of each so many, and how long such a text may be."""


def cells_bytes(panes: Sequence[Cells]) -> list[bytes | None]:
    """Of each pane an Avro array of `davy.Cell`, ascending by segment and arm.

    None where a cell holds more than counts, classes and the three histograms of every request.
    """
    found: list[bytes | None] = [None] * len(panes)
    for some in _parted([place for place, cells in enumerate(panes) if _plain(cells)], panes):
        for place, told in zip(some, _arrays([panes[place] for place in some]), strict=True):
            found[place] = told
    return found


def _plain(cells: Cells) -> bool:
    return not any(cell.units or cell.llm or cell.pairs for cell in cells.values())


def _parted(places: Sequence[int], panes: Sequence[Cells]) -> Iterator[list[int]]:
    """Places of panes, so many that their histograms fit into the cache."""
    some, cells = list[int](), 0
    for place in places:
        some.append(place)
        cells += len(panes[place])
        if cells >= TOGETHER:
            yield some
            some, cells = [], 0
    yield some


def _arrays(panes: Sequence[Cells]) -> Iterator[bytes]:
    keys = [sorted(cells) for cells in panes]
    held = [cells[key] for cells, names in zip(panes, keys, strict=True) for key in names]
    told = map(_cell, (key for names in keys for key in names), held, _bins(held))
    for names in keys:
        parts = [next(told) for _ in names]
        yield b"".join((_number(len(names)), *parts, END)) if names else END


def _cell(key: tuple[str, str], cell: Cell, bins: Sequence[bytes]) -> bytes:
    segment, arm = key
    latency, scores, confidences = bins
    return b"".join(
        (
            _text(segment),
            _text(arm),
            _number(cell.exposures),
            _number(cell.errors),
            _number(cell.timeouts),
            latency,
            _classes(cell.classes.counts),
            scores,
            confidences,
            NO_OTHERS,
        )
    )


def _classes(counts: Mapping[str, int]) -> bytes:
    if not counts:
        return END
    one = _usual_class if max(map(len, counts)) <= _LONGEST else _any_class
    return b"".join((_number(len(counts)), *map(one, sorted(counts.items())), END))


def _text(text: str) -> bytes:
    return _short_text(text) if len(text) <= _LONGEST else _any_text(text)


def _any_text(text: str) -> bytes:
    told = text.encode()
    return varints.number(len(told)) + told


_short_text = lru_cache(_REMEMBERED)(_any_text)


@lru_cache(_REMEMBERED)
def _number(value: int) -> bytes:
    return varints.number(value)


def _any_class(told: tuple[str, int]) -> bytes:
    name, count = told
    return _text(name) + _number(count)


_usual_class = lru_cache(_REMEMBERED)(_any_class)


def _bins(cells: Sequence[Cell]) -> list[tuple[bytes, ...]]:
    """Of each cell's histograms `davy.Bins`: an array of buckets that hold any, one of counts."""
    table = np.empty((len(cells), WIDTHS.sum()), np.int64)
    for histogram, first, end in zip(HISTOGRAMS, ENDS - WIDTHS, ENDS, strict=True):
        if cells:
            np.stack([histogram(cell).counts for cell in cells], out=table[:, first:end])
    flat = np.flatnonzero(table != 0)
    row, column = np.divmod(flat, table.shape[1])
    which = np.searchsorted(ENDS, column, side="right")
    index = column - (ENDS - WIDTHS)[which]
    told = _sparse(len(WIDTHS) * row + which, index, table.ravel()[flat], len(WIDTHS) * len(cells))
    return list(zip(*[iter(told)] * len(WIDTHS), strict=True))


def _sparse(owner: Ints, index: Ints, count: Ints, owners: int) -> list[bytes]:
    """Two arrays of each owner, each behind its length and with an end; `owner` is ascending."""
    held = np.bincount(owner, minlength=owners)
    some = held > 0
    sizes = 2 * held + 2 * some + 2
    ends = np.cumsum(sizes)
    first = ends - sizes
    numbers = np.zeros(int(sizes.sum()), np.uint64)
    numbers[first[some]] = numbers[(first + held + 2)[some]] = held[some]
    place = first[owner] + 1 + _ranks(held)
    numbers[place] = index
    numbers[place + held[owner] + 2] = count
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
    """Zigzag numbers, none of them negative: one behind the other, and where each one ends.

    >>> told, ends = _varints(np.array([2, 300, 0], np.uint64))
    >>> told.hex(), ends.tolist()
    ('02ac0200', [1, 3, 4])
    """
    most = int(numbers.max(initial=0))
    kind = next((kind for kind in _HOLDERS if most >> (7 * kind.itemsize) == 0), None)
    return _one_by_one(numbers) if kind is None else _packed(numbers.astype(kind))


def _packed(numbers: NDArray[np.unsignedinteger]) -> tuple[bytes, Ints]:
    """The same where each varint is no longer than the number's own type."""
    size, one = numbers.itemsize, numbers.dtype.type(1)
    told, kept = np.zeros_like(numbers), np.full_like(numbers, 1)
    sizes = np.ones(numbers.size, np.int64)
    for byte in range(size):
        left = numbers >> numbers.dtype.type(7 * byte)
        more = left > _LOW
        septet = (left & _LOW) | (more * one << numbers.dtype.type(7))
        told |= septet << numbers.dtype.type(8 * byte)
        if byte < size - 1:
            kept |= more * one << numbers.dtype.type(8 * byte + 8)
            sizes += more
    return told.view(np.uint8)[kept.view(np.bool_)].tobytes(), np.cumsum(sizes)


def _one_by_one(numbers: Numbers) -> tuple[bytes, Ints]:
    told = [varints.number(number >> 1) for number in numbers.tolist()]
    return b"".join(told), np.cumsum([len(each) for each in told])

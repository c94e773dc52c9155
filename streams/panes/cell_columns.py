"""How are cells of many panes read at once? What `cell_bytes` writes, decoded to columns."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np

from streams.panes.facts import Cells
from streams.sketches.bins import FixedBins
from streams.sketches.categories import CategoryCounts
from streams.sketches.cell import Cell
from streams.sketches.histogram import Histogram
from streams.sketches.log_histogram import LogHistogram
from streams.wire.body_layout import Needed
from streams.wire.pane_columns import CELL, PANE, Bins, Ints, PaneColumns, ints, pane_columns

_MORE = ("units", "llm", "pairs")
"""What only some cells hold."""
_CELL = {**CELL, "timeouts": "long", **dict.fromkeys(_MORE, "given")}
NEEDED: Needed = {**PANE, "cells": [_CELL]}
"""What is read of `davy.Pane`."""

Kind = TypeVar("Kind", bound=Histogram)


def pane_bodies(structs: Any) -> list[dict[str, Any] | None]:
    """Each pane as its record says it, with sketches for cells.

    None for a pane of which a cell holds more than counts, classes and the three histograms of
    every request.

    Args:
        structs: Arrow structs of NEEDED, without offset and nulls.

    Raises:
        ValueError: a histogram makes no sense; which one is not known.
    """
    columns = pane_columns(structs)
    each = structs.field("cells").values
    cells = list(_cells(columns, ints(each.field("timeouts")).tolist()))
    keys = list(zip(columns.segment.texts, columns.arm.texts, strict=True))
    more = np.any([each.field(name).to_numpy(zero_copy_only=False) for name in _MORE], axis=0)
    odd = set(columns.cell_pane[more].tolist())
    panes = zip(columns.rollout.texts, columns.spec_hash.texts, columns.pane.tolist(), strict=True)
    spans = pairwise(_bounds(columns.cell_pane, len(columns.pane)))
    return [
        None if number in odd else _body(told, dict(zip(keys[a:b], cells[a:b], strict=True)))
        for number, (told, (a, b)) in enumerate(zip(panes, spans, strict=True))
    ]


def _body(told: tuple[str, str, int], cells: Cells) -> dict[str, Any]:
    rollout, spec_hash, pane = told
    return {"rollout": rollout, "spec_hash": spec_hash, "pane": pane, "cells": cells}


def _cells(columns: PaneColumns, timeouts: list[int]) -> Iterator[Cell]:
    parts = zip(
        columns.exposures.tolist(),
        columns.errors.tolist(),
        timeouts,
        _histograms(LogHistogram, columns.latency, len(timeouts)),
        _classes(columns, len(timeouts)),
        _histograms(FixedBins, columns.scores, len(timeouts)),
        _histograms(FixedBins, columns.confidences, len(timeouts)),
        strict=True,
    )
    return (Cell(*part) for part in parts)


def _histograms(kind: type[Kind], bins: Bins, cells: int) -> Iterator[Kind]:
    index, count = bins.index, bins.count
    if index.size:
        if index.min() < 0 or index.max() >= kind.mapping.size:
            raise ValueError(f"no such bucket: there are {kind.mapping.size}")
        if count.min() < 1:
            raise ValueError("a count is below 1")
    spans = pairwise(_bounds(bins.cell, cells))
    return (kind.sparse(index[a:b], count[a:b]) for a, b in spans)


def _classes(columns: PaneColumns, cells: int) -> Iterator[CategoryCounts]:
    names, counts = columns.class_name.texts, columns.class_count.tolist()
    spans = pairwise(_bounds(columns.class_cell, cells))
    return (CategoryCounts(dict(zip(names[a:b], counts[a:b], strict=True))) for a, b in spans)


def _bounds(owner: Ints, owners: int) -> list[int]:
    """Where what belongs to each owner begins, and the end; `owner` is ascending."""
    found: list[int] = np.searchsorted(owner, np.arange(owners + 1)).tolist()
    return found

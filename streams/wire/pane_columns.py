"""How do closed panes of a batch become columns? What is shown of them, and no more.

Counts of cells are laid end to end, with the cell that each belongs to; no Python object is made
of any. Panes that were decoded one by one become the same columns (`body_layout.from_records`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from streams.wire.arrays import Coded, coded
from streams.wire.body_layout import Needed

Ints = NDArray[np.int64]
_BINS = {"index": ["int"], "count": ["long"]}
CELL: Needed = {
    "segment": "string",
    "arm": "string",
    "exposures": "long",
    "errors": "long",
    "latency": _BINS,
    "classes": [{"name": "string", "count": "long"}],
    "scores": _BINS,
    "confidences": _BINS,
}
"""What is shown of `davy.Cell`."""
PANE: Needed = {"rollout": "string", "spec_hash": "string", "pane": "long", "cells": [CELL]}
"""What is read of `davy.Pane`."""


@dataclass(frozen=True, kw_only=True)
class Bins:
    """The sparse histograms of all cells."""

    cell: Ints
    """Number of the cell that a count belongs to, ascending."""
    index: Ints
    count: Ints


@dataclass(frozen=True, kw_only=True)
class PaneColumns:
    """The panes of a batch, in its order, and their cells."""

    rollout: Coded
    spec_hash: Coded
    pane: Ints
    cell_pane: Ints
    """Place in `pane` of each cell's pane, ascending."""
    segment: Coded
    """By cell, as all that follows but the histograms."""
    arm: Coded
    exposures: Ints
    errors: Ints
    latency: Bins
    scores: Bins
    confidences: Bins
    class_cell: Ints
    class_name: Coded
    class_count: Ints


def pane_columns(panes: Any) -> PaneColumns:
    """Columns of Arrow structs of PANE, without offset and nulls.

    Raises:
        ValueError: a histogram has not as many counts as buckets.
    """
    cells = panes.field("cells")
    each = cells.values
    classes = each.field("classes")
    return PaneColumns(
        rollout=coded(panes.field("rollout")),
        spec_hash=coded(panes.field("spec_hash")),
        pane=ints(panes.field("pane")),
        cell_pane=_owners(cells),
        segment=coded(each.field("segment")),
        arm=coded(each.field("arm")),
        exposures=ints(each.field("exposures")),
        errors=ints(each.field("errors")),
        latency=_bins(each.field("latency")),
        scores=_bins(each.field("scores")),
        confidences=_bins(each.field("confidences")),
        class_cell=_owners(classes),
        class_name=coded(classes.values.field("name")),
        class_count=ints(classes.values.field("count")),
    )


def joined(parts: list[tuple[Ints, Any]]) -> tuple[Ints, Any]:
    """Rows and structs of all parts, one or more, as one, ordered by row."""
    if len(parts) == 1:
        return parts[0]
    rows = np.concatenate([rows for rows, _ in parts])
    order = np.argsort(rows, kind="stable")
    return rows[order], pa.concat_arrays([structs for _, structs in parts]).take(pa.array(order))


def _bins(histograms: Any) -> Bins:
    index, count = histograms.field("index"), histograms.field("count")
    if not np.array_equal(index.offsets.to_numpy(), count.offsets.to_numpy()):
        raise ValueError("a histogram has not as many counts as buckets")
    return Bins(cell=_owners(index), index=ints(index.values), count=ints(count.values))


def _owners(lists: Any) -> Ints:
    """The number of the list that each item lies in."""
    return np.repeat(np.arange(len(lists)), np.diff(lists.offsets.to_numpy()))


def ints(array: Any) -> Ints:
    """The numbers of an Arrow array without nulls."""
    values: Ints = array.to_numpy(zero_copy_only=False)
    return values

"""How are a batch's events added to open panes without touching them one by one?

Events are grouped by (arm, pane); each metric is one `bincount` over group x bucket.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.panes.facts import Cells, LiveRollout
from streams.panes.targets import Targets
from streams.sketches.bins import SCORE_MAPPING, FixedBins
from streams.sketches.categories import OTHER
from streams.sketches.cell import Cell
from streams.sketches.log_histogram import MAPPING
from streams.spec.model import ALL_SEGMENT
from streams.wire.columns import PredictionColumns

_ERROR, _TIMEOUT = 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Events of one (arm, pane) in a batch and the cell they belong to."""

    rollout: LiveRollout
    cell: Cell


def add_to_cells(
    open_panes: dict[tuple[str, int], Cells],
    targets: Targets,
    columns: PredictionColumns,
    chosen: NDArray[np.int64],
    arms: NDArray[np.int64],
    pane_ms: int,
) -> set[tuple[str, int]]:
    """Add the chosen events (indexes into `columns`, with their arm numbers) to their cells.

    Returns the keys of the open panes that changed.
    """
    pane = columns.event_ms[chosen] // pane_ms
    first = int(pane.min())
    span = int(pane.max()) - first + 1
    keys, group_of = np.unique(arms * span + (pane - first), return_inverse=True)
    groups, touched = [], set()
    for key in keys.tolist():
        rollout, arm = targets.arms[key // span]
        place = (rollout.spec.rollout, key % span + first)
        cells = open_panes.setdefault(place, {})
        groups.append(Group(rollout=rollout, cell=cells.setdefault((ALL_SEGMENT, arm), Cell())))
        touched.add(place)
    _add_requests(groups, group_of, columns.status[chosen])
    _add_latency(groups, group_of, columns.latency_ms[chosen], columns.status[chosen])
    _add_classes(groups, group_of, columns, chosen)
    _add_shares([group.cell.scores for group in groups], group_of, columns.score[chosen])
    _add_shares([group.cell.confidences for group in groups], group_of, columns.confidence[chosen])
    return touched


def _add_requests(
    groups: list[Group], group_of: NDArray[np.int64], status: NDArray[np.int8]
) -> None:
    exposures = np.bincount(group_of, minlength=len(groups)).tolist()
    errors = np.bincount(group_of[status >= _ERROR], minlength=len(groups)).tolist()
    timeouts = np.bincount(group_of[status == _TIMEOUT], minlength=len(groups)).tolist()
    for group, n, failed, late in zip(groups, exposures, errors, timeouts, strict=True):
        group.cell.exposures += n
        group.cell.errors += failed
        group.cell.timeouts += late


def _table(
    group_of: NDArray[np.int64], column: NDArray[np.integer], shape: tuple[int, int]
) -> NDArray[np.int64]:
    """Counts by (group, column): one pass over the events."""
    flat = np.bincount(group_of * shape[1] + column, minlength=shape[0] * shape[1])
    return flat.reshape(shape)


def _add_latency(
    groups: list[Group],
    group_of: NDArray[np.int64],
    latency_ms: NDArray[np.float64],
    status: NDArray[np.int8],
) -> None:
    """Failed requests count with their latency; a timeout took longer than any bucket tells."""
    bucket = np.where(status == _TIMEOUT, MAPPING.size - 1, MAPPING.index(latency_ms))
    table = _table(group_of, bucket, (len(groups), MAPPING.size))
    for group, counts in zip(groups, table, strict=True):
        group.cell.latency.counts += counts


def _add_shares(
    bins: list[FixedBins], group_of: NDArray[np.int64], share: NDArray[np.float64]
) -> None:
    given = ~np.isnan(share)
    if not given.any():
        return
    index = SCORE_MAPPING.index(share[given])
    table = _table(group_of[given], index, (len(bins), SCORE_MAPPING.size))
    for each, counts in zip(bins, table, strict=True):
        each.counts += counts


def _add_classes(
    groups: list[Group],
    group_of: NDArray[np.int64],
    columns: PredictionColumns,
    chosen: NDArray[np.int64],
) -> None:
    codes = columns.predicted_class.codes[chosen]
    given = codes >= 0
    if not given.any():
        return
    names = columns.predicted_class.names
    pairs = group_of[given] * len(names) + codes[given]
    distinct, first_seen, counts = np.unique(pairs, return_index=True, return_counts=True)
    for i in np.argsort(first_seen).tolist():
        group, name = groups[int(distinct[i]) // len(names)], names[int(distinct[i]) % len(names)]
        group.cell.classes.add(_told_apart(group.rollout, name), int(counts[i]))


def _told_apart(rollout: LiveRollout, name: str) -> str:
    """Give a class its number in the order of the log, up to the rollout's `max_classes`."""
    if name not in rollout.classes and len(rollout.classes) >= rollout.spec.max_classes:
        return OTHER
    rollout.classes.setdefault(name, len(rollout.classes))
    return name

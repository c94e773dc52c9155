"""How are a batch's events added to open panes without touching them one by one?

Events are grouped by (arm, pane); each metric is one `bincount` over group x bucket.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.panes.facts import Cells, LiveRollout
from streams.panes.targets import Targets
from streams.sketches.bins import SCORE_BINS
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
    _add_latency(groups, group_of, columns.latency_ms[chosen])
    _add_classes(groups, group_of, columns, chosen)
    _add_scores(groups, group_of, columns.score[chosen])
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
    group_of: NDArray[np.int64], column: NDArray[np.int64], shape: tuple[int, int]
) -> NDArray[np.int64]:
    """Counts by (group, column): one pass over the events."""
    flat = np.bincount(group_of * shape[1] + column, minlength=shape[0] * shape[1])
    return flat.reshape(shape)


def _add_latency(
    groups: list[Group], group_of: NDArray[np.int64], latency_ms: NDArray[np.float64]
) -> None:
    table = _table(group_of, MAPPING.index(latency_ms), (len(groups), MAPPING.size))
    for group, counts in zip(groups, table, strict=True):
        group.cell.latency.counts += counts


def _add_scores(
    groups: list[Group], group_of: NDArray[np.int64], score: NDArray[np.float64]
) -> None:
    given = ~np.isnan(score)
    if not given.any():
        return
    bins = SCORE_BINS.index(score[given])
    table = _table(group_of[given], bins, (len(groups), SCORE_BINS.size))
    for group, counts in zip(groups, table, strict=True):
        group.cell.scores.counts += counts


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
    _learn_classes(groups, group_of[given], codes[given], names)
    table = _table(group_of[given], codes[given], (len(groups), len(names)))
    for group, counts in zip(groups, table, strict=True):
        known = group.rollout.classes
        for code in np.flatnonzero(counts).tolist():
            name = names[code] if names[code] in known else OTHER
            group.cell.classes.add(name, int(counts[code]))


def _learn_classes(
    groups: list[Group],
    group_of: NDArray[np.int64],
    codes: NDArray[np.int32],
    names: tuple[str, ...],
) -> None:
    """Number new classes in the order of the log, up to each rollout's `max_classes`."""
    rollouts = list({id(group.rollout): group.rollout for group in groups}.values())
    number = {id(rollout): i for i, rollout in enumerate(rollouts)}
    rollout_of = np.array([number[id(group.rollout)] for group in groups], dtype=np.int64)
    pairs = rollout_of[group_of] * len(names) + codes
    distinct, first_seen = np.unique(pairs, return_index=True)
    for pair in distinct[np.argsort(first_seen)].tolist():
        rollout = rollouts[pair // len(names)]
        if len(rollout.classes) < rollout.spec.max_classes:
            rollout.classes.setdefault(names[pair % len(names)], len(rollout.classes))

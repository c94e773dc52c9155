"""What panes does a source partition's log give, read again from the beginning?

Takes the log and the activations that were recorded on `panes`; the batch size is the caller's
and must not matter.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streams.agents.sources import PREDICTIONS, AnyFold, AnyForm
from streams.panes.facts import ClosedPane, Marker, PaneClock
from streams.panes.fold import PartitionFold
from streams.spec.model import RolloutSpec
from streams.wire.codec import Codec
from streams.wire.columns import DEFAULT_MAX_EVENT_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRecord:
    """One record of a source partition."""

    offset: int
    append_ms: int
    value: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedActivation:
    """From where to where a spec counted on this partition."""

    spec: RolloutSpec
    first_offset: int
    outcomes_offset: int = 0
    until_offset: int | None = None


def replay_partition(
    log: Sequence[LogRecord],
    activations: Sequence[RecordedActivation],
    clock: PaneClock,
    codec: Codec,
    *,
    batch_size: int,
    form: AnyForm = PREDICTIONS,
    max_event_bytes: int = DEFAULT_MAX_EVENT_BYTES,
) -> Iterator[ClosedPane[Any]]:
    """Fold a whole partition again; yields its closed panes in the order of their closing.

    `max_event_bytes` must be the worker's: it says which records are refused.
    """
    fold = form.new_fold(clock, Marker())
    for batch in batches_between(log, activations, batch_size):
        switch(fold, activations, batch[0].offset)
        columns, append_ms, offsets = read(batch, codec, form, max_event_bytes)
        closed, _ = fold.fold(columns, append_ms, offsets, end_offset=batch[-1].offset + 1)
        yield from closed


def read(
    batch: Sequence[LogRecord], codec: Codec, form: AnyForm, max_event_bytes: int
) -> tuple[Any, NDArray[np.int64], NDArray[np.int64]]:
    """Columns of a batch, and the broker's time and the offset of every record in it."""
    append_ms = np.array([record.append_ms for record in batch], dtype=np.int64)
    offsets = np.array([record.offset for record in batch], dtype=np.int64)
    values = [record.value for record in batch]
    return form.decode(values, codec, max_event_bytes), append_ms, offsets


def switch(fold: AnyFold, activations: Sequence[RecordedActivation], offset: int) -> None:
    """Make live, or end, what the record says should change before this offset."""
    for activation in activations:
        name = activation.spec.rollout
        until = activation.until_offset
        over = until is not None and until <= offset
        if activation.first_offset <= offset and not over and name not in fold.live:
            _activate(fold, activation)
        if over and name in fold.live:
            fold.deactivate(name)


def _activate(fold: AnyFold, activation: RecordedActivation) -> None:
    if isinstance(fold, PartitionFold):
        fold.activate(activation.spec, activation.outcomes_offset)
    else:
        fold.activate(activation.spec)


def batches_between(
    log: Sequence[LogRecord], activations: Sequence[RecordedActivation], size: int
) -> Iterator[Sequence[LogRecord]]:
    """Cut the log into batches that never straddle an activation, which may lie in a hole."""
    edges = {a.first_offset for a in activations} | {a.until_offset for a in activations}
    ordered = sorted(edge for edge in edges if edge is not None)
    batch: list[LogRecord] = []
    for record in log:
        passed = bisect_right(ordered, record.offset)
        if batch and (len(batch) == size or passed > bisect_right(ordered, batch[-1].offset)):
            yield batch
            batch = []
        batch.append(record)
    if batch:
        yield batch

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

from streams.agents.sources import PREDICTIONS, AnyFold, AnyForm
from streams.panes.facts import ClosedPane, Marker, PaneClock
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
    edges = {a.first_offset for a in activations} | {a.until_offset for a in activations}
    for batch in _batches(log, sorted(edge for edge in edges if edge is not None), batch_size):
        _switch(fold, activations, batch[0].offset)
        append_ms = np.array([record.append_ms for record in batch], dtype=np.int64)
        offsets = np.array([record.offset for record in batch], dtype=np.int64)
        values = [record.value for record in batch]
        columns = form.decode(values, codec, max_event_bytes)
        closed, _ = fold.fold(columns, append_ms, offsets, end_offset=batch[-1].offset + 1)
        yield from closed


def _switch(fold: AnyFold, activations: Sequence[RecordedActivation], offset: int) -> None:
    """Make live, or end, what the record says should change before this offset."""
    for activation in activations:
        name = activation.spec.rollout
        until = activation.until_offset
        over = until is not None and until <= offset
        if activation.first_offset <= offset and not over and name not in fold.live:
            fold.activate(activation.spec)
        if over and name in fold.live:
            fold.deactivate(name)


def _batches(
    log: Sequence[LogRecord], edges: Sequence[int], size: int
) -> Iterator[Sequence[LogRecord]]:
    """Cut the log into batches that never straddle an activation, which may lie in a hole."""
    batch: list[LogRecord] = []
    for record in log:
        passed = bisect_right(edges, record.offset)
        if batch and (len(batch) == size or passed > bisect_right(edges, batch[-1].offset)):
            yield batch
            batch = []
        batch.append(record)
    if batch:
        yield batch

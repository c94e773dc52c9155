"""What do the logs of predictions and outcomes of one partition index give, read again?

The batch sizes are the caller's and must not matter, nor which log is read first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from streams.agents.sources import PREDICTIONS
from streams.panes.cohorts import Cohort
from streams.panes.facts import PaneClock
from streams.panes.fold import PartitionFold
from streams.replay.partition import LogRecord, RecordedActivation, batches_between, read, switch
from streams.wire.codec import Codec
from streams.wire.columns import DEFAULT_MAX_EVENT_BYTES
from streams.wire.outcome_columns import decode_outcomes


def replay_cohorts(
    predictions: Sequence[LogRecord],
    outcomes: Sequence[LogRecord],
    activations: Sequence[RecordedActivation],
    clock: PaneClock,
    codec: Codec,
    *,
    batch_size: int,
    max_event_bytes: int = DEFAULT_MAX_EVENT_BYTES,
) -> Iterator[Cohort]:
    """Join both logs whole; yields what cohorts tell, in order.

    A rollout that has ended may have told less: its owner stops wherever its join stands.
    """
    fold = PartitionFold(clock)
    left = [outcomes[at : at + batch_size] for at in range(0, len(outcomes), batch_size)]
    for batch in batches_between(predictions, activations, batch_size):
        switch(fold, activations, batch[0].offset)
        columns, append_ms, offsets = read(batch, codec, PREDICTIONS, max_event_bytes)
        fold.fold(columns, append_ms, offsets, end_offset=batch[-1].offset + 1)
        if left:
            _take(fold, left.pop(0), codec, max_event_bytes)
        yield from fold.outcomes.merge()
    for batch in left:
        _take(fold, batch, codec, max_event_bytes)
    order = fold.outcomes.order
    end_ms = max(order.predictions_read_ms, order.outcomes_read_ms)
    order.predictions_known_ms = order.outcomes_known_ms = end_ms
    yield from fold.outcomes.merge()


def _take(
    fold: PartitionFold, batch: Sequence[LogRecord], codec: Codec, max_event_bytes: int
) -> None:
    values = [record.value for record in batch]
    fold.outcomes.order.outcomes_taken(
        decode_outcomes(values, codec, max_event_bytes=max_event_bytes),
        np.array([record.append_ms for record in batch], np.int64),
        np.array([record.offset for record in batch], np.int64),
        start=batch[0].offset,
        end=batch[-1].offset + 1,
    )

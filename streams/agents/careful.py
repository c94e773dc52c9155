"""What if a batch cannot be folded, whatever we try? Find the records that break it.

The last resort after repeated failures: halves of the batch are folded into copies, so that a
record that breaks the fold costs itself and nothing else.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from typing import Any, TypeVar

from streams.agents.batch import Batch
from streams.agents.records import Records
from streams.errors import RegistryError
from streams.panes.source_fold import SourceFold

logger = logging.getLogger(__name__)

State = TypeVar("State", bound=SourceFold[Any, Any, Any])


def fold_carefully(
    state: State,
    batch: Batch,
    fold: Callable[[State, Batch], None],
    refuse: Callable[[Any], None],
) -> State:
    """Fold a batch; each record that cannot be folded goes to `refuse` and counts as dead.

    Returns the state after the batch; `state` itself may be left half-changed.
    """
    trial = copy.deepcopy(state)
    try:
        fold(trial, batch)
    except RegistryError:
        raise  # no record's fault: the whole batch is tried again
    except Exception:
        if len(batch.records) > 1:
            first, second = _halves(batch)
            return fold_carefully(fold_carefully(state, first, fold, refuse), second, fold, refuse)
        logger.exception("%s-%d@%d: cannot be folded", *batch.partition, batch.start)
        for record in batch.records:
            refuse(record)
        state.skip(len(batch.records), end_offset=batch.end)
        return state
    return trial


def _halves(batch: Batch) -> tuple[Batch, Batch]:
    middle = len(batch.records) // 2
    offset = batch.records[middle].offset
    cuts = (
        (batch.start, offset, Records(batch.records[:middle])),
        (offset, batch.end, Records(batch.records[middle:])),
    )
    first, second = (
        Batch(partition=batch.partition, start=start, end=end, records=records)
        for start, end, records in cuts
    )
    return first, second

"""What does an outcome say, as 64 bits that the join hands on? A label's number, or a value."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from streams.panes.outcomes.names import Names
from streams.spec.outcome_facts import Outcome, OutcomeKind
from streams.wire.columns import Coded
from streams.wire.outcome_columns import OutcomeColumns

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

LARGEST = 1e9
"""Value of a mean without a range; beyond it sums of thousandths might not hold."""


class Refused(StrEnum):
    """Why an outcome says nothing that can be joined, or not quite what was sent."""

    WRONG_KIND = "wrong_kind"
    """A value where a label is awaited, or the other way round."""
    UNKNOWN_LABEL = "unknown_label"
    """A label that is none of the declared classes."""
    OUT_OF_RANGE = "out_of_range"
    """A mean without a range takes values from 0 to 10^9."""
    CLIPPED = "clipped"
    """Beyond the declared range: joined, as the end of the range."""

    @property
    def final(self) -> bool:
        """Whether the outcome is not joined."""
        return self is not Refused.CLIPPED


def said_by(
    outcomes: Sequence[Outcome],
    labels: Sequence[Names],
    columns: OutcomeColumns,
    rows: Ints,
    metric: Ints,
) -> tuple[NDArray[np.uint64], dict[Refused, Bools]]:
    """What these rows of a batch say, and which of them are refused, by why.

    `metric` is the number of each row's outcome; `labels` holds names by outcome, and learns.
    """
    said = np.zeros(rows.size, np.uint64)
    refused = {why: np.zeros(rows.size, np.bool_) for why in Refused}
    for number in np.unique(metric).tolist():
        at = np.flatnonzero(metric == number)
        outcome = outcomes[number]
        if outcome.kind is OutcomeKind.LABEL:
            said[at] = _labels(outcome, labels[number], columns, rows[at], at, refused)
        else:
            said[at] = _values(outcome, columns, rows[at], at, refused)
    return said, refused


def _labels(
    outcome: Outcome,
    labels: Names,
    columns: OutcomeColumns,
    rows: Ints,
    at: Ints,
    refused: dict[Refused, Bools],
) -> NDArray[np.uint64]:
    label = columns.label
    codes = label.codes[rows]
    known = codes >= 0
    refused[Refused.WRONG_KIND][at] = ~known
    if outcome.classes:
        declared = label.places(outcome.classes)[codes] >= 0
        refused[Refused.UNKNOWN_LABEL][at] = known & ~declared
        known &= declared
    kept = np.where(known, codes, -1).astype(np.int32)
    numbers = labels.numbers(Coded(codes=kept, strings=label.strings))
    return np.maximum(numbers, 0).astype(np.uint64)


def _values(
    outcome: Outcome,
    columns: OutcomeColumns,
    rows: Ints,
    at: Ints,
    refused: dict[Refused, Bools],
) -> NDArray[np.uint64]:
    value = columns.value[rows]
    given = ~np.isnan(value)
    refused[Refused.WRONG_KIND][at] = ~given
    if outcome.kind is OutcomeKind.MEAN:
        if outcome.low is None or outcome.high is None:
            refused[Refused.OUT_OF_RANGE][at] = given & ((value < 0) | (value > LARGEST))
        else:
            clipped = np.clip(value, outcome.low, outcome.high)
            refused[Refused.CLIPPED][at] = given & (clipped != value)
            value = clipped
    return np.where(given, value, 0.0).view(np.uint64)

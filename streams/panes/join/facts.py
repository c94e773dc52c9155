"""What goes into the join and what comes out? Columns of a batch, and the plan they are joined by.

All times are epoch milliseconds; arrays of one value have one entry a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import ceil

import numpy as np
from numpy.typing import NDArray

from streams.panes.join.packing import TIME_BITS, Packing

Hashes = NDArray[np.uint64]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

MAX_METRICS = 32


class Fate(StrEnum):
    """What became of an outcome: each has one, or is still pending."""

    JOINED = "joined"
    DUPLICATE = "duplicate"
    """The outcome that was joined, once more: the same outcome id and content."""
    AGREED = "agreed"
    """Another outcome of the same exposure and metric that says the same."""
    CONFLICT = "conflict"
    """One that says something else; the first one counts."""
    LATE = "late"
    """Beyond the metric's window, or after its exposure had matured or was dropped."""
    UNMATCHED = "unmatched"
    """No prediction of this id came in time."""
    OVERFLOW = "overflow"
    """Waited longest for its prediction when more came than could wait."""
    UNSAMPLED = "unsampled"
    """Of a request outside the sample."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeWindow:
    """When an outcome of one metric counts."""

    metric: str
    window_ms: int
    """Longest time from exposure to outcome."""
    delivery_ms: int = 0
    """Longest time from outcome to its arrival, as declared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinPlan:
    """How one rollout joins; the same for every owner, or a snapshot cannot be read.

    Raises:
        ValueError: no metrics or too many, or times that make no sense.
    """

    pane_ms: int
    windows: tuple[OutcomeWindow, ...]
    """By metric number."""
    packing: Packing
    early_ms: int = 60_000
    """How far an outcome's clock may be behind its prediction's."""
    share: float = 1.0
    """Of the requests, chosen by their hash."""
    max_pending: int = 65_536
    """Outcomes that may wait for their prediction, 40 bytes each."""

    def __post_init__(self) -> None:
        if not 1 <= len(self.windows) <= MAX_METRICS:
            raise ValueError(f"a join needs 1 to {MAX_METRICS} metrics, got {len(self.windows)}")
        if min(min(each.window_ms - 1, each.delivery_ms) for each in self.windows) < 0:
            raise ValueError(f"windows must be positive, deliveries not negative: {self.windows}")
        if not 0.0 <= self.share <= 1.0:
            raise ValueError(f"the share of requests must be in [0, 1], got {self.share}")
        if not 1 <= self.pane_ms < 1 << TIME_BITS:
            raise ValueError(f"a pane must be 1 to 2^{TIME_BITS} - 1 ms, got {self.pane_ms}")

    @property
    def kept_ms(self) -> int:
        """How long an exposure is held after the end of its pane."""
        return max(each.window_ms + each.delivery_ms for each in self.windows)

    def open_from(self, closed_through: int) -> Ints:
        """By metric, the first pane that has not matured: earlier ones take no more outcomes.

        The pane before is `evidence.label_coverage.matured_through`.
        """
        end_ms = (closed_through + 1) * self.pane_ms
        held = np.array([each.window_ms + each.delivery_ms for each in self.windows], np.int64)
        return np.maximum((end_ms - held) // self.pane_ms, 0)

    @property
    def widest_run(self) -> int:
        """Panes of the widest run: a power of two, at most an eighth of the time held."""
        panes = min(self.kept_ms // 8, (1 << TIME_BITS) - 1) // self.pane_ms
        return 1 << max(panes.bit_length() - 1, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposures:
    """Predictions that count, each once, in log order."""

    request_hash: Hashes
    event_ms: Ints
    arm: Ints
    segment: Ints
    predicted_class: Ints
    """Number of the class, -1 for none."""
    score: Floats
    """In [0, 1], NaN for none; as `confidence`."""
    confidence: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """Outcomes in log order."""

    request_hash: Hashes
    outcome_hash: Hashes
    """Of the outcome id, by the same function."""
    occurred_ms: Ints
    metric: Ints
    """Number of the metric in `JoinPlan.windows`."""
    said: Hashes
    """What the outcome says, as 64 bits that the join only hands on: a class or a float."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """Outcomes that count, each with its exposure."""

    row: Ints
    """In the batch of outcomes that was given; -1 for one that had been waiting."""
    metric: Ints
    said: Hashes
    request_hash: Hashes
    pane: Ints
    """Of the exposure."""
    arm: Ints
    segment: Ints
    delay_ms: Ints
    """From exposure to outcome; 0 where the outcome's clock was behind."""
    predicted_class: Ints
    """-1 for none."""
    score: Floats
    """Middle of its level (`Packing`); NaN for none."""
    confidence: Floats

    @property
    def size(self) -> int:
        """How many."""
        return self.row.size


def sampled(hashes: Hashes, share: float) -> NDArray[np.bool_]:
    """Requests of the sample: those with hash < share * 2^64, on every side of the join.

    A smaller share is a part of a larger one.

    >>> sampled(np.array([0, 1 << 62, 1 << 63], np.uint64), 0.5).tolist()
    [True, True, False]
    """
    below = ceil(share * 2.0**64)
    if below == 0:
        return np.zeros(hashes.size, np.bool_)
    chosen: NDArray[np.bool_] = hashes <= np.uint64(below - 1)
    return chosen

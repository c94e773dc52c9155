"""What does a metric of outcomes count in a matured cohort?

The first column of each is its denominator: all exposures for business metrics (intention to
treat), the labelled ones for metrics of labels, whose coverage is watched beside them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import numpy as np

from streams.errors import SpecError
from streams.judge.monitors.evidence import Counts
from streams.sketches.log_histogram import MAPPING, LogHistogram
from streams.sketches.outcome_cell import ClassTally, OutcomeCell
from streams.sketches.scaled_sums import UNIT
from streams.spec.metric_facts import Metric, MetricKind
from streams.spec.outcome_facts import Outcome

CAP_QUANTILE = 0.99
"""Values above this quantile of the baseline's count as it."""
WARM_UP = 100
"""Values above 0 of the baseline that the cap is frozen from; their cohorts are not tested."""
NOBODY = ClassTally()


class OutcomeReader(Protocol):
    """Counts of a cohort; as `monitors.evidence.Reader`, of outcomes."""

    columns: int

    @property
    def ready(self) -> bool:
        """Whether cohorts are counted yet."""

    def read(self, baseline: OutcomeCell, candidate: OutcomeCell) -> Counts:
        """The cohort's counts, int64[2, columns]; may learn from it for later ones."""

    def to_state(self) -> Any:
        """What was learnt, as JSON values."""

    def restore(self, state: Any) -> None:
        """Take on what `to_state` wrote."""


class PlainReader:
    """Learns nothing: each arm's counts follow from its cell."""

    ready = True

    def __init__(self, columns: int, count: Callable[[OutcomeCell], list[int]]) -> None:
        self.columns, self._count = columns, count

    def read(self, baseline: OutcomeCell, candidate: OutcomeCell) -> Counts:
        """Counts per arm."""
        return np.array([self._count(baseline), self._count(candidate)], np.int64)

    def to_state(self) -> Any:
        """Nothing is learnt."""
        return None

    def restore(self, state: Any) -> None:
        """Nothing to take on."""


def mistakes(cell: OutcomeCell) -> list[int]:
    """[labelled, wrong]."""
    return [cell.answered, cell.events]


def misses(label: str, cell: OutcomeCell) -> list[int]:
    """[labelled as this class, predicted as another]."""
    tally = cell.classes.get(label, NOBODY)
    return [tally.labelled, tally.labelled - tally.hits]


def happened(cell: OutcomeCell) -> list[int]:
    """[exposures, those whose outcome happened]."""
    return [cell.exposures, cell.events]


def losses(kind: MetricKind, cell: OutcomeCell) -> list[int]:
    """[values, their sum, sum of squares], in parts of 2^20, of `brier` or `log_loss`."""
    sums = cell.brier if kind is MetricKind.BRIER else cell.log_loss
    return [sums.count, sums.total, sums.squares]


def values(cell: OutcomeCell) -> list[int]:
    """[exposures, sum, sum of squares] in parts of the range, which begins at 0.

    An exposure without an outcome is a 0 and adds nothing.
    """
    return [cell.exposures, cell.values.total, cell.values.squares]


class CappedReader:
    """The same of values without a range, in parts of a cap that is frozen from the baseline's.

    A value is known by its bucket, 1 % exact; those above the cap count as the cap. What is in the
    first bucket (0 to 0.001) counts as 0, said or not: zeros that are sent move no cap. Values of
    the last bucket (above 10^7) are not told apart: no cap is frozen there, and nothing is tested.
    """

    columns = 3

    def __init__(self) -> None:
        self._warm_up = LogHistogram()
        self._parts = np.zeros(0, np.int64)
        self._bucket: int | None = None

    @property
    def ready(self) -> bool:
        """Whether the cap is frozen."""
        return self._bucket is not None

    @property
    def cap(self) -> float | None:
        """The value that larger ones count as; None until it is frozen."""
        return None if self._bucket is None else MAPPING.value(self._bucket)

    def above(self, cell: OutcomeCell) -> int:
        """How many values count as the cap."""
        return 0 if self._bucket is None else int(cell.histogram.counts[self._bucket + 1 :].sum())

    def read(self, baseline: OutcomeCell, candidate: OutcomeCell) -> Counts:
        """Counts per arm; zeros while the warm-up lasts."""
        if self._bucket is None:
            self._learn(baseline.histogram)
            return np.zeros((2, self.columns), np.int64)
        return np.array([self._count(cell) for cell in (baseline, candidate)], np.int64)

    def _learn(self, values: LogHistogram) -> None:
        self._warm_up.merge(values)
        seen = np.cumsum(self._warm_up.counts[1:])
        total = int(seen[-1])
        if total < WARM_UP:
            return
        bucket = 1 + int(np.searchsorted(seen, int(np.ceil(CAP_QUANTILE * total))))
        if bucket < MAPPING.size - 1:
            self._freeze(bucket)
            self._warm_up = LogHistogram()

    def _freeze(self, bucket: int) -> None:
        self._bucket = bucket
        values = np.array([0.0, *(MAPPING.value(index) for index in range(1, bucket + 1))])
        parts = np.full(MAPPING.size, UNIT, np.int64)
        parts[: bucket + 1] = np.rint(values / values[-1] * UNIT).astype(np.int64)
        self._parts = parts

    def _count(self, cell: OutcomeCell) -> list[int]:
        counts = cell.histogram.counts
        total, squares = int(counts @ self._parts), int(counts @ self._parts**2)
        return [cell.exposures, total, squares]

    def to_state(self) -> Any:
        """The cap's bucket, or the warm-up."""
        return {"bucket": self._bucket, "warm_up": self._warm_up.to_state()}

    def restore(self, state: Any) -> None:
        """Take on what `to_state` wrote."""
        self._warm_up = LogHistogram.from_state(state["warm_up"])
        if state["bucket"] is not None:
            self._freeze(state["bucket"])


def outcome_reader(metric: Metric, outcome: Outcome) -> OutcomeReader:
    """What counts a metric of outcomes in a cohort.

    Raises:
        SpecError: it is no metric of outcomes, or lacks its class.
    """
    match metric.kind:
        case MetricKind.MISTAKES | MetricKind.ACCURACY:
            return PlainReader(2, mistakes)
        case MetricKind.RECALL if metric.label is not None:
            return PlainReader(2, partial(misses, metric.label))
        case MetricKind.LOG_LOSS | MetricKind.BRIER:
            return PlainReader(3, partial(losses, metric.kind))
        case MetricKind.RATE:
            return PlainReader(2, happened)
        case MetricKind.MEAN:
            return CappedReader() if outcome.high is None else PlainReader(3, values)
        case _:
            raise SpecError(
                f"metric {metric.name!r} of kind {metric.kind.value!r} cannot be asked of outcome "
                f"{outcome.name!r}; name the class of a recall, and no outcome for requests"
            )

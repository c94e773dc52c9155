"""What of a pane is counted where users are the unit? What befalls each first, of those at risk.

Latency too: requests of a slow user are slow together, and taken as independent they fire as often
as errors do. A user's first request above tau counts; tau, frozen from the baseline's requests,
may fall later but never rises, so that nobody exceeds it twice.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from streams.judge.monitors.evidence import Counts, Reader
from streams.judge.monitors.latency import LATENCY_COLUMNS, LatencyReader, Times
from streams.judge.monitors.rates import RateReader
from streams.judge.monitors.sla import SLA_COLUMNS, SlaReader
from streams.sketches.cell import Cell
from streams.sketches.unit_cell import UnitCell
from streams.spec.metric_facts import Metric, MetricKind
from streams.spec.model import Unit

NOBODY = UnitCell()
"""Stands for a cell without units; never written to."""


class Counted(StrEnum):
    """The estimand: of what the exposures of a verdict are, and how often each can be an event."""

    REQUESTS = "requests"
    FIRST_ERROR = "users, until the first error of each"
    FIRST_TIMEOUT = "users, until the first timeout of each"
    FIRST_SLOW = "users, until the first slow request of each"


_BY_UNIT = {
    MetricKind.ERRORS: Counted.FIRST_ERROR,
    MetricKind.SUCCESS: Counted.FIRST_ERROR,
    MetricKind.TIMEOUTS: Counted.FIRST_TIMEOUT,
    MetricKind.LATENCY: Counted.FIRST_SLOW,
    MetricKind.LATENCY_SLA: Counted.FIRST_SLOW,
}


def counted_of(metric: Metric, unit: Unit) -> Counted:
    """What a metric counts in a rollout."""
    if unit is Unit.REQUEST or metric.generative:
        return Counted.REQUESTS
    return _BY_UNIT.get(metric.kind, Counted.REQUESTS)


def by_unit(metric: Metric, reader: Reader) -> Reader:
    """The reader that counts by user what `reader` counts by request; itself where none does."""
    match counted_of(metric, Unit.USER), reader:
        case Counted.FIRST_ERROR, RateReader():
            return FirstErrorReader()
        case Counted.FIRST_TIMEOUT, RateReader():
            return FirstTimeoutReader()
        case Counted.FIRST_SLOW, LatencyReader():
            return FirstSlowReader(metric.quantile or 0.0, metric.margin)
        case Counted.FIRST_SLOW, SlaReader():
            return FirstSlaReader(metric.limit_ms or 0.0)
        case _:
            return reader


def units_of(cell: Cell) -> UnitCell:
    """What is counted of units; nothing where the cell is empty."""
    return cell.units or NOBODY


class FirstErrorReader(RateReader):
    """Units at risk, and their first errors."""

    def __init__(self) -> None:
        super().__init__(lambda cell: units_of(cell).errors)

    def read(self, baseline: Cell, candidate: Cell) -> Counts:
        """[units at risk, first errors] per arm."""
        arms = (units_of(baseline), units_of(candidate))
        return np.array([[units.error_risk, units.errors] for units in arms], np.int64)


class FirstTimeoutReader(RateReader):
    """Units at risk, and their first timeouts."""

    def __init__(self) -> None:
        super().__init__(lambda cell: units_of(cell).timeouts)

    def read(self, baseline: Cell, candidate: Cell) -> Counts:
        """[units at risk, first timeouts] per arm."""
        arms = (units_of(baseline), units_of(candidate))
        return np.array([[units.timeout_risk, units.timeouts] for units in arms], np.int64)


class FirstSlowReader(LatencyReader):
    """Units at risk, and their first requests above tau (a candidate's: above the margin too)."""

    by_times = False

    def read(self, baseline: Cell, candidate: Cell) -> Counts:
        """[units at risk, first exceedances] per arm; zeros while the warm-up lasts."""
        tau = self._tau
        self._learn(Times.of(baseline.latency))
        if tau is None:
            return np.zeros((2, LATENCY_COLUMNS), np.int64)
        arms = (units_of(baseline), units_of(candidate))
        return np.array([units.first_exceedances(self._shift, tau) for units in arms], np.int64)

    def _freeze(self) -> None:
        """Whoever was above tau is above a lower one too, and so is never at risk again."""
        before = self._tau
        super()._freeze()
        if before is not None and self._tau is not None:
            self._tau = min(before, self._tau)


class FirstSlaReader(SlaReader):
    """Units at risk, and their first requests surely and perhaps over the limit."""

    def read(self, baseline: Cell, candidate: Cell) -> Counts:
        """[units at risk, surely over, perhaps over] per arm.

        Whoever was perhaps over it before is perhaps over it again: safety errs on that side.
        """
        rows = np.zeros((2, SLA_COLUMNS), np.int64)
        for row, cell in zip(rows, (baseline, candidate), strict=True):
            units = units_of(cell)
            surely, perhaps = (units.first_exceedances(0, e) for e in (self._surely, self._perhaps))
            row[:] = *surely, perhaps[1] + surely[0] - perhaps[0]
        return rows

"""Do requests fail or time out more often? Rates against the baseline or an absolute limit.

The rate-ratio grid e-process on realised shares, with an absolute floor where the
spec gives one; `success` is the one-arm test of the complement.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from streams.evidence.fixed import Floats
from streams.evidence.floors import harm_above_both, safe_below_either
from streams.evidence.one_arm import OneArmSums, OneArmTest
from streams.evidence.onset import start_block
from streams.evidence.overdispersion import tempered_log_e_safe
from streams.evidence.rates import RatioSums, RatioTest
from streams.evidence.two_sample import TwoSampleSums, TwoSampleTest
from streams.figures import finite
from streams.judge.monitors.evidence import Closed, Counts, Gauge, Tally
from streams.judge.monitors.grids import by_claim, tallies
from streams.judge.monitors.late import LateLimit, LateRatio
from streams.sketches.cell import Cell

RATE_COLUMNS = 2
FREQUENT = 0.05
"""Share of events above which the two-sample form saves data."""
NO_FLOOR = 0.5
"""Stands where a metric has no floor; never looked at."""

Sums = RatioSums | TwoSampleSums


class RateReader:
    """Exposures and events of a pane; `events` picks what is an event."""

    columns = RATE_COLUMNS
    ready = True

    def __init__(self, events: Callable[[Cell], int]) -> None:
        self._events = events

    def read(self, baseline: Cell, candidate: Cell) -> Counts:
        """[exposures, events] per arm."""
        arms = (baseline, candidate)
        return np.array([[cell.exposures, self._events(cell)] for cell in arms], np.int64)

    def to_state(self) -> Any:
        """Nothing is learnt."""
        return None

    def restore(self, state: Any) -> None:
        """Nothing to take on."""


class RatioEvidence:
    """Candidates' rates against the baseline's; columns: exposures, events."""

    def __init__(
        self, sums: Sums, floors: tuple[float | None, ...], phi: float | Floats = 1.0
    ) -> None:
        """`sums` are empty, [candidates, metrics], with a margin for each metric."""
        self._ratio, self._late = sums, LateRatio(sums)
        self._floors = Floors(floors, sums.n_b.shape) if any(floors) else None
        self._phi = np.asarray(phi, np.float64)

    def fold(self, closed: Closed) -> None:
        """Add closed strata."""
        n_b, x_b, n_c, x_c = closed.columns()
        self._phi = np.asarray(closed.phi, np.float64)
        if closed.at_s is None:
            self._ratio.fold(n_b, n_c, x_b, x_c, closed.mask)
        else:
            block = start_block(closed.at_s)
            self._late.fold(n_b, n_c, x_b, x_c, block, closed.mask, phi=self._phi)
        if self._floors is not None:
            self._floors.fold(n_c, x_c, closed)

    @property
    def _tempering(self) -> Floats:
        """Variance over mean; 1 where it is not known yet, and nothing is said anyway."""
        return np.where(np.isnan(self._phi), 1.0, self._phi)

    def log_e_harm(self) -> Floats:
        """Against a rate of at most (1 + margin) the baseline's, or at most the floor."""
        log_e = self._late.log_e_harm()
        return log_e if self._floors is None else self._floors.harm(log_e)

    def log_e_safe(self) -> Floats:
        """Against a rate above (1 + margin) the baseline's and above the floor."""
        phi = self._tempering
        if isinstance(self._ratio, TwoSampleSums):
            log_e = self._ratio.log_e_safe(phi)
        else:
            log_e = tempered_log_e_safe(self._ratio, phi)
        if self._floors is not None:
            log_e = self._floors.safe(log_e, phi)
        return np.where(np.isnan(self._phi), 0.0, log_e)

    def gauges(self, alpha: float) -> list[list[Gauge]]:
        """Stratified rate ratios."""
        low, high = self._ratio.interval(alpha, self._tempering)
        return by_claim(_ratio_gauge, self._ratio.estimate(), low, high)

    def tallies(self) -> list[list[Tally]]:
        """Counts of the strata in which both arms had exposures."""
        sums = self._ratio
        return tallies(sums.n_b, sums.x_b, sums.n_c, sums.x_c, self._tempering)

    def to_state(self) -> Any:
        """Sums and late onsets."""
        return {
            "ratio": self._ratio.to_state(),
            "late": self._late.to_state(),
            "floors": self._floors and self._floors.to_state(),
            "phi": np.where(np.isnan(self._phi), 0.0, self._phi).tolist(),
        }

    def restore(self, state: Any) -> None:
        """Take on what `to_state` wrote."""
        self._ratio = _restored(self._ratio, state["ratio"])
        self._late.restore(state["late"], self._ratio)
        if self._floors is not None:
            self._floors.restore(state["floors"])
        phi = np.array(state["phi"], np.float64)
        self._phi = np.where(phi == 0.0, np.nan, phi)


def _ratio_gauge(estimate: float, low: float, high: float) -> Gauge:
    return Gauge(unit="ratio", estimate=finite(estimate), low=low, high=finite(high))


def rare_sums(margins: tuple[float, ...], candidates: int) -> RatioSums:
    """Nothing seen yet of metrics whose events are rare."""
    return RatioSums.zeros(RatioTest(margins), (candidates, len(margins)))


def frequent_sums(rates: tuple[float, ...], candidates: int) -> TwoSampleSums:
    """Nothing seen yet of metrics with events at about these rates, to be compared at margin 0.

    Without the lattice of an interval: latency shows quantiles instead.
    """
    test = TwoSampleTest((0.0,) * len(rates), start_rate=rates, resolution=None)
    return TwoSampleSums.zeros(test, (candidates, len(rates)))


def _restored(sums: Sums, state: Any) -> Sums:
    if isinstance(sums, TwoSampleSums):
        return TwoSampleSums.from_state(sums.test, state)
    return RatioSums.from_state(sums.test, state)


class Floors:
    """Absolute floors beside relative margins, of the metrics that have one."""

    def __init__(self, floors: tuple[float | None, ...], shape: tuple[int, ...]) -> None:
        self._has = np.array([floor is not None for floor in floors])
        limits = tuple(NO_FLOOR if floor is None else floor for floor in floors)
        self._sums = OneArmSums.zeros(OneArmTest(limits), shape)
        self._late = LateLimit(limits, shape)

    def fold(self, n: Counts, x: Counts, closed: Closed) -> None:
        """Candidates' exposures and events, [candidates, metrics] each."""
        self._sums.fold(n, x, closed.mask)
        if closed.at_s is not None:
            self._late.fold(n, x, start_block(closed.at_s), closed.mask)

    def harm(self, log_e: Floats) -> Floats:
        """Harm by the ratio, and by the floor where there is one."""
        return np.where(self._has, harm_above_both(log_e, self._late.log_e_harm()), log_e)

    def safe(self, log_e: Floats, phi: Floats) -> Floats:
        """Safety by the ratio, or by the floor where there is one; `phi` tempers it."""
        below = self._sums.log_e_safe() / phi
        return np.where(self._has, safe_below_either(log_e, below), log_e)

    def to_state(self) -> Any:
        """JSON values."""
        return {"sums": self._sums.to_state(), "late": self._late.to_state()}

    def restore(self, state: Any) -> None:
        """Take on what `to_state` wrote."""
        self._sums = OneArmSums.from_state(self._sums.test, state["sums"])
        self._late.restore(state["late"])


class SuccessEvidence:
    """Candidates' shares of successes against absolute limits; columns: exposures, errors."""

    def __init__(self, limits: tuple[float, ...], candidates: int) -> None:
        """A least share of successes for each metric."""
        shape, most = (candidates, len(limits)), tuple(1.0 - limit for limit in limits)
        self._errors, self._baseline = (OneArmSums.zeros(OneArmTest(most), shape) for _ in "ab")
        self._late = LateLimit(most, shape)

    def fold(self, closed: Closed) -> None:
        """Add closed strata."""
        n_b, x_b, n_c, x_c = closed.columns()
        if closed.at_s is not None:
            self._late.fold(n_c, x_c, start_block(closed.at_s), closed.mask)
        self._baseline.fold(n_b, x_b, closed.mask)
        self._errors.fold(n_c, x_c, closed.mask)

    def log_e_harm(self) -> Floats:
        """Against a share of successes at or above the limit, at any time."""
        return self._late.log_e_harm()

    def log_e_safe(self) -> Floats:
        """Against a share of successes at or below the limit."""
        return self._errors.log_e_safe()

    def gauges(self, alpha: float) -> list[list[Gauge]]:
        """Candidates' shares of successes."""
        low, high = self._errors.interval(alpha)
        return by_claim(_success_gauge, self._errors.estimate(), low, high)

    def tallies(self) -> list[list[Tally]]:
        """Requests and errors; the baseline's are told, not tested."""
        baseline, errors = self._baseline, self._errors
        return tallies(baseline.n, baseline.x, errors.n, errors.x)

    def to_state(self) -> Any:
        """The sums, the late onset and the baseline's counts."""
        return {
            "errors": self._errors.to_state(),
            "late": self._late.to_state(),
            "baseline": self._baseline.to_state(),
        }

    def restore(self, state: Any) -> None:
        """Take on what `to_state` wrote."""
        test = self._errors.test
        self._errors = OneArmSums.from_state(test, state["errors"])
        self._baseline = OneArmSums.from_state(test, state["baseline"])
        self._late.restore(state["late"])


def _success_gauge(errors: float, low: float, high: float) -> Gauge:
    return Gauge(unit="share", estimate=finite(1.0 - errors), low=1.0 - high, high=1.0 - low)

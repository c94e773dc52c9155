"""Do requests fail or time out more often? Rates against the baseline or an absolute limit.

The rate-ratio grid e-process on realised shares, with an absolute floor where the
spec gives one; `success` is the one-arm test of the complement.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from streams.evidence.floors import harm_above_both, safe_below_either
from streams.evidence.one_arm import OneArmSums, OneArmTest
from streams.evidence.onset import start_block
from streams.evidence.overdispersion import tempered_log_e_safe
from streams.evidence.rates import RatioSums, RatioTest
from streams.evidence.two_sample import TwoSampleSums, TwoSampleTest
from streams.judge.monitors.dispersion import Dispersion
from streams.judge.monitors.evidence import Counts, Gauge, Tally, finite
from streams.judge.monitors.late import LateLimit, LateRatio
from streams.sketches.cell import Cell

RATE_COLUMNS = 2
FREQUENT = 0.05
"""Share of events above which the two-sample form saves data."""


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
    """Candidate's rate against the baseline's; columns: exposures, events.

    `frequent` is about how often events are expected: above 5 % the two-sample form is sharper.
    """

    def __init__(
        self,
        margin: float,
        floor: float | None = None,
        frequent: float | None = None,
        dispersion: Dispersion | None = None,
    ) -> None:
        self._ratio = _sums(margin, frequent)
        self._late = LateRatio(self._ratio)
        self._floor = OneArmSums.zeros(OneArmTest(floor)) if floor else None
        self._late_floor = LateLimit(floor) if floor else None
        self._dispersion = dispersion

    def fold(self, counts: Counts, weight_bp: int, at_s: float | None) -> None:  # noqa: ARG002 - realised
        """Add a closed stratum."""
        (n_b, x_b), (n_c, x_c) = counts.tolist()
        if at_s is None or self._phi is None:
            self._ratio.fold(n_b, n_c, x_b, x_c)
        else:
            self._late.fold(n_b, n_c, x_b, x_c, start_block(at_s), phi=self._phi)
        if self._floor is not None:
            self._floor.fold(n_c, x_c)
        if at_s is not None:
            self._learn(n_b, x_b, n_c, x_c, at_s)

    def _learn(self, n_b: int, x_b: int, n_c: int, x_c: int, at_s: float) -> None:
        if self._late_floor is not None:
            self._late_floor.fold(n_c, x_c, start_block(at_s))
        if self._dispersion is not None:
            self._dispersion.add(n_b, x_b, at_s)

    @property
    def _phi(self) -> float | None:
        """Variance over mean; 1 where it is not measured, None where it is not known yet."""
        return 1.0 if self._dispersion is None else self._dispersion.phi

    def log_e_harm(self) -> float:
        """Against a rate of at most (1 + margin) the baseline's, or at most the floor."""
        log_e = self._late.log_e_harm()
        if self._late_floor is not None:
            log_e = harm_above_both(log_e, self._late_floor.log_e_harm())
        return float(log_e)

    def log_e_safe(self) -> float:
        """Against a rate above (1 + margin) the baseline's and above the floor."""
        phi = self._phi
        if phi is None:
            return 0.0
        if isinstance(self._ratio, TwoSampleSums):
            log_e = self._ratio.log_e_safe(phi)
        else:
            log_e = tempered_log_e_safe(self._ratio, phi)
        if self._floor is not None:
            log_e = safe_below_either(log_e, self._floor.log_e_safe() / phi)
        return float(log_e)

    def gauge(self, alpha: float) -> Gauge:
        """Stratified rate ratio."""
        low, high = self._ratio.interval(alpha, self._phi or 1.0)
        estimate = finite(float(self._ratio.estimate()))
        return Gauge(unit="ratio", estimate=estimate, low=float(low), high=finite(float(high)))

    def tally(self) -> Tally:
        """Counts of the strata in which both arms had exposures."""
        sums = self._ratio
        return Tally(
            exposures=(int(sums.n_b), int(sums.n_c)),
            events=(int(sums.x_b), int(sums.x_c)),
            dispersion=self._phi or 1.0,
        )

    def to_state(self) -> Any:
        """Sums and late onsets."""
        state = {"ratio": self._ratio.to_state(), "late": self._late.to_state()}
        if self._floor is not None and self._late_floor is not None:
            floors = {"floor": self._floor.to_state(), "late_floor": self._late_floor.to_state()}
            state |= floors
        if self._dispersion is not None:
            state["dispersion"] = self._dispersion.to_state()
        return state

    def restore(self, state: Any) -> None:
        """Take on what `to_state` wrote."""
        self._ratio = _restored(self._ratio, state["ratio"])
        self._late.restore(state["late"], self._ratio)
        if self._floor is not None and self._late_floor is not None:
            self._floor = OneArmSums.from_state(self._floor.test, state["floor"])
            self._late_floor.restore(state["late_floor"])
        if self._dispersion is not None:
            self._dispersion.restore(state["dispersion"])


def _sums(margin: float, frequent: float | None) -> RatioSums | TwoSampleSums:
    if frequent is None or frequent <= FREQUENT:
        return RatioSums.zeros(RatioTest(margin))
    return TwoSampleSums.zeros(TwoSampleTest(margin, start_rate=frequent))


def _restored(sums: RatioSums | TwoSampleSums, state: Any) -> RatioSums | TwoSampleSums:
    if isinstance(sums, TwoSampleSums):
        return TwoSampleSums.from_state(sums.test, state)
    return RatioSums.from_state(sums.test, state)


class SuccessEvidence:
    """The candidate's share of successes against an absolute limit; columns: exposures, errors."""

    def __init__(self, limit: float) -> None:
        self._errors = OneArmSums.zeros(OneArmTest(1.0 - limit))
        self._late = LateLimit(1.0 - limit)
        self._baseline = [0, 0]

    def fold(self, counts: Counts, weight_bp: int, at_s: float | None) -> None:  # noqa: ARG002 - one arm
        """Add a closed stratum."""
        baseline, (n_c, x_c) = counts.tolist()
        if at_s is not None:
            self._late.fold(n_c, x_c, start_block(at_s))
        self._baseline = [a + b for a, b in zip(self._baseline, baseline, strict=True)]
        self._errors.fold(n_c, x_c)

    def log_e_harm(self) -> float:
        """Against a share of successes at or above the limit, at any time."""
        return float(self._late.log_e_harm())

    def log_e_safe(self) -> float:
        """Against a share of successes at or below the limit."""
        return float(self._errors.log_e_safe())

    def gauge(self, alpha: float) -> Gauge:
        """The candidate's share of successes."""
        low, high = self._errors.interval(alpha)
        estimate = finite(1.0 - float(self._errors.estimate()))
        return Gauge(unit="share", estimate=estimate, low=1.0 - float(high), high=1.0 - float(low))

    def tally(self) -> Tally:
        """Requests and errors; the baseline's are told, not tested."""
        n_b, x_b = self._baseline
        return Tally(exposures=(n_b, int(self._errors.n)), events=(x_b, int(self._errors.x)))

    def to_state(self) -> Any:
        """The sums, the late onset and the baseline's counts."""
        return {
            "errors": self._errors.to_state(),
            "late": self._late.to_state(),
            "baseline": self._baseline,
        }

    def restore(self, state: Any) -> None:
        """Take on what `to_state` wrote."""
        self._errors = OneArmSums.from_state(self._errors.test, state["errors"])
        self._late.restore(state["late"])
        self._baseline = list(state["baseline"])

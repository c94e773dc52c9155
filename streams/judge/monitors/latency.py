"""Is the candidate slower? Exceedances of a frozen baseline quantile, quantiles for display.

tau is the baseline's quantile of a warm-up that is then discarded, on a bucket edge; the candidate
counts above tau gamma^j, the baseline above tau. Failed requests count too. Each later block of
baseline events freezes tau anew for the panes after it; when the baseline itself has changed, tau
is held for the rest of the stage and the next one learns it from panes after the change.
"""

# Why any of these rules is valid: given the panes before, tau is a number, and under H0 a request
# of the candidate exceeds it (shifted by the margin) no more often than one of the baseline. So
# each stratum's factor has expectation <= 1 whatever tau is, if only earlier panes chose it: when
# a block is full, when to hold and when to renew look at panes up to the present one, and tau
# moves for those after it. The choice costs or gains sharpness alone: a tau from a stalled start,
# or from a slower world, is never exceeded and shows nothing.

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np

from streams.evidence.fixed import Ints
from streams.evidence.quantile import (
    exceedances,
    freeze_tau,
    margin_buckets,
    quantile_bounds,
    quantile_ratios,
)
from streams.figures import finite
from streams.judge.monitors.evidence import Counts, Gauge
from streams.sketches.cell import Cell
from streams.sketches.log_histogram import MAPPING, LogHistogram

Pick = Callable[[Cell], LogHistogram]
"""Takes the times that are asked about from a cell."""
REQUESTS: Pick = attrgetter("latency")
LATENCY_COLUMNS = 2
BLOCK_EVENTS = 1000
"""Baseline events, at least, between two freezes of tau."""
DULL = 3.0
"""Factor by which the odds of an exceedance may differ from (1 - q) / q before tau is dull."""


@dataclass(frozen=True, slots=True, eq=False)
class Times:
    """One arm's times in a pane, summed up once for all quantiles that are asked about."""

    histogram: LogHistogram
    through: Ints
    total: int

    @classmethod
    def of(cls, histogram: LogHistogram) -> Times:
        """Sum a histogram up."""
        through = histogram.through()
        return cls(histogram, through, int(through[-1]))

    def above(self, edge: int) -> int:
        """As `Histogram.count_above`."""
        return self.total - int(self.through[edge]) if edge >= 0 else self.total


class LatencyReader:
    """Requests and exceedances of a pane, once tau is frozen."""

    columns = LATENCY_COLUMNS
    by_times = True
    """Whether `count` is all that it does with a pane."""

    def __init__(self, quantile: float, margin: float, pick: Pick = REQUESTS) -> None:
        self._quantile, self._pick = quantile, pick
        self._shift = margin_buckets(margin)
        self._tau: int | None = None
        self._begin()
        self._held = self._due = False

    @property
    def ready(self) -> bool:
        """Whether tau is frozen."""
        return self._tau is not None

    def read(self, baseline: Cell, candidate: Cell) -> Counts:
        """[requests, exceedances] per arm; zeros while the warm-up lasts."""
        return self.count(*self.times(baseline, candidate))

    def times(self, baseline: Cell, candidate: Cell) -> tuple[Times, Times]:
        """What `count` takes; readers that pick the same times may share it."""
        return Times.of(self._pick(baseline)), Times.of(self._pick(candidate))

    def count(self, baseline: Times, candidate: Times) -> Counts:
        """As `read`, of a pane's times."""
        tau = self._tau
        self._learn(baseline)
        if tau is None:
            return np.zeros((2, LATENCY_COLUMNS), np.int64)
        slow_c = candidate.above(min(tau + self._shift, MAPPING.size - 1))
        rows = [[baseline.total, baseline.above(tau)], [candidate.total, slow_c]]
        return np.array(rows, np.int64)

    def _learn(self, times: Times) -> None:
        """Freeze tau for later panes when a block is full; the first block is the warm-up."""
        if times.total:
            self._block.merge(times.histogram)
            self._events += times.total
        if self._held:
            return
        if self._tau is None or self._due or self._events >= BLOCK_EVENTS:
            self._freeze()

    def _freeze(self) -> None:
        tau = freeze_tau(self._block, self._quantile) if self._events else None
        if tau is not None:
            self._tau, self._due = tau, False
            self._begin()

    def _begin(self) -> None:
        self._block, self._events = LogHistogram(), 0

    def hold(self) -> None:
        """The baseline has changed: keep tau, and gather from the next pane on for `renew`.

        A warm-up goes on: there is nothing to keep yet.
        """
        if self._tau is not None:
            self._held, self._due = True, False
            self._begin()

    def renew(self) -> None:
        """Freeze a tau that was held anew: from what was gathered, or as soon as that suffices."""
        if self._held:
            self._held, self._due = False, True
            self._freeze()

    @property
    def dull(self) -> bool:
        """Whether tau is held, and a block gathered since exceeds it far too often or seldom."""
        if not self._held or self._tau is None or self._events < BLOCK_EVENTS:
            return False
        slow, total = exceedances(self._block, self._tau), self._events
        odds = slow / max(total - slow, 1) * self._quantile / (1.0 - self._quantile)
        return not 1.0 / DULL <= odds <= DULL

    def to_state(self) -> Any:
        """Tau, the block that leads to the next one, and what becomes of it."""
        return {
            "tau": self._tau,
            "block": self._block.to_span(),
            "held": self._held,
            "due": self._due,
        }

    def restore(self, state: Any) -> None:
        """Take on what `to_state` wrote."""
        self._tau = state["tau"]
        self._block = LogHistogram.from_span(state["block"])
        self._events = self._block.total
        self._held, self._due = state["held"], state["due"]


class CurrentLatency:
    """Both arms' latencies under the current applied weight: pooled over a ramp they would lie."""

    def __init__(
        self,
        quantiles: Sequence[float] = (),
        alpha: float = 0.05,
        pick: Pick = REQUESTS,
    ) -> None:
        """Which quantiles are asked for, the any-time miscoverage of their intervals, of what."""
        self._quantiles, self._alpha, self._pick = tuple(quantiles), alpha, pick
        self._weight_bp: int | None = None
        self.baseline, self.candidate = LogHistogram(), LogHistogram()
        self._ratios: dict[float, Gauge] = {}
        self._peers: tuple[CurrentLatency, ...] = (self,)

    def join(self, peers: Sequence[CurrentLatency]) -> None:
        """Be measured together with others that are asked for the same, itself among them."""
        self._peers = tuple(peers)

    def add(self, baseline: Cell, candidate: Cell, weight_bp: int) -> None:
        """A pane; another weight than the last one's starts afresh."""
        if weight_bp != self._weight_bp:
            self._weight_bp = weight_bp
            self.baseline, self.candidate = LogHistogram(), LogHistogram()
        self.baseline.merge(self._pick(baseline))
        self.candidate.merge(self._pick(candidate))
        self._ratios.clear()

    def ratio(self, quantile: float) -> Gauge:
        """Ratio of the arms' quantiles; all of all peers are found when one is asked for."""
        if self.stale:
            measure([each for each in self._peers if each.stale], self._quantiles, self._alpha)
        return self._ratios[quantile]

    @property
    def stale(self) -> bool:
        """Whether ratios are not found yet since the last pane."""
        return not self._ratios

    def tell(self, ratios: Sequence[tuple[float, float, float]]) -> None:
        """Ratios and intervals of all quantiles, in order."""
        for quantile, (ratio, low, high) in zip(self._quantiles, ratios, strict=True):
            gauge = Gauge(unit="ratio", estimate=finite(ratio), low=low, high=finite(high))
            self._ratios[quantile] = gauge

    def candidate_quantile(self, quantile: float) -> Gauge:
        """The candidate's quantile in milliseconds."""
        low, high = quantile_bounds(self.candidate, quantile, self._alpha)
        estimate = self.candidate.quantile(quantile)
        return Gauge(unit="ms", estimate=estimate, low=low, high=finite(high))

    def to_state(self) -> dict[str, Any]:
        """The histograms as JSON values."""
        arms = [self.baseline.to_span(), self.candidate.to_span()]
        return {"weight_bp": self._weight_bp, "arms": arms}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `to_state` wrote."""
        self._weight_bp = state["weight_bp"]
        self.baseline, self.candidate = (LogHistogram.from_span(a) for a in state["arms"])
        self._ratios.clear()


def measure(peers: Sequence[CurrentLatency], quantiles: Sequence[float], alpha: float) -> None:
    """Find the ratios of all of them at once."""
    pairs = [(each.baseline, each.candidate) for each in peers]
    for each, ratios in zip(peers, quantile_ratios(pairs, quantiles, alpha), strict=True):
        each.tell(ratios)

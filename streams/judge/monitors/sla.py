"""Does a latency quantile keep its absolute limit? Requests that are slower, as a rate.

"p99 over 300 ms" is "more than 1 % of requests take over 300 ms": one arm's rate against 1 - q,
exact on bucket edges. Harm counts above the first edge at or beyond the limit, safety above the
last edge at or before it, so that rounding never decides.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from streams.evidence.one_arm import OneArmSums
from streams.evidence.onset import start_block
from streams.evidence.quantile_limit import limit_edges, quantile_limit_test
from streams.judge.monitors.evidence import Counts, Gauge, Tally
from streams.judge.monitors.late import LateLimit
from streams.sketches.cell import Cell

SLA_COLUMNS = 3


class SlaReader:
    """Requests, those surely over the limit, and those perhaps over it."""

    columns = SLA_COLUMNS
    ready = True

    def __init__(self, limit_ms: float) -> None:
        self._perhaps, self._surely = limit_edges(limit_ms)

    def read(self, baseline: Cell, candidate: Cell) -> Counts:
        """[requests, surely over, perhaps over] per arm; failed requests count too."""
        edges = (self._surely, self._perhaps)
        rows = [
            [cell.latency.total, *(cell.latency.count_above(edge) for edge in edges)]
            for cell in (baseline, candidate)
        ]
        return np.array(rows, np.int64)

    def to_state(self) -> Any:
        """Nothing is learnt."""
        return None

    def restore(self, state: Any) -> None:
        """Nothing to take on."""


class SlaEvidence:
    """The candidate's share of slow requests against 1 - q; columns as `SlaReader`."""

    def __init__(self, quantile: float) -> None:
        test = quantile_limit_test(quantile)
        self._surely, self._perhaps = OneArmSums.zeros(test), OneArmSums.zeros(test)
        self._late = LateLimit(test.limit)
        self._baseline = [0, 0]

    def fold(self, counts: Counts, weight_bp: int, at_s: float | None) -> None:  # noqa: ARG002 - one arm
        """Add a closed stratum."""
        (n_b, x_b, _), (n_c, surely, perhaps) = counts.tolist()
        if at_s is not None:
            self._late.fold(n_c, surely, start_block(at_s))
        self._baseline = [self._baseline[0] + n_b, self._baseline[1] + x_b]
        self._surely.fold(n_c, surely)
        self._perhaps.fold(n_c, perhaps)

    def log_e_harm(self) -> float:
        """Against a quantile at or below the limit, at any time."""
        return float(self._late.log_e_harm())

    def log_e_safe(self) -> float:
        """Against a quantile at or above the limit."""
        return float(self._perhaps.log_e_safe())

    def gauge(self, alpha: float) -> Gauge:
        """Share of requests over the limit; a watch of latencies shows the quantile instead."""
        low, high = self._surely.interval(alpha)
        return Gauge(unit="share", estimate=None, low=float(low), high=float(high))

    def tally(self) -> Tally:
        """Requests and those over the limit; the baseline's are told, not tested."""
        n_b, x_b = self._baseline
        return Tally(exposures=(n_b, int(self._surely.n)), events=(x_b, int(self._surely.x)))

    def to_state(self) -> Any:
        """Both sums, the late onset and the baseline's counts."""
        sums = [self._surely.to_state(), self._perhaps.to_state()]
        return {"sums": sums, "late": self._late.to_state(), "baseline": self._baseline}

    def restore(self, state: Any) -> None:
        """Take on what `to_state` wrote."""
        test = self._surely.test
        self._surely, self._perhaps = (OneArmSums.from_state(test, s) for s in state["sums"])
        self._late.restore(state["late"])
        self._baseline = list(state["baseline"])

"""Does a latency quantile keep its absolute limit? Requests that are slower, as a rate.

"p99 over 300 ms" is "more than 1 % of requests take over 300 ms": one arm's rate against 1 - q,
exact on bucket edges. Harm counts above the first edge at or beyond the limit, safety above the
last edge at or before it, so that rounding never decides.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from streams.evidence.fixed import Floats
from streams.evidence.one_arm import OneArmSums
from streams.evidence.onset import start_block
from streams.evidence.quantile_limit import limit_edges, quantile_limit_test
from streams.judge.monitors.evidence import Closed, Counts, Gauge, Tally
from streams.judge.monitors.grids import by_claim, tallies
from streams.judge.monitors.late import LateLimit
from streams.judge.monitors.latency import REQUESTS, Pick
from streams.sketches.cell import Cell

SLA_COLUMNS = 3


class SlaReader:
    """Requests, those surely over the limit, and those perhaps over it."""

    columns = SLA_COLUMNS
    ready = True

    def __init__(self, limit_ms: float, pick: Pick = REQUESTS) -> None:
        self._perhaps, self._surely = limit_edges(limit_ms)
        self._pick = pick

    def read(self, baseline: Cell, candidate: Cell) -> Counts:
        """[requests, surely over, perhaps over] per arm; failed requests count too."""
        edges = (self._surely, self._perhaps)
        rows = [
            [times.total, *(times.count_above(edge) for edge in edges)]
            for times in (self._pick(baseline), self._pick(candidate))
        ]
        return np.array(rows, np.int64)

    def to_state(self) -> Any:
        """Nothing is learnt."""
        return None

    def restore(self, state: Any) -> None:
        """Nothing to take on."""


class SlaEvidence:
    """Candidates' shares of slow requests against 1 - q; columns as `SlaReader`."""

    def __init__(self, quantiles: tuple[float, ...], candidates: int) -> None:
        """A quantile for each metric."""
        test, shape = quantile_limit_test(quantiles), (candidates, len(quantiles))
        self._surely, self._perhaps, self._baseline = (OneArmSums.zeros(test, shape) for _ in "abc")
        self._late = LateLimit(test.limit, shape)

    def fold(self, closed: Closed) -> None:
        """Add closed strata."""
        (n_b, x_b, _), (n_c, surely, perhaps) = (np.moveaxis(a, -1, 0) for a in closed.arms())
        if closed.at_s is not None:
            self._late.fold(n_c, surely, start_block(closed.at_s), closed.mask)
        self._baseline.fold(n_b, x_b, closed.mask)
        self._surely.fold(n_c, surely, closed.mask)
        self._perhaps.fold(n_c, perhaps, closed.mask)

    def log_e_harm(self) -> Floats:
        """Against a quantile at or below the limit, at any time."""
        return self._late.log_e_harm()

    def log_e_safe(self) -> Floats:
        """Against a quantile at or above the limit."""
        return self._perhaps.log_e_safe()

    def gauges(self, alpha: float) -> list[list[Gauge]]:
        """Shares of requests over the limit; a watch of latencies shows the quantile instead."""
        low, high = self._surely.interval(alpha)
        return by_claim(lambda a, b: Gauge(unit="share", low=a, high=b), low, high)

    def tallies(self) -> list[list[Tally]]:
        """Requests and those over the limit; the baseline's are told, not tested."""
        baseline, surely = self._baseline, self._surely
        return tallies(baseline.n, baseline.x, surely.n, surely.x)

    def to_state(self) -> Any:
        """The sums of both bounds and of the baseline, and the late onset."""
        sums = (self._surely, self._perhaps, self._baseline)
        return {"sums": [each.to_state() for each in sums], "late": self._late.to_state()}

    def restore(self, state: Any) -> None:
        """Take on what `to_state` wrote."""
        test = self._surely.test
        restored = (OneArmSums.from_state(test, sums) for sums in state["sums"])
        self._surely, self._perhaps, self._baseline = restored
        self._late.restore(state["late"])

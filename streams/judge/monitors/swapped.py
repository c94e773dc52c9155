"""How is it tested that something happens less often? By the ratio of the other arm to this one.

"p_c >= (1 - m) p_b" is "p_b / p_c <= 1 / (1 - m)": the arms change places, and the gauge is turned
over again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from streams.evidence.fixed import Floats
from streams.judge.monitors.evidence import Closed, Evidence, Gauge, Tally

ARMS = -2
"""The axis of the arms among counts."""


def swapped_margin(margin: float) -> float:
    """The margin of the turned ratio where so much less is tolerated.

    >>> swapped_margin(0.2)
    0.25
    """
    return 1.0 / (1.0 - margin) - 1.0


class Swapped:
    """An evidence on ratios whose arms have changed places."""

    def __init__(self, turned: Evidence) -> None:
        """`turned` has the margins of `swapped_margin`."""
        self._turned = turned

    def fold(self, closed: Closed) -> None:
        """Add closed strata."""
        self._turned.fold(replace(closed, counts=np.flip(closed.counts, ARMS)))

    def log_e_harm(self) -> Floats:
        """Against "not less than is tolerated"."""
        return self._turned.log_e_harm()

    def log_e_safe(self) -> Floats:
        """Against "less than is tolerated"."""
        return self._turned.log_e_safe()

    def gauges(self, alpha: float) -> list[list[Gauge]]:
        """Candidate over baseline again."""
        return [[_over(gauge) for gauge in row] for row in self._turned.gauges(alpha)]

    def tallies(self) -> list[list[Tally]]:
        """Baseline first again."""
        return [[_back(tally) for tally in row] for row in self._turned.tallies()]

    def to_state(self) -> Any:
        """The sums."""
        return self._turned.to_state()

    def restore(self, state: Any) -> None:
        """Take on what `to_state` wrote."""
        self._turned.restore(state)


def _over(gauge: Gauge) -> Gauge:
    low = 0.0 if gauge.high is None else _inverse(gauge.high)
    return replace(gauge, estimate=_inverse(gauge.estimate), low=low, high=_inverse(gauge.low))


def _inverse(value: float | None) -> float | None:
    return None if not value else 1.0 / value


def _back(tally: Tally) -> Tally:
    (b, c), (x_b, x_c) = tally.exposures, tally.events
    return replace(tally, exposures=(c, b), events=(x_c, x_b))

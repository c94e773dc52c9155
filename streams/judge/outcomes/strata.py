"""When do cohorts hold enough? The open strata of every row, by the denominator of one metric.

A rare class needs more cohorts than a frequent one, so each metric has strata of its own. Closing
looks at denominators and weights, never at events.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from streams.evidence.strata import StratumSums
from streams.judge.monitors.evidence import Closed, Counts
from streams.judge.strata import NO_PANE, UNKNOWN_BP, OpenStratum, rounds
from streams.judge.weights import Weights


class RowStrata:
    """Open strata of rows; `add` gives what closes, a round at a time."""

    def __init__(self, arms: Sequence[int], columns: int) -> None:
        """`arms` is each row's candidate, by its place among the spec's arms."""
        self._arms, self._columns = tuple(arms), columns
        self._open = [OpenStratum(StratumSums.zeros(columns)) for _ in arms]
        self.spans = [(NO_PANE, NO_PANE)] * len(self._arms)
        """First and last cohort, by number, of the strata that closed."""

    def add(
        self,
        counts: Sequence[Counts],
        number: int,
        weights: Weights | None,
        at_s: float | None = None,
    ) -> list[Closed]:
        """A cohort's counts by row; where one was left out before it, the open stratum closes."""
        closed = []
        for row, (stratum, arm) in enumerate(zip(self._open, self._arms, strict=True)):
            weight_bp = UNKNOWN_BP if weights is None else weights[arm]
            gap = number != stratum.last_pane + 1
            closed.append(stratum.add(counts[row], number, weight_bp, gap=gap))
            for one in closed[-1]:
                first, _ = self.spans[row]
                self.spans[row] = (one.panes[0] if first == NO_PANE else first, one.panes[1])
        return list(rounds(closed, at_s))

    def forget(self, rows: Collection[int]) -> None:
        """What waits in these rows holds exposures that are to count no more."""
        for row in rows:
            self._open[row] = OpenStratum(StratumSums.zeros(self._columns))

    def to_state(self) -> dict[str, Any]:
        """The open strata as JSON values."""
        spans = [list(span) for span in self.spans]
        return {"open": [one.to_state() for one in self._open], "spans": spans}

    def restore(self, state: dict[str, Any]) -> None:
        """Take on what `to_state` wrote."""
        self._open = [OpenStratum.from_state(saved) for saved in state["open"]]
        self.spans = [(first, last) for first, last in state["spans"]]

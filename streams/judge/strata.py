"""When do panes (or cohorts) of one candidate-baseline pair hold enough to be tested together?

Consecutive ones under one applied weight are a stratum. Closing looks at exposures and weights,
never at events.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np

from streams.evidence.strata import StratumSums
from streams.judge.monitors.evidence import Closed, Counts

UNKNOWN_BP = -1
"""Stands for the candidate's weight while no routing record told one."""
NO_PANE = -1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stratum:
    """A closed stratum of one pair."""

    counts: Counts
    """int64[2, columns]."""
    weight_bp: int
    panes: tuple[int, int]
    """The first and the last."""


@dataclass(slots=True)
class OpenStratum:
    """Consecutive panes under one candidate's weight that do not hold enough yet."""

    sums: StratumSums
    weight_bp: int = UNKNOWN_BP
    first_pane: int = NO_PANE
    last_pane: int = NO_PANE

    @property
    def empty(self) -> bool:
        """Whether it holds no exposure."""
        return int(self.sums.exposures) == 0

    def add(self, counts: Counts, pane: int, weight_bp: int, *, gap: bool = False) -> list[Stratum]:
        """Add a pane; what closes: the stratum before a change or a gap, and a full one."""
        closed, empty = [], self.empty
        if not empty and (gap or self.weight_bp != weight_bp):
            closed.append(self._close())
            empty = True
        if empty:
            self.first_pane, self.weight_bp = pane, weight_bp
        self.last_pane = pane
        self.sums.add(counts)
        if self.sums.closes(weight_bp):
            closed.append(self._close())
        return closed

    def _close(self) -> Stratum:
        panes = (self.first_pane, self.last_pane)
        return Stratum(counts=self.sums.take(), weight_bp=self.weight_bp, panes=panes)

    def to_state(self) -> dict[str, Any]:
        """The stratum as JSON values."""
        panes = [self.first_pane, self.last_pane]
        return {"sums": self.sums.to_state(), "weight_bp": self.weight_bp, "panes": panes}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> OpenStratum:
        """Read what `to_state` wrote."""
        return cls(StratumSums.from_state(state["sums"]), state["weight_bp"], *state["panes"])


def rounds(closed: Sequence[Sequence[Stratum]], at_s: float | None) -> Iterator[Closed]:
    """What rows have closed, in order, one stratum of each at a time; rows without are left out.

    `at_s` is the seconds since the first pane, for tests that mix over time; None for promotion.
    """
    for strata in zip_longest(*closed):
        yield _together(strata, at_s)


def _together(strata: Sequence[Stratum | None], at_s: float | None) -> Closed:
    empty = np.zeros_like(next(each.counts for each in strata if each is not None))
    return Closed(
        counts=np.stack([empty if each is None else each.counts for each in strata]),
        of=np.array([each is not None for each in strata]),
        weights_bp=[UNKNOWN_BP if each is None else each.weight_bp for each in strata],
        at_s=at_s,
    )

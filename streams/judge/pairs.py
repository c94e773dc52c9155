"""How do panes become the evidence on one candidate? Strata for harm and strata for promotion.

Strata are per candidate-baseline pair, shared by all its metrics: column 0 is exposures, then each
metric's own columns. Closing looks at exposures and weights, never at events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from streams.evidence.strata import StratumSums
from streams.judge.facts import PaneInput, Shadow
from streams.judge.kayenta.shadow import KayentaShadow
from streams.judge.monitors.evidence import Counts
from streams.judge.monitors.latency import CurrentLatency
from streams.judge.monitors.watch import Watch
from streams.judge.weights import Weights
from streams.sketches.cell import Cell
from streams.spec.model import ALL_SEGMENT, BASELINE

UNKNOWN_BP = -1
"""Stands for the candidate's weight while no routing record told one."""


@dataclass(slots=True)
class OpenStratum:
    """Consecutive panes under one candidate's weight that do not hold enough yet."""

    sums: StratumSums
    weight_bp: int = UNKNOWN_BP
    first_pane: int = -1
    last_pane: int = -1

    @property
    def empty(self) -> bool:
        """Whether it holds no exposure."""
        return int(self.sums.exposures) == 0

    def add(self, counts: Counts, pane: int, weight_bp: int) -> bool:
        """Add a pane; whether the stratum is full now."""
        if self.empty:
            self.first_pane, self.weight_bp = pane, weight_bp
        self.last_pane = pane
        self.sums.add(counts)
        return bool(self.sums.closes(weight_bp))

    def to_state(self) -> dict[str, Any]:
        """The stratum as JSON values."""
        panes = [self.first_pane, self.last_pane]
        return {"sums": self.sums.to_state(), "weight_bp": self.weight_bp, "panes": panes}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> OpenStratum:
        """Read what `to_state` wrote."""
        return cls(StratumSums.from_state(state["sums"]), state["weight_bp"], *state["panes"])


class Pair:
    """The baseline against one candidate: every metric's watch and the open strata."""

    def __init__(
        self,
        arm: int,
        candidate: str,
        watches: Sequence[Watch],
        now: CurrentLatency,
        shadow: KayentaShadow,
    ) -> None:
        """`arm` is the candidate's place among the spec's arms."""
        self.arm, self.candidate, self.watches = arm, candidate, tuple(watches)
        ends = np.cumsum([1, *(watch.reader.columns for watch in watches)]).tolist()
        self._slices = [slice(a, b) for a, b in pairwise(ends)]
        self._columns: int = ends[-1]
        self._whole, self._stage = self._fresh(), self._fresh()
        self._latency_now = now
        self._shadow = shadow
        self._clock_ms: tuple[int, int] | None = None

    def _fresh(self) -> OpenStratum:
        return OpenStratum(StratumSums.zeros(self._columns))

    def read(self, pane: PaneInput, weights: Weights | None) -> Counts:
        """The pane's counts, int64[2, columns]; readers may learn from it for later panes."""
        first_ms = pane.start_ms if self._clock_ms is None else self._clock_ms[0]
        self._clock_ms = (first_ms, pane.start_ms)
        cells = pane.cells
        baseline = cells.get((ALL_SEGMENT, BASELINE)) or Cell()
        candidate = cells.get((ALL_SEGMENT, self.candidate)) or Cell()
        self._latency_now.add(baseline, candidate, self._weight_bp(weights))
        self._shadow.add(pane)
        counts = np.zeros((2, self._columns), np.int64)
        counts[:, 0] = baseline.exposures, candidate.exposures
        for watch, columns in zip(self.watches, self._slices, strict=True):
            counts[:, columns] = watch.reader.read(baseline, candidate)
        return counts

    def feed(self, counts: Counts, pane: int, weights: Weights | None) -> None:
        """A pane for the harm tests, at once; `weights` are those believed in."""
        weight_bp = self._weight_bp(weights)
        if not self._whole.empty and self._whole.weight_bp != weight_bp:
            self._close_whole()
        if self._whole.add(counts, pane, weight_bp):
            self._close_whole()

    def settle(self, counts: Counts, pane: int, weights: Weights) -> None:
        """A confirmed pane of the current stage, outside the guard, for promotion."""
        weight_bp = self._weight_bp(weights)
        gap = pane != self._stage.last_pane + 1
        if not self._stage.empty and (gap or self._stage.weight_bp != weight_bp):
            self._close_stage()
        if self._stage.add(counts, pane, weight_bp):
            self._close_stage()

    @property
    def shadow(self) -> Shadow | None:
        """What Kayenta's judge said last, if it has said anything."""
        return self._shadow.said

    def enter_stage(self) -> None:
        """Promotion starts afresh."""
        self._stage = self._fresh()
        for watch in self.watches:
            watch.enter_stage()

    def _close_whole(self) -> None:
        stratum = self._whole
        counts, panes = stratum.sums.take(), (stratum.first_pane, stratum.last_pane)
        at_s = self._elapsed_s()
        for watch, columns in zip(self.watches, self._slices, strict=True):
            watch.fold(counts[:, columns], stratum.weight_bp, panes, at_s)

    def _close_stage(self) -> None:
        counts = self._stage.sums.take()
        for watch, columns in zip(self.watches, self._slices, strict=True):
            watch.fold_stage(counts[:, columns], self._stage.weight_bp)

    def _elapsed_s(self) -> float:
        """Pane time since the rollout was first judged."""
        first_ms, now_ms = self._clock_ms or (0, 0)
        return (now_ms - first_ms) / 1000

    def _weight_bp(self, weights: Weights | None) -> int:
        return UNKNOWN_BP if weights is None else weights[self.arm]

    def to_state(self) -> dict[str, Any]:
        """Everything that was learnt, as JSON values."""
        return {
            "watches": [watch.to_state() for watch in self.watches],
            "whole": self._whole.to_state(),
            "stage": self._stage.to_state(),
            "latency_now": self._latency_now.to_state(),
            "shadow": self._shadow.to_state(),
            "clock_ms": self._clock_ms and list(self._clock_ms),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `to_state` wrote for the same spec."""
        for watch, saved in zip(self.watches, state["watches"], strict=True):
            watch.restore(saved)
        self._whole = OpenStratum.from_state(state["whole"])
        self._stage = OpenStratum.from_state(state["stage"])
        self._latency_now.restore(state["latency_now"])
        self._shadow.restore(state["shadow"])
        first_ms, now_ms = state["clock_ms"] or (0, 0)
        self._clock_ms = (first_ms, now_ms) if state["clock_ms"] else None

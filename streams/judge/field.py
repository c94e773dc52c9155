"""What is known of all candidates? Their pairs with the baseline, and the evidence they share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

import numpy as np

from streams.evidence.budget import split
from streams.judge.facts import PaneInput, Verdict
from streams.judge.kayenta.shadow import KayentaShadow
from streams.judge.monitors.evidence import Closed, Counts
from streams.judge.monitors.latency import CurrentLatency
from streams.judge.monitors.opening import open_watches
from streams.judge.pairs import UNKNOWN_BP, Pair, Stratum
from streams.judge.weights import Weights, WeightTimeline
from streams.spec.model import MetricKind, RolloutSpec

Settled = tuple[int, Sequence[Counts], Weights]
"""A confirmed pane, its counts by candidate, and the weights that held."""


class Field:
    """Every candidate of a rollout against its baseline."""

    def __init__(self, spec: RolloutSpec) -> None:
        """Raise `SpecError` where a metric lacks a number that its kind needs."""
        weights = {(c.name, m.name): m.weight for c in spec.candidates for m in spec.metrics}
        asked = [m.quantile for m in spec.metrics if m.kind is MetricKind.LATENCY and m.quantile]
        alpha = spec.alpha_promote / len(spec.candidates)
        nows = [CurrentLatency(asked, alpha) for _ in spec.candidates]
        shares = split(spec.alpha_rollback, weights)
        self.panels, watches = open_watches(spec, shares, nows)
        self.pairs = [
            Pair(arm, candidate.name, row, now, KayentaShadow(spec, candidate.name))
            for arm, (candidate, row, now) in enumerate(
                zip(spec.candidates, watches, nows, strict=True), start=1
            )
        ]
        self._first_ms: int | None = None

    def read(self, pane: PaneInput, weights: Weights | None) -> tuple[Counts, ...]:
        """The pane's counts by candidate, int64[2, columns] each."""
        return tuple(pair.read(pane, weights) for pair in self.pairs)

    def feed(self, pane: PaneInput, counts: Sequence[Counts], timeline: WeightTimeline) -> None:
        """A pane for the harm tests; candidates whose weight was just lowered are left out."""
        if self._first_ms is None:
            self._first_ms = pane.start_ms
        weights = timeline.weights_at(pane.start_ms)
        closed = [
            []
            if timeline.lowered(pair.arm, pane.start_ms, pane.end_ms)
            else pair.feed(read, pane.pane, weights)
            for pair, read in zip(self.pairs, counts, strict=True)
        ]
        at_s = (pane.start_ms - self._first_ms) / 1000
        for each in self._rounds(closed, at_s):
            for panel in self.panels:
                panel.fold(each)

    def settle(self, panes: Sequence[Settled]) -> None:
        """Confirmed panes of the current stage, outside the guard, for promotion."""
        closed = [
            [
                stratum
                for pane, counts, weights in panes
                for stratum in pair.settle(counts[place], pane, weights)
            ]
            for place, pair in enumerate(self.pairs)
        ]
        for each in self._rounds(closed, None):
            for panel in self.panels:
                panel.fold_stage(each)

    def _rounds(self, closed: Sequence[Sequence[Stratum]], at_s: float | None) -> list[Closed]:
        """One stratum of each candidate at a time, in order."""
        return [self._together(strata, at_s) for strata in zip_longest(*closed)]

    def _together(self, strata: Sequence[Stratum | None], at_s: float | None) -> Closed:
        empty = np.zeros_like(next(each.counts for each in strata if each is not None))
        return Closed(
            counts=np.stack([empty if each is None else each.counts for each in strata]),
            of=np.array([each is not None for each in strata]),
            weights_bp=[UNKNOWN_BP if each is None else each.weight_bp for each in strata],
            at_s=at_s,
        )

    def enter_stage(self) -> None:
        """What was shown in an earlier stage does not promote."""
        for pair in self.pairs:
            pair.enter_stage()
        for panel in self.panels:
            panel.enter_stage()

    def verdicts(self, invalid: str) -> tuple[Verdict, ...]:
        """Of every metric and candidate; `invalid` names the failed health check, if any."""
        return tuple(verdict for pair in self.pairs for verdict in pair.verdicts(invalid))

    def to_state(self) -> dict[str, Any]:
        """Everything that was learnt, as JSON values."""
        return {
            "pairs": [pair.to_state() for pair in self.pairs],
            "panels": [panel.to_state() for panel in self.panels],
            "first_ms": self._first_ms,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `to_state` wrote for the same spec."""
        for pair, saved in zip(self.pairs, state["pairs"], strict=True):
            pair.restore(saved)
        for panel, saved in zip(self.panels, state["panels"], strict=True):
            panel.restore(saved)
        self._first_ms = state["first_ms"]

"""How do panes become evidence on the candidates? Strata for harm and strata for promotion.

Strata are per segment and candidate-baseline pair, shared by all its metrics: column 0 is
exposures, then each metric's own columns, then an empty one. Closing looks at exposures and
weights, never at events. What the pairs have closed is folded together, as all metrics of a form
are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeGuard

import numpy as np

from streams.evidence.strata import StratumSums
from streams.judge.arrivals import EMPTY, at_risk
from streams.judge.decision_facts import Shadow, Verdict
from streams.judge.facts import PaneInput
from streams.judge.kayenta.shadow import KayentaShadow
from streams.judge.monitors.evidence import Counts, Reader
from streams.judge.monitors.latency import LatencyReader
from streams.judge.monitors.opening import Row
from streams.judge.monitors.watch import PaneWatch
from streams.judge.strata import NO_PANE, UNKNOWN_BP, OpenStratum, Stratum
from streams.judge.weights import Weights
from streams.sketches.cell import Cell
from streams.spec.metric_facts import Timing
from streams.spec.model import BASELINE


class Pair:
    """The baseline against one candidate in a segment: what is counted, and the open strata."""

    def __init__(
        self,
        row: Row,
        watches: Sequence[PaneWatch],
        shadow: KayentaShadow | None = None,
        *,
        copies: bool = False,
    ) -> None:
        """Kayenta's judge looks at the whole alone; `copies`: exposures are paired requests."""
        self.segment, self.arm, self.candidate = row.segment, row.arm, row.candidate
        self.watches = tuple(watches)
        ends = np.cumsum([1, *(watch.reader.columns for watch in watches)]).tolist()
        self._seats = [slice(a, b) for a, b in pairwise(ends)]
        self._timed = self._by_timing()
        self._columns: int = ends[-1] + 1
        self._whole, self._stage = self._fresh(), self._fresh()
        self._latency_now = row.now
        self._shadow, self._copies = shadow, copies
        self._panes = (NO_PANE, NO_PANE)
        self._heard = False

    def _fresh(self) -> OpenStratum:
        return OpenStratum(StratumSums.zeros(self._columns))

    def read(self, pane: PaneInput, weights: Weights | None) -> Counts:
        """The pane's counts, int64[2, columns]; readers may learn from it for later panes."""
        baseline = pane.cells.get((self.segment, BASELINE), EMPTY)
        candidate = pane.cells.get((self.segment, self.candidate), EMPTY)
        counts = self.nothing()
        if baseline is not candidate:  # else both are empty
            self._count(baseline, candidate, counts)
        # Last: histograms that were summed up for readers are added in half the time.
        self._latency_now.add(baseline, candidate, self._weight_bp(weights))
        if self._shadow is not None:
            self._shadow.add(pane)
        return counts

    def _count(self, baseline: Cell, candidate: Cell, counts: Counts) -> None:
        counts[:, 0] = at_risk(baseline), self._exposures(candidate)
        for watch, columns in zip(self.watches, self._seats, strict=True):
            if not _shares_times(watch.reader):
                counts[:, columns] = watch.reader.read(baseline, candidate)
        for seated in self._timed:
            times = seated[0][0].times(baseline, candidate)
            for reader, columns in seated:
                counts[:, columns] = reader.count(*times)

    def _by_timing(self) -> list[list[tuple[LatencyReader, slice]]]:
        """Readers that ask about the same times, which are summed up once a pane."""
        found: dict[Timing, list[tuple[LatencyReader, slice]]] = {}
        for watch, columns in zip(self.watches, self._seats, strict=True):
            if _shares_times(watch.reader):
                found.setdefault(watch.claim.metric.timing, []).append((watch.reader, columns))
        return list(found.values())

    def _exposures(self, candidate: Cell) -> int:
        if not self._copies:
            return at_risk(candidate)
        return 0 if candidate.pairs is None else candidate.pairs.pairs

    def nothing(self) -> Counts:
        """The counts of a pane without events."""
        return np.zeros((2, self._columns), np.int64)

    def feed(self, counts: Counts, pane: int, weights: Weights | None) -> list[Stratum]:
        """A pane for the harm tests, at once; `weights` are those believed in."""
        closed = self._whole.add(counts, pane, self._weight_bp(weights))
        for stratum in closed:
            first = self._panes[0] if self._panes[0] != NO_PANE else stratum.panes[0]
            self._panes = (first, stratum.panes[1])
        return closed

    def settle(self, counts: Counts, pane: int, weights: Weights) -> list[Stratum]:
        """A confirmed pane of the current stage, outside the guard, for promotion."""
        gap = pane != self._stage.last_pane + 1
        return self._stage.add(counts, pane, self._weight_bp(weights), gap=gap)

    @property
    def heard(self) -> bool:
        """Whether anything has entered the harm tests, or waited to."""
        return self._heard or self._panes[0] != NO_PANE or not self._whole.empty

    def forget(self) -> None:
        """What waits for the harm tests holds events that are to count no more."""
        self._heard, self._whole = self.heard, self._fresh()

    @property
    def shadow(self) -> Shadow | None:
        """What Kayenta's judge said last, if it has said anything."""
        return None if self._shadow is None else self._shadow.said

    def enter_stage(self) -> None:
        """Promotion starts afresh."""
        self._stage = self._fresh()

    def verdicts(self, invalid: str) -> list[Verdict]:
        """Of every metric; `invalid` names the health check that failed, if any."""
        return [watch.verdict(invalid, self._panes) for watch in self.watches]

    def _weight_bp(self, weights: Weights | None) -> int:
        return UNKNOWN_BP if weights is None else weights[self.arm]

    def to_state(self) -> dict[str, Any]:
        """Everything that was learnt, as JSON values."""
        return {
            "readers": [watch.reader.to_state() for watch in self.watches],
            "whole": self._whole.to_state(),
            "stage": self._stage.to_state(),
            "panes": list(self._panes),
            "heard": self._heard,
            "latency_now": self._latency_now.to_state(),
            "shadow": self._shadow and self._shadow.to_state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `to_state` wrote for the same spec."""
        for watch, saved in zip(self.watches, state["readers"], strict=True):
            watch.reader.restore(saved)
        self._whole = OpenStratum.from_state(state["whole"])
        self._stage = OpenStratum.from_state(state["stage"])
        first, last = state["panes"]
        self._panes, self._heard = (first, last), state["heard"]
        self._latency_now.restore(state["latency_now"])
        if self._shadow is not None:
            self._shadow.restore(state["shadow"])


def _shares_times(reader: Reader) -> TypeGuard[LatencyReader]:
    return isinstance(reader, LatencyReader) and reader.by_times

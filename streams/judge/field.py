"""What is known of all candidates? Their pairs with the baseline, and the evidence they share.

A row is a candidate in a segment; those of the whole come first, then slice by slice. Slices are
watched for harm alone, promotion asks of the whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from streams.judge.budget import alpha_shares
from streams.judge.decision_facts import Verdict
from streams.judge.facts import PaneInput
from streams.judge.kayenta.shadow import KayentaShadow
from streams.judge.monitors.current_times import CurrentTimes
from streams.judge.monitors.evidence import Counts
from streams.judge.monitors.latency import LatencyReader
from streams.judge.monitors.opening import Row, open_watches
from streams.judge.monitors.panel import Panel
from streams.judge.pairs import Pair
from streams.judge.stages import same_weights
from streams.judge.strata import rounds
from streams.judge.use import UseBlocks
from streams.judge.weights import Placement, Weights, WeightTimeline
from streams.spec.model import ALL_SEGMENT, Mode, RolloutSpec

Settled = tuple[int, Sequence[Counts], Weights]
"""A confirmed pane, its counts by candidate in the whole, and the weights that held."""


class Field:
    """Every candidate of a rollout against its baseline, in the whole and in every slice."""

    def __init__(self, spec: RolloutSpec) -> None:
        """Raise `SpecError` where a metric lacks a number that its kind needs."""
        rows = list(_rows(spec))
        for row in rows:
            row.now.join([other.now for other in rows])
        self.panels, watches = open_watches(spec, alpha_shares(spec), rows)
        self.rows = [
            Pair(row, mine, _shadow(spec, row), copies=spec.mode is Mode.SHADOW)
            for row, mine in zip(rows, watches, strict=True)
        ]
        whole = len(spec.candidates)
        self.pairs, self.slices = self.rows[:whole], self.rows[whole:]
        """The rows of the whole, by candidate; those of the slices."""
        self._thresholds = [
            watch.reader
            for row in self.rows
            for watch in row.watches
            if isinstance(watch.reader, LatencyReader)
        ]
        names = tuple(candidate.name for candidate in spec.candidates)
        self._use = list(_use(self.panels, names))
        of_use = [blocks.panel for blocks in self._use]
        self._of_requests = [panel for panel in self.panels if panel not in of_use]
        self._first_ms: int | None = None

    def read(
        self, pane: PaneInput, weights: Weights | None, gone: Collection[str] = ()
    ) -> tuple[Counts, ...]:
        """The pane's counts by row, int64[2, columns] each; slices that are gone count nothing."""
        return tuple(
            row.nothing() if row.segment in gone else row.read(pane, weights) for row in self.rows
        )

    def feed(self, pane: PaneInput, counts: Sequence[Counts], timeline: WeightTimeline) -> None:
        """A pane for the harm tests; candidates whose weight was just lowered are left out."""
        if self._first_ms is None:
            self._first_ms = pane.start_ms
        weights = timeline.weights_at(pane.start_ms)
        arms = {row.arm for row in self.rows}
        lowered = {arm for arm in arms if timeline.lowered(arm, pane.start_ms, pane.end_ms)}
        closed = [
            [] if row.arm in lowered else row.feed(read, pane.pane, weights)
            for row, read in zip(self.rows, counts, strict=True)
        ]
        at_s = (pane.start_ms - self._first_ms) / 1000
        for each in rounds(closed, at_s):
            for panel in self._of_requests:
                panel.fold(each)

    def forget(self, dimension: str, gone: Collection[str]) -> None:
        """Slices of a dimension left: rows that had events of theirs begin anew with harm."""
        own = f"{dimension}="
        rows = [
            place
            for place, row in enumerate(self.rows)
            if not row.segment.startswith(own) and row.segment not in gone
        ]
        for place in rows:
            self.rows[place].forget()
        for panel in self.panels:
            panel.forget(rows)

    def settle(self, panes: Sequence[Settled]) -> None:
        """Confirmed panes of the current stage, outside the guard, for promotion by the whole."""
        closed = [
            [
                stratum
                for pane, counts, weights in panes
                for stratum in pair.settle(counts[place], pane, weights)
            ]
            for place, pair in enumerate(self.pairs)
        ]
        for each in rounds(closed, at_s=None):
            for panel in self._of_requests:
                panel.fold_stage(each)

    def use(self, pane: PaneInput, timeline: WeightTimeline, desired: Weights | None) -> None:
        """The minutes of use that come with a pane; `desired` are the current stage's weights."""
        for minute in pane.resources:
            span = minute.start_ms, minute.end_ms
            placement, weights = timeline.place(*span)
            steady = placement is Placement.STEADY and weights is not None and desired is not None
            for blocks in self._use:
                blocks.feed(
                    minute,
                    pane_ms=pane.pane_ms,
                    lowered=[timeline.lowered(pair.arm, *span) for pair in self.pairs],
                    steady=steady and same_weights(weights or (), desired or ()),
                )

    def hold_thresholds(self) -> None:
        """The world moved: the next stage learns latency's thresholds anew, this one keeps its."""
        for reader in self._thresholds:
            reader.hold()

    def renew_dull_thresholds(self) -> None:
        """A stage that is over but for evidence must not wait on thresholds that show nothing."""
        for reader in self._thresholds:
            if reader.dull:
                reader.renew()

    def enter_stage(self) -> None:
        """What was shown in an earlier stage does not promote."""
        for reader in self._thresholds:
            reader.renew()
        for pair in self.pairs:
            pair.enter_stage()
        for blocks in self._use:
            blocks.enter_stage()
        for panel in self.panels:
            panel.enter_stage()

    @property
    def heard(self) -> frozenset[str]:
        """Slices that have had events in the harm tests."""
        return frozenset(row.segment for row in self.slices if row.heard)

    def verdicts(self, invalid: str) -> tuple[Verdict, ...]:
        """Of every metric and row; `invalid` names the failed health check, if any."""
        return tuple(verdict for row in self.rows for verdict in row.verdicts(invalid))

    def to_state(self) -> dict[str, Any]:
        """Everything that was learnt, as JSON values."""
        return {
            "rows": [row.to_state() for row in self.rows],
            "panels": [panel.to_state() for panel in self.panels],
            "use": [blocks.to_state() for blocks in self._use],
            "first_ms": self._first_ms,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `to_state` wrote for the same spec."""
        for row, saved in zip(self.rows, state["rows"], strict=True):
            row.restore(saved)
        for panel, saved in zip(self.panels, state["panels"], strict=True):
            panel.restore(saved)
        for blocks, saved in zip(self._use, state["use"], strict=True):
            blocks.restore(saved)
        self._first_ms = state["first_ms"]


def _use(panels: Sequence[Panel], candidates: tuple[str, ...]) -> Iterator[UseBlocks]:
    for panel in panels:
        resource = panel.claims[0][0].metric.kind.resource
        if resource:
            yield UseBlocks(panel, resource, candidates)


def _rows(spec: RolloutSpec) -> Iterator[Row]:
    alpha = spec.alpha_promote / len(spec.candidates)
    for segment in (ALL_SEGMENT, *spec.slices):
        for arm, candidate in enumerate(spec.candidates, start=1):
            now = CurrentTimes(spec.metrics, alpha)
            yield Row(segment=segment, candidate=candidate.name, arm=arm, now=now)


def _shadow(spec: RolloutSpec, row: Row) -> KayentaShadow | None:
    return KayentaShadow(spec, row.candidate) if row.segment == ALL_SEGMENT else None

"""Which panes does a partition of `predictions` give? One event after the other."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from streams.sketches.bins import SCORE_MAPPING, FixedBins
from streams.sketches.cell import Cell
from streams.sketches.log_histogram import MAPPING
from streams.spec.model import RolloutSpec
from tests.soak.oracle.log import Avro, Record
from tests.soak.oracle.pairs import PairTable
from tests.soak.oracle.rules import (
    Activation,
    Counters,
    Repeats,
    Rules,
    Watermark,
    senseless_shares,
    sensible,
    share,
    slices,
    targeted,
)

Cells = dict[tuple[str, str], Cell]
Key = tuple[str, int]
"""Rollout and pane."""
EDGES = MAPPING.edges.tolist()
OTHER = "other"


@dataclass(slots=True)
class Live:
    """A rollout while it counts."""

    spec: RolloutSpec
    hold: int
    """Panes by which closing follows the watermark."""
    classes: dict[str, int] = field(default_factory=dict)
    pairs: PairTable | None = None


@dataclass(slots=True, kw_only=True)
class Exposure:
    """A prediction that counts for a rollout, as its outcomes need it."""

    offset: int
    event: dict[str, Any]
    arm: str
    pane: int


@dataclass(slots=True, kw_only=True)
class Folded:
    """What one source partition gives."""

    closed: dict[Key, Cells] = field(default_factory=dict)
    open: dict[Key, Cells] = field(default_factory=dict)
    counters: Counters = field(default_factory=Counters)
    dead: set[int] = field(default_factory=set)
    """Offsets of records that are dead letters."""
    exposures: dict[str, list[Exposure]] = field(default_factory=dict)
    """By rollout with outcomes, in the order of the log."""
    clock: list[tuple[int, int]] = field(default_factory=list)
    """(highest append time so far, closed through), record by record."""
    begun_at: dict[str, int] = field(default_factory=dict)
    """How many records there were when a rollout began."""
    closed_at: dict[str, int] = field(default_factory=dict)
    """Through which pane the partition was closed when a rollout began."""
    end_offset: int = 0
    highest_ms: int = -1


class PartitionModel:
    """One partition, told in the order of its log."""

    def __init__(
        self,
        rules: Rules,
        specs: Mapping[str, RolloutSpec],
        activations: Iterable[Activation],
        avro: Avro,
    ) -> None:
        self.folded = Folded()
        self._rules, self._specs, self._avro = rules, specs, avro
        self._waiting = sorted(activations, key=lambda each: each.first_offset)
        self._live: dict[str, Live] = {}
        self._ends: dict[str, int] = {}
        self._watermark = Watermark(rules=rules)
        self._repeats = Repeats()
        self._received_ms = -1

    def run(self, records: Sequence[Record]) -> Folded:
        """Take the whole log."""
        for record in records:
            self._switch(record.offset)
            self._take(record)
            self._close()
            self._received_ms = max(self._received_ms, record.at_ms)
            self.folded.clock.append((self._received_ms, self._watermark.closed))
            self.folded.end_offset = record.offset + 1
        self._switch(self.folded.end_offset)
        self.folded.highest_ms = self._watermark.highest_ms
        return self.folded

    def _switch(self, offset: int) -> None:
        """Rollouts begin, and end, between two events."""
        while self._waiting and self._waiting[0].first_offset <= offset:
            begun = self._waiting.pop(0)
            spec = self._specs[begun.rollout]
            hold = -(-spec.pair_hold_ms // self._rules.pane_ms)
            pairs = PairTable(spec) if spec.pair_hold_ms else None
            self._live[begun.rollout] = Live(spec, hold, pairs=pairs)
            self.folded.closed_at[begun.rollout] = self._watermark.closed
            self.folded.begun_at[begun.rollout] = len(self.folded.clock)
            if begun.until_offset is not None:
                self._ends[begun.rollout] = begun.until_offset
        for rollout in [name for name, end in self._ends.items() if end <= offset]:
            del self._ends[rollout]
            self._live.pop(rollout, None)
            for key in [key for key in self.folded.open if key[0] == rollout]:
                del self.folded.open[key]

    def _take(self, record: Record) -> None:
        counters = self.folded.counters
        event = self._read(record)
        if event is None or not sensible(event):
            self._bury(record)
            return
        counters.invalid_scores += senseless_shares(event)
        if event["completed_at"] > record.at_ms + self._rules.future_ms:
            self._bury(record)
            return
        self._watermark.see(event["completed_at"])
        if event["completed_at"] < self._watermark.at_ms:
            counters.late += 1
        elif self._repeats.repeated(event, self._watermark.at_ms):
            counters.duplicates += 1
        else:
            counters.accepted += 1
            counters.unknown += not self._count(record.offset, event)

    def _read(self, record: Record) -> dict[str, Any] | None:
        if record.value is None or len(record.value) > self._rules.largest:
            return None
        return self._avro.read("predictions", record.value)

    def _bury(self, record: Record) -> None:
        self.folded.counters.dead += 1
        self.folded.dead.add(record.offset)

    def _count(self, offset: int, event: dict[str, Any]) -> bool:
        """Count an event for every rollout that names it; whether any does."""
        known = False
        pane = event["completed_at"] // self._rules.pane_ms
        for name in sorted(self._live):
            live = self._live[name]
            arm = live.spec.versions.get(event["model_version"])
            if event["service"] != live.spec.service or arm is None:
                continue
            known = True
            if targeted(live.spec, event):
                self._add(live, arm, pane, event)
                if live.spec.outcomes:
                    exposed = Exposure(offset=offset, event=event, arm=arm, pane=pane)
                    self.folded.exposures.setdefault(name, []).append(exposed)
            if live.pairs is not None:
                live.pairs.add(event, arm, self._cells_of(name), self._rules.pane_ms)
        return known

    def _cells_of(self, rollout: str) -> Any:
        return lambda pane: self.folded.open.setdefault((rollout, pane), {})

    def _add(self, live: Live, arm: str, pane: int, event: dict[str, Any]) -> None:
        cells = self.folded.open.setdefault((live.spec.rollout, pane), {})
        predicted = self._class_of(live, event["predicted_class"])
        for segment in slices(live.spec, event):
            add_event(cells.setdefault((segment, arm), Cell()), event, predicted)

    def _class_of(self, live: Live, name: str | None) -> str | None:
        """The first `max_classes` classes of a partition have names, others are `other`."""
        if name is None or name in live.classes:
            return name
        if len(live.classes) >= live.spec.max_classes:
            return OTHER
        live.classes[name] = len(live.classes)
        return name

    def _close(self) -> None:
        closed = self._watermark.closed
        for key in [k for k in self.folded.open if k[1] + self._live[k[0]].hold <= closed]:
            self.folded.closed[key] = self.folded.open.pop(key)


def add_event(cell: Cell, event: dict[str, Any], predicted: str | None) -> None:
    """Count one event."""
    timeout = event["status"] == "TIMEOUT"
    cell.exposures += 1
    cell.errors += event["status"] != "OK"
    cell.timeouts += timeout
    cell.latency.counts[latency_bucket(event["latency_ms"], timeout=timeout)] += 1
    if predicted is not None:
        cell.classes.add(predicted)
    _add_share(cell.scores, share(event, "score"))
    _add_share(cell.confidences, share(event, "confidence"))


def latency_bucket(latency_ms: float, *, timeout: bool) -> int:
    """The first bucket whose upper edge is not below it; a timeout is in the last."""
    if timeout:
        return len(EDGES) - 1
    return min(bisect_left(EDGES, latency_ms), len(EDGES) - 1)


def _add_share(bins: FixedBins, value: float | None) -> None:
    if value is not None:
        bins.counts[min(int(value * SCORE_MAPPING.size), SCORE_MAPPING.size - 1)] += 1

"""What is known of units outlives its owner, whole flushes and torn ones, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from streams.agents import cells
from streams.agents.sketch_records import SketchRecords
from streams.agents.sources import PREDICTIONS
from streams.agents.writer import OutRecord
from streams.panes.facts import ClosedPane, cells_to_states
from streams.panes.fold import PartitionFold
from streams.panes.units import journal
from streams.settings import Settings
from streams.wire.columns import decode_predictions
from tests.agents.pipeline import START_MS, Traffic, user_spec
from tests.agents.test_flush import CODEC, MemorySpecs, MemoryWriter, context_of

USERS = user_spec()
SETTINGS = Settings(lateness_ms=800, future_ms=1 << 50)


@dataclass
class Machine:
    """One partition's owner after another, and the `cells` that they leave."""

    transactional: bool
    log: list[OutRecord] = field(default_factory=list)
    closed: list[ClosedPane[Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """A new owner reads what the one before it has left."""
        context = context_of(
            MemoryWriter(), MemorySpecs(), SETTINGS, transactional=self.transactional
        )
        self.records = SketchRecords(context, PREDICTIONS, 0)
        stored = cells.restore(self._stored())
        self.fold = PartitionFold(PREDICTIONS.clock(SETTINGS), stored.marker)
        self.fold.open = stored.open
        for rollout in stored.live:
            self.fold.restore(rollout)
        self.fold.restore_parts(stored.parts, again=not self.transactional)
        self.records.resume(stored)
        self.fold.dirty = set(stored.open)
        self.pending: list[ClosedPane[Any]] = []

    def _stored(self) -> Iterator[cells.StoredRecord]:
        for record in self.log:
            body = None if record.value is None else CODEC.decode("cells", record.value)["body"]
            yield cells.StoredRecord(
                key=record.key, stamp=cells.stamp_of(record.headers), body=body
            )

    def feed(self, events: list[dict[str, Any]], first: int) -> None:
        values = [CODEC.encode("predictions", event) for event in events]
        columns = decode_predictions(values, CODEC)
        offsets = np.arange(first, first + len(events))
        append_ms = np.full(len(events), START_MS)
        closed, _ = self.fold.fold(columns, append_ms, offsets, end_offset=first + len(events))
        self.pending += closed

    def flush(self, torn: int | None = None, activated: Any = ()) -> None:
        """Write all records, or only the first ones and no marker."""
        dirty, self.fold.dirty = self.fold.dirty, set()
        first, last = self.records.render(
            self.fold,
            idle=False,
            closed=self.pending,
            letters=[],
            activated=list(activated),
            ended=[],
            breaches=[],
            dirty=dirty,
        )
        whole = [record for record in (*first, *last) if record.topic == "cells"]
        self.log += whole if torn is None else whole[:torn]
        if torn is None:
            self.closed += self.pending
            self.pending = []


def run(machine: Machine, events: list[dict[str, Any]], trouble: dict[int, int]) -> list[Any]:
    """Flush after every 100 events; at the flushes in `trouble` so many records are written."""
    machine.flush(activated=[machine.fold.activate(USERS)])
    flushes = 0
    while (start := machine.fold.marker.next_offset) < len(events):
        machine.feed(events[start : start + 100], start)
        flushes += 1
        torn = trouble.get(flushes)
        machine.flush(torn)
        if torn is not None:
            machine.start()
    return [(pane.pane, cells_to_states(pane.cells)) for pane in machine.closed]


def events() -> list[dict[str, Any]]:
    return list(Traffic(seconds=20, rate=100, users=90, error_rates=(0.1, 0.1)).events(START_MS))


class TestRestart:
    @pytest.mark.parametrize("torn", [0, 1, 2, 3, 4])
    def test_a_torn_flush_without_transactions(
        self, monkeypatch: pytest.MonkeyPatch, torn: int
    ) -> None:
        """Whatever of a flush a dead owner has left, the next ones count as if it had not been."""
        monkeypatch.setattr(journal, "LONGEST", 50)
        plain = run(Machine(transactional=False), events(), {})
        troubled = run(Machine(transactional=False), events(), dict.fromkeys((5, 6, 12, 16), torn))
        assert troubled == plain
        assert sum(cell["units"]["errors"] for _, pane in plain for cell in pane) > 20

    def test_after_whole_flushes(self) -> None:
        machine = Machine(transactional=True)
        plain = run(Machine(transactional=True), events(), {})
        assert run(machine, events(), {}) == plain
        machine.start()
        stored = machine.fold.live[USERS.rollout].units
        assert stored is not None
        assert stored.size == 90

    def test_nothing_is_left_of_a_rollout_that_ended(self) -> None:
        machine = Machine(transactional=True)
        run(machine, events(), {})
        live = machine.fold.live[USERS.rollout]
        gone = machine.fold.deactivate(USERS.rollout)
        first, last = machine.records.render(
            machine.fold, idle=False, closed=[], letters=[], activated=[],
            ended=[(live, gone)], breaches=[], dirty=set(),
        )  # fmt: skip
        machine.log += [record for record in (*first, *last) if record.topic == "cells"]
        newest = {record.key: record.value for record in machine.log}
        assert {key for key, value in newest.items() if value is not None} == {
            "predictions/0/marker"
        }

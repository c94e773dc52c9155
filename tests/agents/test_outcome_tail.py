"""Outcomes are read beside their predictions; what was deleted unread is told."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError

from streams.agents.batch import Batch, Partition
from streams.agents.outcome_tail import OutcomeTail
from streams.agents.prediction_owner import PredictionOwner
from streams.agents.records import Records
from streams.settings import Settings
from streams.spec.outcome_facts import Outcome, OutcomeKind
from tests.agents.pipeline import spec
from tests.agents.test_flush import SOURCE, MemorySpecs, MemoryWriter, context_of

LABEL = Outcome(name="label", kind=OutcomeKind.LABEL, window_s=5)
OUTCOMES = Partition("outcomes", 0)


class Passed:
    """A log of which a reader passed offsets 10 to 49 without a record, and reads no more."""

    def __init__(self, begin: int, failures: int = 0) -> None:
        self._begin, self._failures = begin, failures
        self.waits = asyncio.Event()
        self._fetched = False

    async def fetch(self) -> Batch:
        if self._fetched:
            self.waits.set()
            await asyncio.Event().wait()
        self._fetched = True
        return Batch(partition=OUTCOMES, start=10, end=50, records=Records())

    async def begin(self) -> int:
        self._failures -= 1
        if self._failures >= 0:
            raise KafkaConnectionError("the broker is away")
        return self._begin

    async def is_read(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("begin", "lost"), [(0, 0), (30, 20), (50, 40)], ids=["aborted", "both", "deleted"]
)
async def test_a_stretch_without_records_that_nothing_follows(
    begin: int, lost: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was aborted, as far as the log still holds it; the rest is lost. A broker may be away."""
    context = context_of(MemoryWriter(), MemorySpecs(), Settings())
    owner = PredictionOwner(SOURCE, context)
    owner._fold.activate(spec(outcomes=(LABEL,)))
    log: Any = Passed(begin, failures=2)
    monkeypatch.setattr("streams.agents.outcome_tail.FETCH_MS", 1)
    reading = asyncio.create_task(OutcomeTail(owner, OUTCOMES, context)._run(log))
    await log.waits.wait()
    reading.cancel()
    assert owner.outcomes.counts["lost"] == context.losses.offsets[OUTCOMES] == lost
    assert owner.outcomes.order.next_offset == 50

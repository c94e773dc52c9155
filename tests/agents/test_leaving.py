"""A judge that is to let go of its partition stops between two decisions, and none is different."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from streams.agents.batch import Batch, Partition
from streams.agents.judge_owner import JudgeOwner
from streams.agents.writer import OutRecord
from streams.settings import Settings
from streams.spec.model import RolloutSpec
from tests.agents.pipeline import spec
from tests.agents.test_flush import MemorySpecs, MemoryWriter, batches, context_of, owner_of

PANES = Partition("panes", 0)
ONE = {"source_partitions": 1, "rollout_partitions": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A consumed record of `panes`."""

    offset: int
    key: bytes
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp: int = 0
    topic: str = PANES.topic
    partition: int = PANES.partition


class Specs(MemorySpecs):
    """Specs that a judge may ask for."""

    def get(self, rollout: str) -> RolloutSpec | None:
        return self.specs.get(rollout)


async def panes() -> Batch:
    """All that a source partition tells of twelve seconds, as one batch."""
    out = MemoryWriter()
    owner = owner_of(out, MemorySpecs({"digits-v2": spec()}), **ONE)
    for batch in batches(50, 12.0):
        await owner.feed(batch)
    await owner.flush()
    written = [record for flush in out.flushes for record in flush if record.topic == "panes"]
    records = [_consumed(at, record) for at, record in enumerate(written)]
    return Batch(partition=PANES, start=0, end=len(records), records=records)


def _consumed(offset: int, record: OutRecord) -> Record:
    return Record(offset=offset, key=str(record.key).encode(), value=record.value)


class Judged:
    """A judge in memory, and what it wrote."""

    def __init__(self, leaving: Callable[[], bool]) -> None:
        self.out = MemoryWriter()
        context = context_of(self.out, Specs({"digits-v2": spec()}), Settings(**ONE))
        self.owner = JudgeOwner(PANES, replace(context, leaving=leaving))

    @property
    def decisions(self) -> list[Any]:
        """Values of the decisions so far."""
        written = (record for flush in self.out.flushes for record in flush)
        return [record.value for record in written if record.topic == "decisions"]


async def test_nothing_is_begun_and_nothing_is_lost() -> None:
    """After each decision it is asked to let go; whoever goes on decides the same."""
    batch = await panes()
    whole = Judged(lambda: False)
    await whole.owner.feed(batch)
    assert (whole.owner.next_offset, len(whole.decisions) > 2) == (batch.end, True)
    asked = [False]
    parted = Judged(lambda: asked[0] and len(parted.decisions) > before)
    feeds, before = 0, 0
    while parted.owner.next_offset < batch.end:
        before, asked[0] = len(parted.decisions), True
        await parted.owner.feed(batch.since(parted.owner.next_offset))
        assert len(parted.decisions) <= before + 1
        feeds += 1
    assert parted.decisions == whole.decisions
    assert feeds > len(whole.decisions)
    for judged in (whole, parted):
        await judged.owner.close()

"""The last thing that is said of a rollout is that it has ended: compaction leaves no other."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from streams.agents.leases import Leases
from streams.agents.writer import OutRecord
from streams.settings import Settings
from tests.agents.pipeline import spec
from tests.agents.test_flush import CODEC, MemorySpecs, MemoryWriter, context_of


@dataclass
class SlowWriter(MemoryWriter):
    """What is written first is on its way until it is let go."""

    began: asyncio.Event = field(default_factory=asyncio.Event)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)

    async def write(self, first: Sequence[OutRecord], last: Sequence[OutRecord] = ()) -> None:
        if not self.began.is_set():
            self.began.set()
            await self.let_go.wait()
        await super().write(first, last)


async def test_no_heartbeat_comes_behind_the_end() -> None:
    """One is on its way when the rollout ends."""
    out = SlowWriter()
    leases = Leases(context_of(out, MemorySpecs(), Settings()), 0, out)
    beating = asyncio.create_task(leases.beat(lambda: [(spec(), 7)]))
    await out.began.wait()
    ending = asyncio.create_task(leases.end(spec(), 8))
    await asyncio.sleep(0)
    out.let_go.set()
    await asyncio.gather(beating, ending)
    written = [record for flush in out.flushes for record in flush]
    told = [CODEC.decode("leases", record.value or b"") for record in written]
    assert [(lease["state"], lease["pane"]) for lease in told] == [("LIVE", 7), ("ENDED", 8)]


async def test_who_has_ended_meanwhile_is_not_renewed() -> None:
    """A heartbeat asks who is judged when its turn comes, not before."""
    out, judged = SlowWriter(), {"one": (spec("one"), 7)}
    leases = Leases(context_of(out, MemorySpecs(), Settings()), 0, out)
    ending = asyncio.create_task(leases.end(spec("one"), 8))
    await out.began.wait()
    beating = asyncio.create_task(leases.beat(judged.values))
    await asyncio.sleep(0)
    del judged["one"]
    out.let_go.set()
    await asyncio.gather(ending, beating)
    assert [len(flush) for flush in out.flushes] == [1, 0]

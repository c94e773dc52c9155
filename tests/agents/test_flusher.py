"""A flush that is under way ends before the owner does; one that hangs is broken off."""

from __future__ import annotations

import asyncio

import pytest

from streams.agents import flusher
from streams.agents.flusher import Flusher


class Flushes:
    """Flushes that end when they are let."""

    def __init__(self) -> None:
        self.begun, self.goes_on = asyncio.Event(), asyncio.Event()
        self.ended: list[str] = []

    async def flush(self) -> None:
        self.begun.set()
        try:
            await self.goes_on.wait()
        except asyncio.CancelledError:
            self.ended.append("broken off")
            raise
        self.ended.append("committed")

    async def tick(self) -> None:
        pass

    async def under_way(self) -> Flusher:
        """A flusher in the middle of its first flush."""
        running = Flusher(self.flush, self.tick, 3600)
        running.start()
        running.wake()
        await self.begun.wait()
        return running


async def test_a_flush_under_way_is_committed_and_none_follows() -> None:
    flushes = Flushes()
    running = await flushes.under_way()
    running.wake()
    stopping = asyncio.create_task(running.stop())
    await asyncio.sleep(0)
    flushes.goes_on.set()
    await stopping
    assert flushes.ended == ["committed"]
    assert running.failure is None


async def test_one_that_hangs_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flusher, "END_S", 0.01)
    flushes = Flushes()
    running = await flushes.under_way()
    await running.stop()
    assert flushes.ended == ["broken off"]


async def test_whoever_gives_up_waiting_breaks_it_off() -> None:
    """Nothing goes on behind the back of an owner that was dropped."""
    flushes = Flushes()
    stopping = asyncio.create_task((await flushes.under_way()).stop())
    await asyncio.sleep(0)
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    await asyncio.sleep(0)
    assert flushes.ended == ["broken off"]


async def test_without_a_flush_it_stops_at_once() -> None:
    running = Flusher(Flushes().flush, Flushes().tick, 3600)
    running.start()
    async with asyncio.timeout(1):
        await running.stop()

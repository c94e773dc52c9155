"""When are flushes due, and how does one end? One under way before its owner, unless it hangs."""

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

    async def tick(self) -> bool:
        return False

    async def under_way(self) -> Flusher:
        """A flusher in the middle of its first flush."""
        running = Flusher(self.flush, self.tick, 3600)
        running.start()
        running.wake()
        await self.begun.wait()
        return running


class Journal:
    """What a flusher calls, in turn; it is told that it may end after so many flushes."""

    def __init__(self, *, news: bool, flushes: int) -> None:
        self.calls: list[str] = []
        self.enough = asyncio.Event()
        self._news, self._flushes = news, flushes

    async def flush(self) -> None:
        self.calls.append("flush")
        if self.calls.count("flush") == self._flushes:
            self.enough.set()

    async def tick(self) -> bool:
        self.calls.append("tick")
        return self._news

    async def kept(self, interval_s: float) -> list[str]:
        """Run until there were enough flushes."""
        running = Flusher(self.flush, self.tick, interval_s)
        running.start()
        async with asyncio.timeout(30):
            await self.enough.wait()
        await running.stop()
        return self.calls


async def test_news_are_flushed_at_the_next_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flusher, "TICK_S", 0.01)
    calls = await Journal(news=True, flushes=2).kept(interval_s=3600)
    assert calls == ["tick", "flush", "tick", "flush"]


async def test_without_news_it_looks_often_and_flushes_rarely(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Writing all open panes costs far more than a look."""
    monkeypatch.setattr(flusher, "TICK_S", 0.01)
    calls = await Journal(news=False, flushes=2).kept(interval_s=0.5)
    assert min(len(looks) for looks in "".join(c[0] for c in calls).split("f")[:2]) >= 5


async def test_an_interval_shorter_than_that_is_kept() -> None:
    calls = await Journal(news=False, flushes=3).kept(interval_s=0.01)
    assert calls == ["tick", "flush"] * 3


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

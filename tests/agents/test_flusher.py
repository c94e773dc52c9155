"""When are flushes due, and how does one end? One under way before its owner, unless it hangs."""

from __future__ import annotations

import asyncio
from functools import partial

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


class Journal:
    """What a flusher calls, in turn; one of the calls wakes it, if that is said."""

    def __init__(self, interval_s: float, *, wakes: str = "") -> None:
        self.calls: list[str] = []
        self._flusher = Flusher(
            partial(self._called, "flush"), partial(self._called, "tick"), interval_s
        )
        self._wakes = wakes
        self._until, self._enough = ("", 0), asyncio.Event()

    async def _called(self, what: str) -> None:
        self.calls.append(what)
        if what == self._wakes:
            self._flusher.wake()
        if self.calls.count(self._until[0]) == self._until[1]:
            self._enough.set()
        await asyncio.sleep(0)

    async def until(self, what: str, times: int) -> list[str]:
        """Run until something was called so many times."""
        self._until = what, times
        self._flusher.start()
        if self._wakes == "flush":
            self._flusher.wake()
        async with asyncio.timeout(30):
            await self._enough.wait()
        await self._flusher.stop()
        return self.calls


async def test_news_are_flushed_at_the_next_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flusher, "TICK_S", 0.01)
    calls = await Journal(3600, wakes="tick").until("flush", 2)
    assert calls[:4] == ["tick", "flush", "tick", "flush"]


async def test_without_news_it_looks_often_and_flushes_rarely(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """To write what has changed costs far more than a look."""
    monkeypatch.setattr(flusher, "TICK_S", 0.01)
    calls = await Journal(0.5).until("flush", 2)
    assert min(map(len, "".join(call[0] for call in calls).split("f")[:2])) >= 5


async def test_an_interval_shorter_than_that_is_kept() -> None:
    calls = await Journal(0.01).until("flush", 3)
    assert calls[:6] == ["tick", "flush"] * 3


async def test_who_is_woken_all_the_time_looks_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a partition with outcomes alone would never be told to be idle."""
    monkeypatch.setattr(flusher, "TICK_S", 0.01)
    calls = await Journal(3600, wakes="flush").until("tick", 3)
    assert calls.count("flush") >= 3


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

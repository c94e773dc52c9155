"""Of several steps at a time none goes on once one has failed."""

from __future__ import annotations

import asyncio

import pytest

from streams.agents.at_once import at_once


class Steps:
    """Steps that tell how they ended."""

    def __init__(self) -> None:
        self.ended: list[str] = []

    async def gives(self, word: str) -> str:
        await asyncio.sleep(0)
        return word

    async def fails(self) -> None:
        await asyncio.sleep(0)
        raise ConnectionError("the broker is away")

    async def waits(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            self.ended.append("cleared away")


async def test_each_gives_what_it_gives() -> None:
    steps = Steps()
    assert await at_once(steps.gives("a"), steps.gives("b")) == ["a", "b"]


async def test_the_others_have_ended_when_one_fails() -> None:
    steps = Steps()
    with pytest.raises(ConnectionError):
        await at_once(steps.waits(), steps.fails(), steps.waits())
    assert steps.ended == ["cleared away", "cleared away"]


async def test_all_have_ended_when_they_are_cancelled() -> None:
    steps = Steps()
    whole = asyncio.create_task(at_once(steps.waits(), steps.waits()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    whole.cancel()
    with pytest.raises(asyncio.CancelledError):
        await whole
    assert steps.ended == ["cleared away", "cleared away"]

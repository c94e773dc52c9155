"""Accidents at exact places within a worker. No bugs: davy must get over each of them."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from typing import Any

from streams.agents import writer
from streams.agents.sketch_owner import SketchOwner
from tests.soak.planted.marks import FLUSHES

SLOW_S = 0.4
EVERY = 4
"""Every so many-th batch fails once."""


def die_in_flush() -> None:
    """SIGKILL with all records of a flush at the broker and its transaction open."""
    _die(after_commit=False)


def die_after_flush() -> None:
    """SIGKILL right behind a commit, before anybody in the worker knows of it."""
    _die(after_commit=True)


def _die(*, after_commit: bool) -> None:
    left = [int(os.environ.get(FLUSHES, "20"))]
    send = writer.send
    write = writer.TransactionalWriter.write

    async def writing(self: Any, first: Sequence[Any], last: Sequence[Any] = ()) -> None:
        keys = {str(r.key) for r in first if str(r.topic).endswith("panes")}
        panes = any(not key.startswith("progress/") for key in keys)
        left[0] -= panes
        dying = panes and left[0] < 0
        if dying and not after_commit:
            await self._producer.begin_transaction()
            await asyncio.gather(*[await send(self._producer, r) for r in (*first, *last)])
            os.kill(os.getpid(), signal.SIGKILL)
        await write(self, first, last)
        if dying:
            os.kill(os.getpid(), signal.SIGKILL)

    writer.TransactionalWriter.write = writing  # type: ignore[method-assign]


def slow() -> None:
    """Every batch takes long."""
    feed = SketchOwner.feed

    async def feeding(self: Any, batch: Any, failures: int = 0) -> None:
        await asyncio.sleep(SLOW_S)
        await feed(self, batch, failures)

    SketchOwner.feed = feeding  # type: ignore[method-assign]


def fail_in_fold() -> None:
    """An exception in the middle of a fold, now before and now behind the work, never twice."""
    fold_batch = SketchOwner._fold_batch
    seen: set[tuple[Any, int]] = set()

    def failing(self: Any, fold: Any, batch: Any) -> None:
        place = batch.partition, batch.start
        due = place not in seen and len(seen) % EVERY == EVERY - 1
        seen.add(place)
        if due and batch.start % 2:
            raise ArithmeticError("planted, before the fold")
        fold_batch(self, fold, batch)
        if due:
            raise ArithmeticError("planted, behind the fold")

    SketchOwner._fold_batch = failing  # type: ignore[method-assign]

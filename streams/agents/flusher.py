"""When is an owner's work made durable? At once when there is news, else every so often.

The background half of an owner: one task that flushes, one place where its failure is kept.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

TICK_S = 0.5
"""How often an owner looks for what no event tells it; a flush costs far more than a look."""
END_S = 2.0
"""How long a flush that is under way may take to end."""


class Flusher:
    """Runs `flush` when woken and every `interval_s`, and `tick` at least as often as that.

    A tick that has news wakes it.
    """

    def __init__(
        self,
        flush: Callable[[], Awaitable[None]],
        tick: Callable[[], Awaitable[None]],
        interval_s: float,
    ) -> None:
        self._flush = flush
        self._tick = tick
        self._interval_s, self._tick_s = interval_s, min(interval_s, TICK_S)
        self._flushed_at = self._ticked_at = time.monotonic()
        self._wake = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        self.failure: BaseException | None = None
        """Why it stopped, if it stopped by itself; the owner must then be rebuilt."""

    def start(self) -> None:
        """Begin to flush in the background."""
        self._task = asyncio.create_task(self._run(), name="flusher")

    def wake(self) -> None:
        """Ask for a flush now."""
        self._wake.set()

    async def stop(self) -> None:
        """Stop without a last flush; one under way may end: broken off, it leaves a transaction.

        Others' readers would wait behind that until the next owner or the broker ends it.
        """
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            try:
                await asyncio.wait([self._task], timeout=END_S)
            finally:
                self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            while True:
                await self._wait()
                await self._look()
                if self._stopping:  # told so during the tick
                    return
                if self._wake.is_set() or time.monotonic() - self._flushed_at >= self._interval_s:
                    self._wake.clear()
                    await self._flush()
                    self._flushed_at = time.monotonic()
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - kept for whoever rebuilds the owner
            self.failure = error

    async def _wait(self) -> None:
        """Until it is woken, or a tick or a flush is due."""
        now = time.monotonic()
        due = min(self._flushed_at + self._interval_s, self._ticked_at + self._tick_s)
        try:
            async with asyncio.timeout(max(0.0, due - now)):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _look(self) -> None:
        """Tick where that is due: who is woken all the time looks too."""
        now = time.monotonic()
        if not self._stopping and now - self._ticked_at >= self._tick_s:
            self._ticked_at = now
            await self._tick()

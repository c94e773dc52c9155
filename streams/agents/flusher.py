"""When is an owner's work made durable? At once when there is news, else every so often.

The background half of an owner: one task that flushes, one place where its failure is kept.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

TICK_S = 0.5
"""How often an owner looks for news by itself, at least: a flush costs more than a look."""
END_S = 2.0
"""How long a flush that is under way may take to end."""


class Flusher:
    """Runs `flush` when woken, when `tick` says that there is news, and every `interval_s`."""

    def __init__(
        self,
        flush: Callable[[], Awaitable[None]],
        tick: Callable[[], Awaitable[bool]],
        interval_s: float,
    ) -> None:
        self._flush = flush
        self._tick = tick
        self._interval_s = interval_s
        self._flushed_at = time.monotonic()
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
                due = await self._wait()
                if not due and not self._stopping:
                    due = await self._tick() or self._overdue
                if self._stopping:  # told so during the tick
                    return
                if due:
                    await self._flush()
                    self._flushed_at = time.monotonic()
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - kept for whoever rebuilds the owner
            self.failure = error

    @property
    def _overdue(self) -> bool:
        return time.monotonic() - self._flushed_at >= self._interval_s

    async def _wait(self) -> bool:
        try:
            async with asyncio.timeout(min(self._interval_s, TICK_S)):
                await self._wake.wait()
        except TimeoutError:
            return False
        self._wake.clear()
        return True

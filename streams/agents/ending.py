"""How long does a worker wait for what may never come, once it has been told to stop?

First everything is made durable, then the group is left, both by one deadline. What is not durable
by then is folded again by the next owner, from where the marker says: that is safe.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from aiokafka import AIOKafkaConsumer

logger = logging.getLogger(__name__)

CLOSE_S = 10.0
"""For a consumer, outside of the end of a worker too."""
LEAST_S = 2.0
"""For a step whose turn comes when the time is up."""


class Deadline:
    """When the end of a worker must have come; it runs from `begin` on."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end_s: float | None = None

    def begin(self) -> None:
        """The worker has been told to stop. A second time says nothing new."""
        if self._end_s is None:
            self._end_s = asyncio.get_running_loop().time() + self.seconds

    @property
    def left_s(self) -> float:
        """How much longer a step may take; `LEAST_S` at least."""
        if self._end_s is None:
            return self.seconds
        return max(LEAST_S, self._end_s - asyncio.get_running_loop().time())


async def in_time(step: Coroutine[Any, Any, object], seconds: float, otherwise: str) -> bool:
    """Run a step of the end; False where it fails or takes too long, with a warning that says why.

    It is cancelled then and left behind: some steps (an open transaction, Faust's services) answer
    a cancellation with waiting again. A step that is cancelled from within counts as failed.
    """
    task = asyncio.create_task(step)
    try:
        ended, _ = await asyncio.wait([task], timeout=seconds)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if not ended:
        task.cancel()
        logger.warning("%s (not done within %.1f s)", otherwise, seconds)
        return False
    failure = None if task.cancelled() else task.exception()
    if failure is not None:
        logger.warning("%s (%r)", otherwise, failure)
    return failure is None and not task.cancelled()


async def disconnect(consumer: AIOKafkaConsumer, seconds: float = CLOSE_S) -> None:
    """Stop a consumer, also where its `stop` cancels itself.

    aiokafka does that where a fetch waits for its next try, as when the broker is away; whoever
    called it would be cancelled.
    """
    if not await in_time(consumer.stop(), seconds, "a consumer did not end in order"):
        await cut(consumer)


async def cut(consumer: AIOKafkaConsumer) -> None:
    """Close what connections a consumer still has."""
    await in_time(consumer._client.close(), LEAST_S, "a connection does not close")  # noqa: SLF001

"""How does a worker's app begin, work and end? It may be told to stop at any time.

Told so while it still reads what is stored, it ends as quickly as from its work: what it has begun
to own it lets go of, and nothing has been written yet.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

from streams.agents.app import DavyApp
from streams.agents.ending import in_time
from streams.errors import StalledError
from streams.serving.pulse import HUNG, Watchdog

logger = logging.getLogger(__name__)

HALT_S = 2.0
"""How long the rebuilding of owners may take to end."""
CLOSE_S = 10.0
"""How much longer than making everything durable the end of a worker may take."""
STALLED_STOP_S = 10.0

Task = asyncio.Task[None]
Work = Callable[[], Coroutine[Any, Any, None]]


async def unless(stopped: asyncio.Future[Any], step: Coroutine[Any, Any, None]) -> bool:
    """Take a step; False where the worker is told to stop before it is done. Then it has ended."""
    task = asyncio.create_task(step)
    await asyncio.wait([task, stopped], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()
        return True
    await _cancelled([task])
    return False


async def live(
    app: DavyApp, work: Sequence[Work], stopped: asyncio.Future[Any], watchdog: Watchdog
) -> None:
    """Start the app, then work until `stopped` is over, and end in order.

    Raises:
        Exception: the app does not start, or what failed in `work`, which never ends by itself.
    """
    if stopped.done():
        return
    starting = asyncio.create_task(app.start(), name="start")
    await asyncio.wait([starting, stopped], return_when=asyncio.FIRST_COMPLETED)
    if starting.done():
        starting.result()
    tasks: list[Task] = []
    try:
        if starting.done():
            app.counts.start()
            tasks += [asyncio.create_task(each()) for each in work]
            logger.info("worker started")
            await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
    except StalledError as stalled:
        watchdog.end_within(STALLED_STOP_S, str(stalled))
        logger.critical("%s", stalled)
        raise
    finally:
        logger.info("worker stopping")
        stop_s = app.deadline.seconds + CLOSE_S
        code = 0 if stopped.done() else HUNG
        watchdog.end_within(stop_s, f"the worker did not stop within {stop_s:g} s", code)
        await _end(app, tasks, starting)


async def _end(app: DavyApp, tasks: Iterable[Task], starting: Task) -> None:
    """Build nothing any more, make everything durable, leave the group, disconnect."""
    app.deadline.begin()
    app.ownership.ending = True
    await in_time(_cancelled(tasks), HALT_S, "an owner was being rebuilt; it is left behind")
    await app.counts.stop()
    await app.stop()
    left_s = app.deadline.left_s
    await in_time(app.ownership.close(), left_s, "an owner does not disconnect; it is left behind")
    await in_time(_cancelled([starting]), HALT_S, "what was being started is left behind")


async def _cancelled(tasks: Iterable[Task]) -> None:
    ended = list(tasks)
    for task in ended:
        task.cancel()
    await asyncio.gather(*ended, return_exceptions=True)

"""How are several steps taken at a time, so that none goes on once one has failed?"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any


async def at_once(*steps: Awaitable[Any]) -> list[Any]:
    """What each step gives, in order; where one fails the others are cancelled, and have ended.

    Raises:
        Exception: the first failure.
    """
    tasks = [asyncio.ensure_future(step) for step in steps]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise

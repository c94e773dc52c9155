"""Who is told of news as they come? Server-sent events, each rollout at most once a second."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

from pydantic import BaseModel

from streams.dashboard.answers.common import Reading
from streams.dashboard.answers.story import Changed
from streams.dashboard.window import Window

TICK_S = 1.0
QUIET_TICKS = 5
"""After so many without news `session` is told again: a page hears no comments, and wants to know
that the connection lives; nor does a proxy take the silence for an end."""
AGAIN = "retry: 2000\n\n"
"""When a browser whose connection broke tries again, ms."""
MOST = 32
"""Listeners at once: the server has connections for others too."""


class Listeners:
    """Counts them. For one event loop."""

    def __init__(self) -> None:
        self.count = 0

    @property
    def full(self) -> bool:
        """Whether there is no room for one more."""
        return self.count >= MOST

    async def stream(
        self, window: Window, rollout: str | None, stopping: threading.Event
    ) -> AsyncIterator[str]:
        """Events of all rollouts or of one, until the server ends; at the begin all are news."""
        self.count += 1
        try:
            async for text in _told(window, rollout, stopping):
                yield text
        finally:
            self.count -= 1


async def _told(
    window: Window, rollout: str | None, stopping: threading.Event
) -> AsyncIterator[str]:
    seen: dict[str, int] = {}
    reading: Reading | None = None
    quiet = 0
    yield AGAIN
    while not stopping.is_set():
        now, news = window.reading(), window.news.since(seen)
        heard = now == reading and quiet < QUIET_TICKS
        texts = [] if heard else [event("session", now)]
        for name, (change, parts) in news.items():
            if rollout in {None, name}:
                changed = Changed(rollout=name, parts=parts, change=change)
                texts.append(event("changed", changed))
        seen |= {name: change for name, (change, _) in news.items()}
        reading, quiet = now, 0 if texts else quiet + 1
        if texts:
            yield "".join(texts)
        await asyncio.sleep(TICK_S)


def event(name: str, data: BaseModel) -> str:
    r"""One event as it is written.

    >>> from streams.dashboard.answers.story import Changed
    >>> event("changed", Changed(rollout="digits", parts=[], change=7))
    'event: changed\ndata: {"rollout":"digits","parts":[],"change":7}\n\n'
    """
    return f"event: {name}\ndata: {data.model_dump_json()}\n\n"

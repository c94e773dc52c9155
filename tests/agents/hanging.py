"""A worker that hangs: `python -m tests.agents.hanging HOW TOPIC` is `davy worker` with a fault.

One seam of the program is wrapped, as a bug in it would be; settings come from the environment.
`once`: the first feed of a partition never ends; a worker that builds it anew goes on.
`always`: every feed never ends, and ignores that it is cancelled.
`busy`: the fold never ends, and the main loop with it.
`load`: the stored state is never read.
`reading`, `specs`: it reads `cells`, or what is live, and never comes to the end.
`revoked`, `assigned`: it stops, and before it has made anything durable the group distributes anew.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from streams.agents import sketch_owner
from streams.agents.sketch_owner import SketchOwner
from streams.agents.specs import SpecFeed
from streams.agents.transport import Consumer
from streams.cli import app

HANG_AFTER = 100
"""Offset from which the fold hangs."""


def main(how: str) -> None:
    match how:
        case "once":
            SketchOwner.feed = _once(SketchOwner.feed)
        case "always":
            SketchOwner.feed = _always(SketchOwner.feed)
        case "busy":
            SketchOwner._decoded = _busy(SketchOwner._decoded)
        case "load":
            SketchOwner.load = _never
        case "reading":
            sketch_owner.read_into = _and_then_never(sketch_owner.read_into)
        case "specs":
            SpecFeed.start = _and_then_never(SpecFeed.start)
        case "revoked" | "assigned":
            _stop_during(f"on_partitions_{how}")
    sys.argv = ["davy", "worker"]
    app()


def _once(feed: Callable[..., Any]) -> Any:
    hung: list[SketchOwner] = []

    async def hangs(self: SketchOwner, batch: Any, failures: int = 0) -> None:
        if batch.end > HANG_AFTER and not hung:
            hung.append(self)
            await _never()
        await feed(self, batch, failures)

    return hangs


def _always(feed: Callable[..., Any]) -> Any:
    async def hangs(self: SketchOwner, batch: Any, failures: int = 0) -> None:
        while batch.end > HANG_AFTER:
            with suppress(asyncio.CancelledError):
                await _never()
        await feed(self, batch, failures)

    return hangs


def _busy(decoded: Callable[..., Any]) -> Any:
    def the_fold_that_hangs(self: SketchOwner, records: Any) -> Any:
        while records and records[-1].offset > HANG_AFTER:
            pass
        return decoded(self, records)

    return the_fold_that_hangs


def _and_then_never(reads: Callable[..., Any]) -> Any:
    """What it reads is lost: the worker goes on as if it had not come to an end."""

    async def reads_on(*where: Any) -> None:
        await reads(*where)
        await _never()

    return reads_on


def _stop_during(moment: str) -> None:
    """The end of the worker waits until the group's call of this name has been answered."""
    answered, answer, wait_empty = asyncio.Event(), getattr(Consumer, moment), Consumer.wait_empty

    async def answers(self: Consumer, *facts: Any) -> None:
        await answer(self, *facts)
        if self.app.should_stop:
            answered.set()

    async def waits(self: Consumer) -> None:
        if self.app.should_stop:
            logging.getLogger("hanging").warning("waits for the group")
            await answered.wait()
        await wait_empty(self)

    setattr(Consumer, moment, answers)
    Consumer.wait_empty = waits


async def _never(*_: object) -> None:
    logging.getLogger("hanging").warning("hangs")
    await asyncio.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1])

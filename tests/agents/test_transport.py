"""The transport tells owners what the group decided."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from faust.types import TP

from streams.agents.app import create_app
from streams.agents.batch import Partition
from streams.agents.fetching import ConsumerThread
from streams.agents.ownership import Ownership
from streams.settings import Settings


class Assigned(Ownership):
    """Remembers what it was asked to own."""

    def __init__(self) -> None:
        super().__init__(lambda _: NotImplemented)
        self.asked: list[set[Partition]] = []

    async def take(self, assigned: Iterable[Partition]) -> dict[Partition, int]:
        self.asked.append(set(assigned))
        return {}


async def no_callback(*_: Any) -> None:
    pass


class TestAssignment:
    async def test_a_worker_without_partitions_owns_nothing(self) -> None:
        """One worker too many lets go of what it had: no heartbeat for others' rollouts."""
        app = create_app(Settings(), owned := Assigned())
        consumer: Any = app.consumer
        consumer._on_partitions_assigned = no_callback
        await consumer.on_partitions_assigned({TP("panes", 0)}, 1)
        assert owned.asked == []
        await consumer.on_partitions_assigned(set(), 2)
        assert owned.asked == [set()]
        consumer._thread.thread_loop.close()


class Halfway(ConsumerThread):
    """A thread that is in the middle of a poll, which takes several fetches."""

    def __init__(self) -> None:
        self._moving = asyncio.Lock()
        self._deleted = {}
        self.consumer = SimpleNamespace(flow_active=False)
        self.half, self.rest = asyncio.Event(), asyncio.Event()
        self.done: list[str] = []

    async def _fetched(self, *_: object) -> dict[object, object]:
        self.half.set()
        await self.rest.wait()
        self.done.append("fetched")
        return {}

    async def _move(self, *_: object) -> None:
        self.done.append("moved")


class TestPolls:
    async def test_no_seek_comes_between_the_fetches_of_a_batch(self) -> None:
        """Else records from before it would stand in one batch with those behind it."""
        thread = Halfway()
        polling = asyncio.create_task(thread._fetch_records(None, None))
        await thread.half.wait()
        seeking = asyncio.create_task(thread._seek_wait(None, {}))
        await asyncio.sleep(0)
        assert thread.done == []
        thread.rest.set()
        await asyncio.gather(polling, seeking)
        assert thread.done == ["fetched", "moved"]

"""The transport tells owners what the group decided."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from faust.types import TP

from streams.agents.app import create_app
from streams.agents.batch import Partition
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

"""Which batches are being folded now, and how is one let go that hangs?"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from streams.agents.batch import Partition


class Feeding:
    """Batches under way: one a topic, for its agent takes the next when it is done."""

    def __init__(self) -> None:
        self._under_way: dict[Partition, asyncio.Timeout] = {}

    def __contains__(self, partition: Partition) -> bool:
        return partition in self._under_way

    def waits_behind(self, partition: Partition) -> bool:
        """Whether its topic's agent is busy with another's batch."""
        busy = self._under_way.keys() - {partition}
        return partition not in self and any(other.topic == partition.topic for other in busy)

    async def run(self, partition: Partition, folding: Awaitable[None]) -> None:
        """Fold a batch for as long as it takes; TimeoutError where it was let go."""
        async with asyncio.timeout(None) as under_way:
            self._under_way[partition] = under_way
            try:
                await folding
            finally:
                self._under_way.pop(partition, None)

    def let_go(self, partition: Partition) -> None:
        """Cancel what is under way, if anything is."""
        under_way = self._under_way.pop(partition, None)
        if under_way is not None:
            under_way.reschedule(asyncio.get_running_loop().time())

"""Which partitions stand still, and when is each tried again?

A halt is what the log itself cannot mend: a record that a person must see to, or a schema registry
that is away. The pauses grow with the failures in a row, of halts and of rebuilds alike.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from streams.agents.batch import Partition
from streams.errors import RegistryError
from streams.wire.own import Unreadable
from streams.wire.sparing import Sparing

RETRY_S = (0.1, 0.5, 2.0, 5.0)
Waits = Unreadable | RegistryError
"""What the log itself cannot mend: a partition stands still, and the others go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """A partition that waits for a person to see to a record, or for the schema registry."""

    due: float
    """Loop time of the next try."""
    loaded: bool
    """Whether its owner had read its state, and waits at a record of its source."""


class Halts:
    """The halts of one worker's partitions, and how often each has failed in a row."""

    def __init__(self, sparing: Sparing) -> None:
        self._sparing = sparing
        self._halts: dict[Partition, Halt] = {}
        self._failures: dict[Partition, int] = {}

    def __contains__(self, partition: Partition) -> bool:
        return partition in self._halts

    def failures(self, partition: Partition) -> int:
        """Failures in a row."""
        return self._failures.get(partition, 0)

    def failed(self, partition: Partition) -> float:
        """Count a failure; returns for how many seconds to pause after it."""
        tries = self.failures(partition)
        self._failures[partition] = tries + 1
        return RETRY_S[min(tries, len(RETRY_S) - 1)]

    def succeeded(self, partition: Partition) -> None:
        """The failures in a row are over."""
        self._failures.pop(partition, None)

    def halt(self, partition: Partition, error: Waits, *, loaded: bool) -> None:
        """Leave a partition to a person or the registry, and try it again now and then."""
        pause_s = self.failed(partition)
        due = asyncio.get_running_loop().time() + pause_s
        self._halts[partition] = Halt(due=due, loaded=loaded)
        topic, number = partition
        self._sparing.say(str(error), f"{topic}-{number} stands still: {error}")

    def end(self, partition: Partition) -> None:
        """It stands still no longer, or is no longer this worker's."""
        self._halts.pop(partition, None)

    async def may_go_on(self, partition: Partition, why: Waits) -> bool:
        """Whether building anew may help by now; a loaded owner needs its record readable."""
        halt = self._halts[partition]
        if asyncio.get_running_loop().time() < halt.due:
            return False
        # A registry that is cut off holds up who asks: not here, where the others go on.
        asks = halt.loaded or isinstance(why, RegistryError)
        if asks and await asyncio.to_thread(why.still):
            self.halt(partition, why, loaded=halt.loaded)
            return False
        return True

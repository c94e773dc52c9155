"""Which routing and command records has the judge's owner read, and for which desk?

The order of arrival is not a function of the log, so every step's cut names the offsets reached;
replay hands over the same records at the same steps.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from typing import Any

from streams.agents.batch import Partition
from streams.agents.context import Context
from streams.agents.desk import Desk, command_fact, routing_fact
from streams.agents.tail import LogTail
from streams.errors import RegistryError
from streams.judge.facts import CommandFact, RoutingFact

logger = logging.getLogger(__name__)

TOPICS = ("rollouts", "commands", "routing")


class ControlTail:
    """Follows one partition of `rollouts`, `commands` and `routing`."""

    def __init__(self, context: Context, number: int) -> None:
        self._codec = context.codec
        self._names = {context.settings.topic(name): name for name in TOPICS}
        partitions = [Partition(topic, number) for topic in self._names]
        self._tail = LogTail(context.connection, partitions, self._take)
        self._desks: dict[str, Desk] = {}
        self._released: set[str] = set()
        self._early: dict[str, list[RoutingFact | CommandFact]] = defaultdict(list)
        self.read = dict.fromkeys(TOPICS, 0)
        """Topic -> next offset; whatever is below has been handed to its desk."""

    async def start(self) -> None:
        """Read to the ends as they are now."""
        await self._tail.start()

    async def stop(self) -> None:
        """Stop following."""
        await self._tail.stop()

    @property
    def failure(self) -> BaseException | None:
        """Why following stopped by itself, if it did."""
        return self._tail.failure

    def adopt(self, desk: Desk) -> None:
        """Hand over what was read for this rollout, and all that follows."""
        rollout = desk.spec.rollout
        self._desks[rollout] = desk
        for fact in self._early.pop(rollout, []):
            desk.control(fact)

    def release(self, rollout: str) -> None:
        """Drop a rollout that has ended, and what may still be written about it."""
        self._released.add(rollout)
        self._desks.pop(rollout, None)
        self._early.pop(rollout, None)

    def _take(self, partition: Partition, record: Any) -> None:
        topic = self._names[partition.topic]
        if topic != "rollouts" and record.value is not None:
            self._hand_over(topic, partition, record)
        self.read[topic] = record.offset + 1

    def _hand_over(self, topic: str, partition: Partition, record: Any) -> None:
        try:
            decoded = self._codec.decode(topic, record.value)
            make = routing_fact if topic == "routing" else command_fact
            fact = make(record.offset, decoded)
        except RegistryError:
            raise  # no fault of the record's: the tail brings it again
        except Exception:  # one bad record must not stop the others
            logger.exception("%s-%d@%d: not usable, skipped", *partition, record.offset)
            return
        rollout = decoded["rollout"]
        if rollout in self._desks:
            self._desks[rollout].control(fact)
        elif rollout not in self._released:
            self._early[rollout].append(fact)

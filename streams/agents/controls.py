"""Which routing and command records has the judge's owner read, and for which desk?

The order of arrival is not a function of the log, so every step's cut names the offsets reached;
replay hands over the same records at the same steps.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from streams.agents.batch import Partition
from streams.agents.context import Context
from streams.agents.desk import Desk, command_fact, routing_fact
from streams.agents.tail import LogTail
from streams.judge.facts import CommandFact, RoutingFact

TOPICS = ("rollouts", "commands", "routing")


class ControlTail:
    """Follows one partition of `rollouts`, `commands` and `routing`."""

    def __init__(self, context: Context, number: int) -> None:
        self._own = context.own
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
        if topic != "rollouts":
            self._hand_over(topic, record)
        self.read[topic] = record.offset + 1

    def _hand_over(self, topic: str, record: Any) -> None:
        fact_of = routing_fact if topic == "routing" else command_fact
        read = self._own.made(
            topic, record, lambda read: (read["rollout"], fact_of(record.offset, read))
        )
        if read is None:
            return
        rollout, fact = read
        if rollout in self._desks:
            self._desks[rollout].control(fact)
        elif rollout not in self._released:
            self._early[rollout].append(fact)

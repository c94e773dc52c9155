"""Does everything move that has work? What does not is built anew; if that fails, the worker ends.

Looks every second at offsets that exist anyway, and asks the broker where the logs end. A broker
or registry that is away is no stall: to begin anew would not help.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Collection, Iterator
from typing import Protocol

from aiokafka.errors import KafkaError

from streams.agents.batch import Partition, Place
from streams.agents.owner import Owner
from streams.agents.ownership import Ownership
from streams.agents.progress import (
    Courses,
    JudgedFacts,
    OwnerFacts,
    PartitionFacts,
    Standing,
    WorkerFacts,
    lag_of,
)
from streams.errors import RegistryError, StalledError
from streams.settings import Settings
from streams.wire.own import OwnRecords, Unreadable

LOOK_S = 1.0
ANSWER_S = 5.0
MOVING = "moving"
"""Stands for all partitions where their change of hands is followed."""
TRIES = 2
"""Stalls in a row without going further than before, then the worker ends."""


class Log(Protocol):
    """What the watch asks of the transport and of the broker."""

    def assigned(self) -> Collection[Partition]:
        """What the group has given to this worker."""
        ...

    def place(self, partition: Partition) -> Place | None:
        """How far the transport has come."""
        ...

    async def ends(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """Where the logs end; KafkaError or no answer where the broker is away."""
        ...


class Watch:
    """Follows a worker's progress; `facts` is what it saw last."""

    def __init__(
        self,
        settings: Settings,
        ownership: Ownership,
        log: Log,
        own: OwnRecords,
        registry_failures: Callable[[], int] = lambda: 0,
    ) -> None:
        self.facts = WorkerFacts()
        self._stall_s, self._load_s = settings.stall_s, settings.load_s
        self._look_s = min(LOOK_S, settings.stall_s / 10)
        self._ownership = ownership
        self._log = log
        self._own = own
        self._registry_failures = registry_failures
        self._courses = Courses()
        self._ends: dict[Partition, int] = {}
        self._looked_at = self._answered_at = time.monotonic()

    async def run(self) -> None:
        """Look for as long as the worker lives.

        Raises:
            StalledError: beginning anew did not help; the process must.
        """
        while True:
            await asyncio.sleep(self._look_s)
            answers = await self._ask()
            now = time.monotonic()
            # Of a time in which this process was stopped nothing counts.
            passed_s = min(now - self._looked_at, 5 * self._look_s + ANSWER_S)
            self._looked_at = now
            self.look(passed_s if answers else 0.0)

    def look(self, passed_s: float) -> None:
        """See how everything stands, `passed_s` seconds (as far as they count) later."""
        owners = self._ownership.owners()
        waits_s = dict(self._waits((owner.facts for owner in owners.values()), passed_s))
        partitions = tuple(self._partition(*pair, passed_s) for pair in sorted(owners.items()))
        unowned = tuple(sorted(set(self._log.assigned()) - owners.keys()))
        self.facts = WorkerFacts(
            partitions=partitions,
            unowned=unowned,
            assigned=self._ownership.taken,
            broker_silent_s=time.monotonic() - self._answered_at,
            waits_s=waits_s,
            lost=dict(self._ownership.losses.offsets),
            skipped=dict(self._own.skipped),
            registry_failures=self._registry_failures(),
        )
        self._await_changes(passed_s)
        self._courses.keep(self._known(self.facts))
        for found in partitions:
            if found.standing is Standing.STALLED:
                self._remedy(found)

    def _await_changes(self, passed_s: float) -> None:
        """What is assigned must be taken up in time, and partitions cease to change hands."""
        for partition in self.facts.unowned:
            course = self._courses.look(("load", partition), 0, waiting=True, passed_s=passed_s)
            if course.unmoved_s > self._load_s + self._stall_s:
                self._end(_name(partition), course.unmoved_s, "it was not taken up")
        waiting = self._ownership.moving and bool(self.facts.partitions)
        course = self._courses.look(MOVING, 0, waiting=waiting, passed_s=passed_s)
        if course.unmoved_s > self._load_s + 2 * self._stall_s:
            self._end("what was owned", course.unmoved_s, "partitions do not cease to change hands")

    async def _ask(self) -> bool:
        """Ask where the logs end; whether the broker answered."""
        wanted = self._ownership.partitions() or list(self._log.assigned())
        try:
            async with asyncio.timeout(min(ANSWER_S, self._stall_s)):
                self._ends = await self._log.ends(wanted) if wanted else {}
        except (KafkaError, TimeoutError):
            return False
        self._answered_at = time.monotonic()
        return True

    def _partition(self, partition: Partition, owner: Owner, passed_s: float) -> PartitionFacts:
        at = owner.next_offset
        lag = lag_of(at, self._ends.get(partition, at), self._log.place(partition))
        standing = _standing(owner)
        # Behind one that hangs nobody else is at fault; nor is one that waits for what is away, or
        # that gets nothing to fold because partitions change hands.
        feeding = self._ownership.feeding
        held = self._ownership.moving and partition not in feeding
        held = held or feeding.waits_behind(partition)
        counts = standing is not Standing.AWAY and not held
        course = self._courses.look(
            partition, at, waiting=lag > 0, passed_s=passed_s if counts else 0.0
        )
        unmoved_s = min(course.unmoved_s, self._unjudged_s(owner))
        if standing is not Standing.HALTED and unmoved_s >= self._stall_s:
            standing = Standing.STALLED
        return PartitionFacts(
            partition=partition,
            standing=standing,
            next_offset=at,
            lag=lag,
            unmoved_s=unmoved_s,
            owner=owner.facts,
        )

    def _unjudged_s(self, owner: Owner) -> float:
        """Seconds without a pane judged: one record can close many, each with its decision."""
        told = _judged(iter((owner.facts,)))
        return min(
            (self._courses.unmoved_s(("rollout", judged.rollout)) for judged in told),
            default=math.inf,
        )

    def _remedy(self, found: PartitionFacts) -> None:
        partition, unmoved_s = found.partition, found.unmoved_s
        if self._courses.stalled(partition) >= TRIES:
            self._end(_name(partition), unmoved_s, "building it anew from the log did not help")
        why = (
            f"no progress for {unmoved_s:.0f} s at offset {found.next_offset}, "
            f"{found.lag} records wait"
        )
        self._ownership.renew(partition, StalledError(why))

    @staticmethod
    def _end(what: str, waited_s: float, why: str) -> None:
        raise StalledError(
            f"{what} stands still for {waited_s:.0f} s and {why}: this worker ends, so that it is "
            "started again or another one takes over"
        )

    def _waits(self, owners: Iterator[OwnerFacts], passed_s: float) -> Iterator[tuple[str, float]]:
        for judged in _judged(owners):
            key = ("rollout", judged.rollout)
            # One that begins anew and comes as far as before has not moved.
            at = max(judged.pane, self._courses.highest(key, judged.pane))
            course = self._courses.look(key, at, waiting=True, passed_s=passed_s)
            yield judged.rollout, course.unmoved_s

    @staticmethod
    def _known(facts: WorkerFacts) -> Iterator[object]:
        yield MOVING
        yield from (found.partition for found in facts.partitions)
        yield from (("load", partition) for partition in facts.unowned)
        yield from (("rollout", rollout) for rollout in facts.waits_s)


def _name(partition: Partition) -> str:
    topic, number = partition
    return f"{topic}-{number}"


def _judged(owners: Iterator[OwnerFacts]) -> Iterator[JudgedFacts]:
    for facts in owners:
        if isinstance(facts, tuple):
            yield from facts


def _standing(owner: Owner) -> Standing:
    failure = owner.failure
    if failure is None:
        return Standing.GOES
    if isinstance(failure, Unreadable):
        return Standing.HALTED
    causes = (failure, failure.__cause__)
    away = any(isinstance(cause, RegistryError | KafkaError | OSError) for cause in causes)
    # A TimeoutError is an OSError, and what a stall that was cancelled ends with.
    return Standing.AWAY if away and not isinstance(failure, TimeoutError) else Standing.FAILED

"""Is this worker alive, is it ready, and what are its figures? From what the watch saw last.

Read by the server's thread; everything here is a frozen fact or a counter of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TYPE_CHECKING, cast

from prometheus_client import Metric
from prometheus_client.registry import Collector

from streams.agents.app import DavyApp
from streams.agents.batch import Partition, Place
from streams.agents.exposition import families
from streams.agents.meters import Meters
from streams.agents.progress import Standing, WorkerFacts
from streams.agents.specs import SpecFeed
from streams.agents.watch import Watch
from streams.serving.pulse import Pulse
from streams.serving.status import Status
from streams.settings import Settings

if TYPE_CHECKING:
    from streams.agents.transport import Consumer

SILENT_S = 10.0
"""A broker that has not answered for so long is not known to be there."""


class AppLog:
    """What the watch asks: Faust's consumer where things stand, another client where they end.

    So that a consumer that hangs looks like one, and not like a broker that is away.
    """

    def __init__(self, app: DavyApp, specs: SpecFeed) -> None:
        self._app = app
        self._specs = specs

    def assigned(self) -> Collection[Partition]:
        """See Log."""
        return [Partition(*tp) for tp in self._app.consumer.assignment()]

    def place(self, partition: Partition) -> Place | None:
        """See Log."""
        return cast("Consumer", self._app.consumer).place(partition)

    async def ends(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """See Log."""
        return await self._specs.ends(list(partitions))


class Health(Collector):
    """A worker as others see it."""

    def __init__(self, settings: Settings) -> None:
        self.meters = Meters()
        self._hang_s = settings.hang_s
        self.registry_failures: Callable[[], int] = lambda: 0
        """Set once there is a schema store."""
        self._watch: Watch | None = None
        self.meters.registry.register(self)

    def follow(self, watch: Watch) -> None:
        """Tell of what this watch sees."""
        self._watch = watch

    def collect(self) -> Iterable[Metric]:
        """Prometheus' metrics besides the counters."""
        return families(self._facts)

    def status(self, pulse: Pulse) -> Status:
        """Alive and ready, or why not."""
        if self._watch is None:
            return Status()
        facts = self._facts
        return Status(dead=tuple(_dead(facts, pulse, self._hang_s)), unready=tuple(_unready(facts)))

    @property
    def _facts(self) -> WorkerFacts:
        if self._watch is None:
            return WorkerFacts(registry_failures=self.registry_failures())
        return self._watch.facts


def _dead(facts: WorkerFacts, pulse: Pulse, hang_s: float) -> Iterator[str]:
    if pulse.age_s > hang_s / 2:
        yield f"the main loop has not turned for {pulse.age_s:.0f} s"
    for found in facts.partitions:
        if found.standing is Standing.STALLED:
            yield f"{_name(found.partition)}: stands still with {found.lag} records waiting"


def _unready(facts: WorkerFacts) -> Iterator[str]:
    if not facts.assigned:
        yield "the group has not spoken yet"
    if facts.broker_silent_s > SILENT_S:
        yield f"the broker has not answered for {facts.broker_silent_s:.0f} s"
    for partition in facts.unowned:
        yield f"{_name(partition)}: is being loaded"
    for found in facts.partitions:
        if found.standing is not Standing.GOES:
            yield f"{_name(found.partition)}: {found.standing}"


def _name(partition: Partition) -> str:
    topic, number = partition
    return f"{topic}-{number}"

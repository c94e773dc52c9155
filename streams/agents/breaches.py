"""What has an owner to tell the judges of its live rollouts, of what could not be counted?

Told in the flush whose marker passes it: so the judge hears of it before the panes that lack it,
and a restart neither forgets nor repeats it otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from streams.agents.batch import Batch, Partition
from streams.agents.context import Context
from streams.agents.retention import Deleted
from streams.panes.breaches import Breach
from streams.panes.facts import LiveRollout, Source
from streams.spec.model import RolloutSpec


def asked_of(spec: RolloutSpec) -> set[Source]:
    """Which sources a rollout counts."""
    outcomes = {Source.OUTCOMES} if spec.outcomes else set()
    uses = any(metric.kind.resource for metric in spec.metrics)
    return {Source.PREDICTIONS} | outcomes | ({Source.RESOURCES} if uses else set())


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """Offsets without records: deleted, or taken by markers of transactions and compaction."""

    first: int
    end: int
    live: tuple[LiveRollout, ...]
    """Who lived when it was met."""


class Breaches:
    """What was found and not written yet."""

    def __init__(self, source: Source, partition: Partition, context: Context) -> None:
        self._source, self._partition, self._context = source, partition, context
        self._holes: list[Hole] = []
        self._found: list[tuple[LiveRollout, Breach]] = []
        self._told: set[tuple[str, Breach]] = set()

    def count(self, live: Mapping[str, LiveRollout]) -> bool:
        """Topics whose partitions changed concern every rollout; whether there is news."""
        news = [
            (rollout, breach)
            for breach in self._context.counts.breaches
            for name, rollout in sorted(live.items())
            if (name, breach) not in self._told
        ]
        self._told |= {(rollout.spec.rollout, breach) for rollout, breach in news}
        self._found += news
        return bool(news)

    async def begin(self, marker: int, live: Iterable[LiveRollout]) -> int:
        """Where a new owner really begins: retention may have overtaken the marker."""
        begin = await self._context.begin_offset(self._partition)
        if begin <= marker:
            return marker
        if marker:  # else the past was nobody's to read
            gap = Deleted(partition=self._partition, wanted=marker, earliest=begin)
            self._context.losses.tell(gap)
        self.lost(self._source, marker, begin, live)
        return begin

    def look(self, batch: Batch, live: Mapping[str, LiveRollout]) -> None:
        """Whether offsets are missing where a batch begins."""
        end = batch.first_offset
        if batch.start < end:
            hole = Hole(first=batch.start, end=end, live=tuple(live.values()))
            self._holes.append(hole)

    async def ask(self) -> None:
        """Which of the holes were deleted? The log's begin tells."""
        while self._holes:  # others may come meanwhile, and must be asked for later than that
            holes, self._holes = self._holes, []
            begin = await self._context.begin_offset(self._partition)
            for hole in holes:
                end = min(hole.end, begin)
                if hole.first < end:
                    self.lost(self._source, hole.first, end, hole.live)

    def lost(self, source: Source, first: int, end: int, live: Iterable[LiveRollout]) -> None:
        """Records of a source were deleted unread; those that live count without them."""
        number = self._partition.partition
        breach = Breach.of_records(source, number, first, end)
        self._found += [(each, breach) for each in live if source in asked_of(each.spec)]

    @property
    def waiting(self) -> bool:
        """Whether there is something to write."""
        return bool(self._found)

    def take(self) -> list[tuple[LiveRollout, Breach]]:
        """What is to be written now."""
        found, self._found = self._found, []
        return found

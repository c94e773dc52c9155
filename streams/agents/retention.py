"""Has the broker deleted records that nobody had read?

Retention does not ask who has read: where it overtakes the place that an owner wants to read from
(its marker, or the end of its last batch), the records between are gone. The stream goes on at
the earliest that is left; what is missing must be told, for no verdict counts it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from faust.types import TP

from streams.agents.batch import Partition

logger = logging.getLogger(__name__)

Beginnings = Callable[[Sequence[TP]], Awaitable[Mapping[Any, int]]]
"""Asks the broker where these partitions begin: aiokafka's `beginning_offsets`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """Offsets of a partition that are gone: from `wanted` (included) to `earliest` (excluded)."""

    partition: Partition
    wanted: int
    earliest: int

    def __str__(self) -> str:
        topic, number = self.partition
        return (
            f"{topic}-{number}: records deleted before they were read: offsets {self.wanted} to "
            f"{self.earliest - 1} are missing, reading goes on at {self.earliest}; give the topic "
            "a longer retention (retention.ms, retention.bytes) or the group more workers"
        )


def deleted(
    wanted: Mapping[Partition, int], earliest: Mapping[Partition, int]
) -> Iterator[Deleted]:
    """Where the broker's earliest offset has passed the one that is to be read next.

    A partition that is wanted from 0 was never read: its past is nobody's loss.

    >>> here = Partition("predictions", 0)
    >>> [(gap.wanted, gap.earliest) for gap in deleted({here: 7}, {here: 12})]
    [(7, 12)]
    >>> list(deleted({here: 0}, {here: 12})), list(deleted({here: 12}, {here: 12}))
    ([], [])
    """
    for partition, offset in wanted.items():
        if 0 < offset < earliest[partition]:
            yield Deleted(partition=partition, wanted=offset, earliest=earliest[partition])


class Losses:
    """Tells each stretch of deleted records once, and counts the offsets lost by partition."""

    def __init__(self) -> None:
        self.offsets: Counter[Partition] = Counter()
        """Partition -> offsets that were deleted unread since this worker started."""
        self._told: set[Deleted] = set()
        self._holes: dict[Partition, tuple[int, int]] = {}
        """Partition -> stretch without records that was passed, and is yet to be looked at."""
        self._look: asyncio.Task[None] | None = None

    async def ask(
        self, begins: Beginnings, wanted: Mapping[Partition, int]
    ) -> dict[Partition, int]:
        """Alarm where the log begins above the offset wanted; returns where it begins there."""
        asked = [TP(*partition) for partition, offset in wanted.items() if offset > 0]
        found = await begins(asked) if asked else {}
        earliest = {Partition(*tp): offset for tp, offset in found.items()}
        gaps = list(deleted({partition: wanted[partition] for partition in earliest}, earliest))
        for gap in gaps:
            self.tell(gap)
        return {gap.partition: gap.earliest for gap in gaps}

    def look(self, begins: Beginnings, partition: Partition, start: int, end: int) -> None:
        """Ask beside the reading, which goes on, whether a hole in it was deleted.

        One question at a time: an answer may wait behind a fetch, and holes may come with each.
        """
        first, _ = self._holes.get(partition, (start, end))
        self._holes[partition] = first, end
        if self._look is None or self._look.done():
            self._look = asyncio.ensure_future(self._look_at_all(begins))

    async def _look_at_all(self, begins: Beginnings) -> None:
        while self._holes:
            holes, self._holes = self._holes, {}
            try:
                found = await begins([TP(*partition) for partition in holes])
            except Exception as why:  # noqa: BLE001 - whatever it is, reading goes on
                logger.warning("it is not known whether records were deleted unread: %r", why)
                continue
            for partition, (start, end) in holes.items():
                earliest = min(found[TP(*partition)], end)
                for gap in deleted({partition: start}, {partition: earliest}):
                    self.tell(gap)

    def tell(self, gap: Deleted) -> None:
        """Alarm, unless this stretch was told before."""
        if gap in self._told:
            return
        self._told.add(gap)
        self.offsets[gap.partition] += gap.earliest - gap.wanted
        total = self.offsets[gap.partition]
        logger.error("%s (%d offsets lost here since the worker started)", gap, total)

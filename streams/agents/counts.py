"""Do topics still have the partitions that the settings say? Asked again as long as a worker lives.

A worker does not start where they differ (`check_topics`); whoever adds some later makes keys go
elsewhere, and neither Kafka nor Faust tells anybody.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from streams.errors import LogError
from streams.panes.breaches import Breach
from streams.settings import Settings
from streams.topics import PartitionCounts

logger = logging.getLogger(__name__)

LOOK_S = 5.0


class CountWatch:
    """Topics whose count of partitions differs from the settings, once seen for good."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._changed: dict[str, int] = {}
        self._task: asyncio.Task[None] | None = None
        self.breaches: tuple[Breach, ...] = ()
        """One for each, ascending by topic; told to every rollout that lives."""

    def start(self) -> None:
        """Look in the background, every `LOOK_S`."""
        self._task = asyncio.create_task(self._run(), name="counts")

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def found(self, changed: Mapping[str, tuple[int, int]]) -> None:
        """Topic without prefix -> planned count, and the broker's."""
        for topic, (planned, count) in sorted(changed.items()):
            if self._changed.get(topic) != count:
                logger.error(
                    "topic %s: has %d partitions and must have %d: verdicts of live rollouts are "
                    "invalid; abort them, then change the settings and start again",
                    self._settings.topic(topic),
                    count,
                    planned,
                )
                self._changed[topic] = count
                self._set_breach(Breach.of_partitions(topic, planned, count))

    def _set_breach(self, breach: Breach) -> None:
        others = [each for each in self.breaches if each.topic != breach.topic]
        self.breaches = tuple(sorted([*others, breach], key=lambda each: each.topic))

    async def _run(self) -> None:
        counts = PartitionCounts(self._settings)
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                self.found(await asyncio.to_thread(counts.changed))
            except LogError as away:  # the next look tells
                logger.warning("partitions were not counted: %s", away)

"""Which rollouts are live now?

Follows `rollouts` (what was applied) and `leases` (which have ended). It only proposes: a spec
takes effect on a partition at the offset that its owner writes down (rule 9).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from streams.agents.batch import Partition
from streams.agents.partitioner import place_of
from streams.agents.tail import LogTail
from streams.settings import Settings
from streams.spec.model import RolloutSpec
from streams.wire.own import OwnRecords

logger = logging.getLogger(__name__)


class SpecFeed:
    """Live specs by rollout id, as far as read; `version` grows with every change."""

    def __init__(self, settings: Settings, own: OwnRecords) -> None:
        self._own = own
        self._rollouts = settings.topic("rollouts")
        topics = (self._rollouts, settings.topic("leases"))
        partitions = [
            Partition(topic, number)
            for topic in topics
            for number in range(settings.rollout_partitions)
        ]
        self._tail = LogTail(settings.aiokafka(), partitions, self._take)
        self._specs: dict[str, RolloutSpec] = {}
        self._homes: dict[str, int] = {}
        self._partitions = settings.rollout_partitions
        self._ended: set[str] = set()
        self.version = 0

    async def start(self) -> None:
        """Read both topics to their ends."""
        await self._tail.start()

    async def stop(self) -> None:
        """Stop following."""
        await self._tail.stop()

    @property
    def failure(self) -> BaseException | None:
        """Why following stopped by itself, if it did."""
        return self._tail.failure

    async def catch_up(self) -> None:
        """Wait until everything applied so far is known."""
        await self._tail.catch_up()

    async def ends(self, partitions: Sequence[Partition]) -> dict[Partition, int]:
        """Where any partitions end on the broker now; KafkaError where it does not answer."""
        return await self._tail.ends(partitions)

    def live(self) -> dict[str, RolloutSpec]:
        """Rollout id -> spec of every rollout that has not ended."""
        return {name: spec for name, spec in self._specs.items() if name not in self._ended}

    def get(self, rollout: str) -> RolloutSpec | None:
        """The spec of a rollout, ended or not."""
        return self._specs.get(rollout)

    def home(self, rollout: str) -> int:
        """Partition of all that is kept by rollout: where its spec lies, whatever is added."""
        found = self._homes.get(rollout)
        return place_of(rollout.encode(), self._partitions) if found is None else found

    def _take(self, partition: Partition, record: Any) -> None:
        rollout = (record.key or b"").decode(errors="replace")
        if partition.topic == self._rollouts:
            number = partition.partition
            self._own.made("rollouts", record, lambda read: self._apply(rollout, number, read))
        else:
            self._own.made("leases", record, lambda read: self._lease(rollout, read))

    def _apply(self, rollout: str, home: int, record: dict[str, Any]) -> None:
        spec = RolloutSpec.from_json(record["spec"])
        known = self._specs.get(rollout)
        if known is not None and known.spec_hash != spec.spec_hash:
            logger.error(
                "rollout %s: a second spec was applied under one id; the first stays in force, "
                "apply the new one under a new id",
                rollout,
            )
            return
        if known is None:
            self._specs[rollout], self._homes[rollout] = spec, home
            self.version += 1

    def _lease(self, rollout: str, record: dict[str, Any]) -> None:
        if record["state"] == "ENDED" and rollout not in self._ended:
            self._ended.add(rollout)
            self.version += 1

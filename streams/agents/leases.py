"""How does the actuator know that a rollout is being judged? By a heartbeat on `leases`."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Iterable

from aiokafka.errors import KafkaError

from streams.agents.context import Context
from streams.agents.writer import LogWriter, OutRecord
from streams.spec.model import RolloutSpec
from streams.wire.sparing import Sparing

logger = logging.getLogger(__name__)

BEATS_PER_LEASE = 4
Judged = Callable[[], Iterable[tuple[RolloutSpec, int]]]
"""Each live spec and its last pane."""


class Leases:
    """Writes the leases of one partition's rollouts; unfenced, for it carries no verdict."""

    def __init__(self, context: Context, number: int, writer: LogWriter) -> None:
        self._context = context
        self._number = number
        self._writer = writer
        self._writing = asyncio.Lock()
        """Held while leases are on their way: none may come behind the one that says ENDED, which
        is the last that compaction leaves."""
        self._name = f"{context.settings.topic('leases')}-{number}"
        self._sparing = Sparing(logger.warning)
        self._beaten: dict[str, float] = {}

    async def start(self) -> None:
        """Connect."""
        await self._writer.start()

    async def stop(self) -> None:
        """Disconnect."""
        await self._writer.stop()

    async def beat(self, judged: Judged) -> None:
        """Renew the leases that are due, of whoever is judged when they are written.

        A broker that does not take them is asked again by the next beat.
        """
        async with self._writing:
            now = time.monotonic()
            due = [
                (spec, pane)
                for spec, pane in judged()
                if now - self._beaten.get(spec.rollout, -1e9) >= spec.lease_s / BEATS_PER_LEASE
            ]
            try:
                await self._writer.write([self._lease(spec, pane, "LIVE") for spec, pane in due])
            except KafkaError as error:  # judging goes on; where leases run out, nothing is raised
                self._sparing.say(repr(error), f"{self._name}: not renewed, tried again: {error!r}")
                return
            self._beaten |= {spec.rollout: now for spec, _ in due}

    def age_s(self, rollout: str) -> float:
        """Seconds since the lease was renewed; endless where it never was."""
        return time.monotonic() - self._beaten.get(rollout, -math.inf)

    async def end(self, spec: RolloutSpec, pane: int) -> None:
        """Say that the rollout has ended: no silence counts from here on."""
        async with self._writing:
            self._beaten.pop(spec.rollout, None)
            await self._writer.write([self._lease(spec, pane, "ENDED")])

    def _lease(self, spec: RolloutSpec, pane: int, state: str) -> OutRecord:
        record = {
            "rollout": spec.rollout,
            "spec_hash": spec.spec_hash,
            "pane": pane,
            "valid_ms": int(spec.lease_s * 1000),
            "state": state,
            "at": time.time_ns() // 1_000_000,
        }
        topic = self._context.settings.topic("leases")
        value = self._context.codec.encode("leases", record)
        return OutRecord(
            topic=topic,
            key=spec.rollout,
            value=value,
            partition=self._number,
            headers=self._context.signature(topic, spec.rollout, value),
        )

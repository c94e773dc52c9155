"""Which records does the judge's owner write and read back? State, decisions, the outbox."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from streams.agents.at_once import at_once
from streams.agents.batch import Partition
from streams.agents.context import Context
from streams.agents.desk import Desk
from streams.agents.tail import read_all
from streams.agents.writer import OutRecord
from streams.tracing.context import Headers
from streams.wire.envelope import ISSUED_AT
from streams.wire.signatures import TrustedKeys

PROGRESS = "progress/"
"""Keys of `panes` that concern every rollout begin with it."""


class JudgeRecords:
    """Reads and renders `judge-state` and `decisions` of one partition."""

    def __init__(self, context: Context, partition: int) -> None:
        self._context = context
        self._partition = partition

    def state(self, desk: Desk, outbox: list[bytes]) -> OutRecord:
        """Where a desk stands, with the decision values that this step made."""
        return OutRecord(
            topic=self._context.settings.topic("judge-state"),
            key=desk.spec.rollout,
            value=self._context.codec.encode("judge-state", desk.to_record(outbox)),
            partition=self._partition,
        )

    def value(self, body: bytes) -> bytes:
        """A decision as it stands on the topic; its hash was taken of the same bytes."""
        return self._context.codec.framed("decisions", body)

    def decision(self, rollout: str, value: bytes, headers: Headers = ()) -> OutRecord:
        """The record; time of issue, signature and further headers are envelope, not body."""
        topic = self._context.settings.topic("decisions")
        issued_at = str(time.time_ns() // 1_000_000).encode()
        return OutRecord(
            topic=topic,
            key=rollout,
            value=value,
            partition=self._partition,
            headers=(
                (ISSUED_AT, issued_at),
                *self._context.signature(topic, rollout, value),
                *headers,
            ),
        )

    async def stored(self) -> dict[str, dict[str, Any]]:
        """Rollout -> its newest `judge-state` record, with `rollouts` as they are by now."""
        records, _ = await at_once(self._read("judge-state"), self._context.specs.catch_up())
        found = self._context.own.state("judge-state", records, self.concerns)
        return {read["rollout"]: read for _, read in found if read is not None}

    def concerns(self, record: Any) -> bool:
        """Whether a record that cannot be read may be of a rollout, as far as `rollouts` is known.

        Davy writes nothing of a rollout before its spec was on the log.
        """
        key = (record.key or b"").decode(errors="replace")
        return key.startswith(PROGRESS) or self._context.specs.get(key) is not None

    async def missing(self, states: dict[str, dict[str, Any]]) -> list[OutRecord]:
        """Decisions that a killed owner had stored in an outbox and not published.

        A copy that somebody else put there without our signature is not published.
        """
        is_ours = self._recogniser()
        published = {record.value for record in await self._read("decisions") if is_ours(record)}
        return [
            self.decision(rollout, value)
            for rollout, state in sorted(states.items())
            for value in state["outbox"]
            if value not in published
        ]

    def _recogniser(self) -> Callable[[Any], bool]:
        signer = self._context.signer
        if signer is None:
            return lambda _: True
        ours = TrustedKeys([signer.public])
        return lambda r: ours.doubt(r.topic, r.key, r.value, r.headers) is None

    async def _read(self, topic: str) -> list[Any]:
        where = Partition(self._context.settings.topic(topic), self._partition)
        return await read_all(self._context.connection, where)

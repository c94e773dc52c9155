"""How does an owner write several records as one?

With transactions where the broker has them: starting the producer fences the former owner, and
readers see all of a flush or nothing. Where it has none (the embedded broker) the same records
go out unfenced, `first` before `last`, and owners recognise an unfinished flush by its headers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, ProducerFenced

from streams.errors import FencedError, LogError
from streams.tracing.context import Headers

LARGEST_BYTES = 64 << 20
"""Before compression; what a topic takes is the broker's word (`max.message.bytes`)."""

TRANSACTION_MS = 20_000
"""When the broker gives up a transaction whose owner is gone (aiokafka has 60 s). Readers wait
behind it, also another owner that loads from the same partition and has `load_s` for that."""
PATIENCE_S = 30.0
"""How long one flush may take: the client itself tries again for ever, and where it has lost its
way in a cluster that changes, only a new one finds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutRecord:
    """A record to write; `value` None is a tombstone, `partition` None follows the key."""

    topic: str
    key: str | bytes | None
    value: bytes | None
    partition: int | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


def handed_on(records: list[OutRecord], topic: str, headers: Headers) -> list[OutRecord]:
    """The same, with these headers too on what goes to `topic`, named in full."""
    if not headers:
        return records
    return [
        replace(record, headers=(*record.headers, *headers)) if record.topic == topic else record
        for record in records
    ]


RECORD_BYTES = 1500
"""What a dead-letter takes besides key and value, about: its headers explain it."""


def size_of(record: OutRecord) -> int:
    """Bytes that a dead-letter takes in memory, about."""
    return RECORD_BYTES + len(record.value or b"") + len(record.key or b"")


class LogWriter(Protocol):
    """Writes a flush; returns when the broker has it."""

    async def start(self) -> None:
        """Connect, and fence the former owner where that can be done."""

    async def write(self, first: Sequence[OutRecord], last: Sequence[OutRecord] = ()) -> None:
        """Write all or, with transactions, nothing; without them `first` lands before `last`."""

    async def stop(self) -> None:
        """Disconnect."""


class PlainWriter:
    """Unfenced: `first` is on the broker before `last` is sent."""

    def __init__(self, connection: dict[str, Any]) -> None:
        self._producer = AIOKafkaProducer(
            **connection,
            acks="all",
            compression_type="zstd",
            linger_ms=0,
            max_request_size=LARGEST_BYTES,
        )

    async def start(self) -> None:
        """Connect."""
        await self._producer.start()

    async def write(self, first: Sequence[OutRecord], last: Sequence[OutRecord] = ()) -> None:
        """Write `first`, wait for the broker, then `last`."""
        for part in (first, last):
            await asyncio.gather(*[await send(self._producer, record) for record in part])

    async def stop(self) -> None:
        """Disconnect; what was written stays."""
        await self._producer.stop()


class TransactionalWriter:
    """One transaction per flush under a stable id: a former owner is fenced at the broker."""

    def __init__(
        self, connection: dict[str, Any], transactional_id: str, *, patience_s: float = PATIENCE_S
    ) -> None:
        self._id, self._patience_s = transactional_id, patience_s
        self._fenced = False
        self._producer = AIOKafkaProducer(
            **connection,
            transactional_id=transactional_id,
            transaction_timeout_ms=TRANSACTION_MS,
            acks="all",
            compression_type="zstd",
            linger_ms=0,
            max_request_size=LARGEST_BYTES,
        )

    async def start(self) -> None:
        """Connect and fence."""
        await self._producer.start()

    async def write(self, first: Sequence[OutRecord], last: Sequence[OutRecord] = ()) -> None:
        """Write both parts in one transaction.

        Raises:
            FencedError: another owner has started.
            LogError: nothing was written; or, after `patience_s`, nobody knows: whoever begins
                anew under this id finds out.
        """
        if self._fenced:
            raise self._told()
        try:
            async with asyncio.timeout(self._patience_s):
                await self._commit((*first, *last))
        except ProducerFenced as error:
            self._fenced = True
            raise self._told() from error
        except KafkaError as error:
            raise LogError(f"{self._id}: the flush did not commit: {error!r}") from error
        except TimeoutError as error:
            late = f"the broker has not answered for {self._patience_s:g} s"
            raise LogError(
                f"{self._id}: whether the flush committed is not known: {late}"
            ) from error

    async def _commit(self, records: Iterable[OutRecord]) -> None:
        """Not aiokafka's own context: that would wait for the broker's word when cancelled."""
        await self._producer.begin_transaction()
        try:
            await asyncio.gather(*[await send(self._producer, record) for record in records])
        except KafkaError:
            if not self._producer._txn_manager.is_fatal_error():  # noqa: SLF001 - as aiokafka's own
                with suppress(KafkaError):  # the first one tells
                    await self._producer.abort_transaction()
            raise
        await self._producer.commit_transaction()

    def _told(self) -> FencedError:
        return FencedError(f"{self._id}: another owner has started; this one stops writing")

    async def stop(self) -> None:
        """Disconnect."""
        await self._producer.stop()


async def send(producer: AIOKafkaProducer, record: OutRecord) -> asyncio.Future[Any]:
    """Hand one record to the producer; the future tells when the broker has it.

    Of a flush that fails only the first failure is told: whoever sent need not await the others.
    """
    delivery: asyncio.Future[Any] = await producer.send(
        record.topic,
        value=record.value,
        key=record.key.encode() if isinstance(record.key, str) else record.key,
        partition=record.partition,
        headers=list(record.headers),
    )
    delivery.add_done_callback(_seen)
    return delivery


def _seen(delivery: asyncio.Future[Any]) -> None:
    """Without a look at it, asyncio would log every failed delivery when it is forgotten."""
    if not delivery.cancelled():
        delivery.exception()

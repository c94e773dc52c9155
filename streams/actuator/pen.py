"""How do records get into one partition of `routing`, so that none of a former owner follows?

Where there are transactions: one for each batch, under an id that belongs to the partition. Whoever
begins fences the owner before him at the broker: what that one had not committed nobody ever reads.
The embedded broker fences nobody; there the journal's look at the tenure stands alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol

from confluent_kafka import KafkaError, KafkaException, Producer

from streams.broker import LIBRDKAFKA
from streams.settings import Settings

BEGIN_S = 5.0
ASK_S = 0.5
"""How often somebody who waits for the broker asks whether to wait on."""

Line = tuple[bytes, bytes]
"""Key and value."""
Patient = Callable[[], bool]
"""Whether to wait on for a broker that does not answer."""


class Pen(Protocol):
    """Writes to one partition. One thread. After an exception it is of no more use.

    Methods raise KafkaException: nothing was written.
    """

    at_once: int
    """How many lines go together."""

    def begin(self) -> None:
        """Fence whoever wrote before."""
        ...

    def write(self, lines: Sequence[Line], patient: Patient) -> list[int | None]:
        """All of them or none; their offsets, None where the broker took a line without a word."""
        ...

    def serve(self) -> None:
        """Let the client speak of what it met; call it now and then."""
        ...

    def close(self) -> None:
        """Let go of the broker; what was not written never will be."""
        ...


def open_pen(settings: Settings, topic: str, partition: int, *, transactional: bool) -> Pen:
    """A pen for a partition."""
    if transactional:
        return TransactionalPen(settings, topic, partition)
    return PlainPen(settings, topic, partition)


class PlainPen:
    """Line by line; for a broker that has no transactions."""

    at_once = 1

    def __init__(self, settings: Settings, topic: str, partition: int) -> None:
        self._sheet = _Sheet(settings, topic, partition, {"enable.idempotence": False})

    def begin(self) -> None:
        """See Pen; nobody can be fenced here."""

    def write(self, lines: Sequence[Line], patient: Patient) -> list[int | None]:
        """See Pen."""
        self._sheet.put(lines)
        while self._sheet.producer.flush(ASK_S):
            if not patient():
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001 - its public name
        return self._sheet.taken()

    def serve(self) -> None:
        """See Pen."""
        self._sheet.producer.poll(0)

    def close(self) -> None:
        """See Pen."""
        self._sheet.close()


class TransactionalPen:
    """A transaction for each batch, under the partition's id."""

    at_once = 1000

    def __init__(self, settings: Settings, topic: str, partition: int) -> None:
        own = f"{settings.group}-actuator-{partition}"
        self._sheet = _Sheet(settings, topic, partition, {"transactional.id": own})

    def begin(self) -> None:
        """See Pen."""
        self._sheet.producer.init_transactions(BEGIN_S)

    def write(self, lines: Sequence[Line], patient: Patient) -> list[int | None]:
        """See Pen."""
        self._sheet.producer.begin_transaction()
        self._sheet.put(lines)
        try:
            self._commit(patient)
        except KafkaException:
            self._sheet.taken()  # raises the cause, where a line was refused
            raise
        return self._sheet.taken()

    def _commit(self, patient: Patient) -> None:
        """Until the broker said yes or no: only then it is known."""
        while True:
            try:
                return self._sheet.producer.commit_transaction(ASK_S)
            except KafkaException as error:
                if not (error.args[0].retriable() and patient()):
                    raise

    def serve(self) -> None:
        """See Pen."""
        self._sheet.producer.poll(0)

    def close(self) -> None:
        """See Pen."""
        self._sheet.close()


class _Sheet:
    """One producer and what became of the lines under way."""

    def __init__(
        self, settings: Settings, topic: str, partition: int, more: dict[str, Any]
    ) -> None:
        config = settings.confluent() | {"acks": "all", "linger.ms": 0} | more
        self.producer = Producer(config, logger=LIBRDKAFKA)
        self._topic, self._partition = topic, partition
        self._offsets: list[int | None] = []
        self._errors: list[KafkaError] = []

    def put(self, lines: Sequence[Line]) -> None:
        """Send them off."""
        self._offsets, self._errors = [], []
        for key, value in lines:
            self.producer.produce(
                self._topic, value, key, self._partition, on_delivery=self._delivered
            )

    def taken(self) -> list[int | None]:
        """The offsets of all lines; raises KafkaException where one was refused."""
        if self._errors:
            raise KafkaException(self._errors[0])
        return self._offsets

    def close(self) -> None:
        """Drop what is under way; the client's own `close` would wait for it."""
        with suppress(KafkaException):
            self.producer.purge()
        del self.producer

    def _delivered(self, error: KafkaError | None, message: Any) -> None:
        if error is None:
            self._offsets.append(message.offset())
        else:
            self._errors.append(error)

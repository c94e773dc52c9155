"""How do commands read and write the log? Small, synchronous, and only what commands need."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from streams.cli.clients import (
    MOVING,
    Reader,
    as_bytes,
    is_end,
    open_producer,
    partition_count,
    reading,
    told_as_log_error,
)
from streams.errors import LogError
from streams.settings import Settings
from streams.wire.codec import Codec
from streams.wire.reasons import BadRecord
from streams.wire.sparing import FirstFew
from streams.wire.store import open_store

logger = logging.getLogger(__name__)

ANSWER_S = 10.0
DELIVERY_S = 15.0
POLL_S = 0.2
BY_KEY = -1
"""The partitioner chooses."""
FIRST_WINDOW = 64
"""Records read from the end of a partition before looking further back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A decoded record; `record` is None for a tombstone."""

    key: str
    record: dict[str, Any] | None
    partition: int
    offset: int
    at_ms: int
    """The record's timestamp; -1 where it has none."""
    value: bytes = b""
    """As it stands on the broker."""
    headers: tuple[tuple[str, bytes], ...] = ()


class Log:
    """The topics of one davy, named without prefix."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.codec = Codec(open_store(settings), settings.prefix)
        self.skipping = FirstFew(logger.warning)
        """Tells the records that cannot be read; they must not stop a command."""
        self._homes: dict[str, int] = {}

    def write(self, topic: str, key: str, record: Mapping[str, Any]) -> None:
        """Produce one record and wait until the broker has it.

        Raises:
            LogError: it was not delivered; nothing is known of it then, ask `status`.
        """
        value = self.codec.encode(topic, dict(record))
        failures: list[KafkaError] = []

        def delivered(error: KafkaError | None, _: Message) -> None:
            failures.extend([error] if error is not None else [])

        home = BY_KEY if topic == "rollouts" else self._home(key)
        with told_as_log_error(self.settings):
            producer = open_producer(self.settings, delivery_s=DELIVERY_S)
            producer.produce(self.settings.topic(topic), value, key, home, on_delivery=delivered)
            waiting = producer.flush(DELIVERY_S + 1)
        if waiting or failures:
            reason = failures[0].str() if failures else f"no answer within {DELIVERY_S:.0f} s"
            raise LogError(f"{self.settings.topic(topic)}: {key} was not delivered: {reason}")

    def read(self, topic: str) -> Iterator[Entry]:
        """Every record of a topic up to its present end; records of one key keep their order."""
        with reading(self.settings) as consumer, self.skipping:
            count = self._partitions(consumer, topic)
            starts = [self._at(topic, n, OFFSET_BEGINNING) for n in range(count)]
            yield from self._to_ends(consumer, topic, starts)

    def newest(self, topic: str, key: str) -> Entry | None:
        """The newest record of a key, searched from the end of its partition backwards."""
        home = self._home(key)
        with reading(self.settings) as consumer, self.skipping:
            count = self._partitions(consumer, topic)
            number = _number(key, count) if home < 0 else home
            return self._search(consumer, topic, number, key)

    def number(self, topic: str, key: str) -> int:
        """The partition of a key."""
        home = self._home(key)
        with reading(self.settings) as consumer:
            return _number(key, self._partitions(consumer, topic)) if home < 0 else home

    def _home(self, rollout: str) -> int:
        """Partition of all that is kept by rollout: where its spec lies; -1 if there is none.

        Partitions may be added while it lives, and its judge and actuator stay where they are.
        """
        if rollout not in self._homes:
            self._homes = {entry.key: entry.partition for entry in self.read("rollouts")}
        return self._homes.get(rollout, BY_KEY)

    def follow(self, topic: str, *, back: int | None, wait: bool) -> Iterator[Entry]:
        """Records from `back` before each partition's end on (None: all), then new ones.

        Without `wait` it ends where the partitions end now.
        """
        with reading(self.settings) as consumer:
            starts = []
            for number in range(self._partitions(consumer, topic)):
                low, high = self._ends(consumer, self._at(topic, number))
                begin = low if back is None else max(low, high - back)
                starts.append(self._at(topic, number, begin))
            with self.skipping:
                yield from self._to_ends(consumer, topic, starts)
            with self.skipping:
                while wait:
                    message = consumer.poll(POLL_S)
                    if message is not None and not is_end(message):
                        yield from self._entry(topic, message)

    def _search(self, consumer: Consumer, topic: str, number: int, key: str) -> Entry | None:
        low, high = self._ends(consumer, self._at(topic, number))
        window, end = FIRST_WINDOW, high
        while high > low:
            begin = max(low, end - window)
            found = None
            for entry in self._to_ends(consumer, topic, [self._at(topic, number, begin)], high):
                found = entry if entry.key == key else found
            if found is not None:
                return found
            high, window = begin, window * 8
        return None

    def _to_ends(
        self,
        consumer: Consumer,
        topic: str,
        starts: list[TopicPartition],
        until: int | None = None,
    ) -> Iterator[Entry]:
        """Records from `starts` on to the partitions' ends, or to the offset `until` of one."""
        consumer.assign(starts)
        left = {start.partition for start in starts}
        deadline = time.monotonic() + ANSWER_S
        while left:
            message = consumer.poll(POLL_S)
            if message is None:
                self._check_time(topic, deadline)
                continue
            deadline = time.monotonic() + ANSWER_S
            ended = is_end(message)
            if not ended and (until is None or (message.offset() or 0) < until):
                yield from self._entry(topic, message)
            if ended or (until is not None and (message.offset() or 0) + 1 >= until):
                left.discard(message.partition() or 0)

    def _check_time(self, topic: str, deadline: float) -> None:
        if time.monotonic() > deadline:
            raise LogError(
                f"{self.settings.topic(topic)}: the broker at {self.settings.bootstrap} does not "
                "answer; have all its partitions a leader?"
            )

    def _ends(self, consumer: Consumer, place: TopicPartition) -> tuple[int, int]:
        """Low and high watermark; waits through a change of leader."""
        deadline = time.monotonic() + ANSWER_S
        while True:
            try:
                found = consumer.get_watermark_offsets(place, ANSWER_S)
            except KafkaException as failure:
                if failure.args[0].code() not in MOVING or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
                continue
            if found is None:
                raise LogError(f"{place.topic}-{place.partition}: no answer in {ANSWER_S:.0f} s")
            return found

    def _entry(self, topic: str, message: Message) -> Iterator[Entry]:
        """The record, or none: what cannot be read is told and must not stop a command."""
        value, key = message.value(), as_bytes(message.key() or b"")
        kind, at_ms = message.timestamp()
        try:
            record = None if value is None else self.codec.decode(topic, as_bytes(value))
        except BadRecord as refusal:
            place = f"{message.topic()}-{message.partition()}@{message.offset()}"
            self.skipping.say(f"skipped {place}: {refusal}")
            return
        yield Entry(
            key=key.decode(errors="replace"),
            record=record,
            partition=message.partition() or 0,
            offset=message.offset() or 0,
            at_ms=-1 if kind == TIMESTAMP_NOT_AVAILABLE else at_ms,
            value=as_bytes(value or b""),
            headers=_headers(message),
        )

    def _partitions(self, reader: Reader, topic: str) -> int:
        name = self.settings.topic(topic)
        count = partition_count(reader, name, answer_s=ANSWER_S)
        if not count:
            raise LogError(f"topic {name}: is missing; run `davy topics create`")
        return count

    def _at(self, topic: str, number: int, offset: int = OFFSET_BEGINNING) -> TopicPartition:
        return TopicPartition(self.settings.topic(topic), number, offset)


def _number(key: str, partitions: int) -> int:
    from aiokafka.partitioner import murmur2  # noqa: PLC0415 - slow to import

    return int(murmur2(key.encode()) & 0x7FFFFFFF) % partitions


def _headers(message: Message) -> tuple[tuple[str, bytes], ...]:
    told: Any = message.headers() or ()
    return tuple((name, as_bytes(raw or b"")) for name, raw in told)

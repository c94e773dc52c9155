"""How are panes read? From a day back to the end, and from then on, by a thread of its own.

Decisions are answered from while panes are still read: a day of them is a lot. No consumer group.
How far it has come is told, so that nobody takes a part for the whole.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams.actuator.lines import say, say_text
from streams.actuator.reader import Arrived, arrived_of
from streams.broker import LIBRDKAFKA, Patience, cause, metadata
from streams.dashboard.pane_books import PaneBooks
from streams.dashboard.pane_intake import PaneIntake
from streams.dashboard.pane_work import Fetched, Odd
from streams.errors import LogError, RegistryError
from streams.settings import Settings
from streams.wire.codec import Codec
from streams.wire.own import Fault, OwnRecords, Unreadable
from streams.wire.sparing import Sparing
from streams.wire.store import open_store

TOPIC = "panes"
BACK_MS = 24 * 3600 * 1000
"""How far back is read."""
BATCH, POLL_S = 2000, 0.2
QUEUED_KB = 16_384
"""What the client fetches ahead; a batch is a moment's work, whatever a record's size."""
WHOLE_PCT, ALMOST_PCT = 100.0, 99.0
ANSWER_S = 10.0
STORE_RETRY_S = 1.0
TROUBLES = 20
"""Of the client's complaints, how many are kept to tell a cause by."""


class PaneReader:
    """Reads `panes` into books. One thread calls `run`; any may ask `unread`."""

    def __init__(self, settings: Settings, books: PaneBooks) -> None:
        self._settings, self._books = settings, books
        codec = Codec(open_store(settings), settings.prefix)
        self._intake = PaneIntake(codec, books)
        self._own = OwnRecords(codec, Sparing(_skipped))
        self._away = Sparing(partial(say_text, logging.ERROR, "dashboard.no_registry"))
        self._heard: deque[KafkaError] = deque(maxlen=TROUBLES)
        self._behind: frozenset[int] | None = None
        """Partitions that were not read to their end; None before all is known of them."""
        self._spans: dict[int, tuple[int, int]] = {}
        """Partition -> offset where reading began, and where the log ended then."""
        self._next: dict[int, int] = {}
        """Partition -> the next offset that is to be read."""

    def unread(self) -> str:
        """Why sums of panes are not all there is; empty where they are."""
        if self._behind is None:
            return "no broker was reached yet"
        told = f"{self.read_pct():.0f} %, {len(self._behind)} partitions left"
        return f"panes are being read ({told})" if self._behind else ""

    def read_pct(self) -> float:
        """How much was read of what lay in the log at the start; 100 where all was."""
        if not self._behind:
            return 0.0 if self._behind is None else WHOLE_PCT
        wanted = sum(end - begin for begin, end in self._spans.values())
        read = sum(
            min(self._next.get(number, begin), end) - begin
            for number, (begin, end) in self._spans.items()
        )
        return min(ALMOST_PCT, WHOLE_PCT * read / wanted) if wanted else 0.0

    def run(self, stopping: threading.Event) -> None:
        """Follow until `stopping` is set.

        Raises:
            LogError: no broker answers, or the topic is missing.
        """
        consumer = Consumer(self._settings.confluent() | self._config(), logger=LIBRDKAFKA)
        try:
            self._assign(consumer)
            while not stopping.is_set():
                self._take(consumer.consume(BATCH, POLL_S), stopping)
                self._own.remind()
        finally:
            consumer.close()

    def _config(self) -> dict[str, Any]:
        return {
            "group.id": self._settings.group,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 100,
            "queued.max.messages.kbytes": QUEUED_KB,
            "error_cb": self._heard.append,
        }

    def _assign(self, consumer: Consumer) -> None:
        name = self._settings.topic(TOPIC)
        try:
            found = metadata(consumer, self._heard, Patience.for_a_command(ANSWER_S), name)
            topic = found.topics[name]
            if topic.error is not None or not topic.partitions:
                raise LogError(f"topic {name}: is missing; run `davy topics create`")
            starts = list(_starts(consumer, name, topic.partitions))
            self._spans = dict(_span(consumer, start) for start in starts)
            consumer.assign(starts)
        except KafkaException as failure:
            raise LogError(
                f"the broker at {self._settings.bootstrap} does not tell where {name} begins: "
                f"{failure.args[0].str()}{cause(self._heard)}; may this account read it (role "
                "page)?"
            ) from failure
        self._behind = frozenset(topic.partitions)

    def _take(self, messages: Sequence[Message], stopping: threading.Event) -> None:
        records = [message for message in messages if message.error() is None]
        if records:
            self._intake.take(self._fetched(records), self._odd(records, stopping))
            for message in records:
                self._next[message.partition() or 0] = (message.offset() or 0) + 1
        for message in messages:
            error = message.error()
            if error is not None:
                self._hear(error, message.partition() or 0)

    def _hear(self, error: KafkaError, number: int) -> None:
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's own name
            if number in (self._behind or ()):
                self._behind = (self._behind or frozenset()) - {number}
                self._books.loaded(number)
        elif error.fatal():
            raise LogError(f"the consumer of panes died: {error.str()}")
        else:
            say(logging.WARNING, "dashboard.kafka", {"error": error.str()})

    def _fetched(self, records: Sequence[Message]) -> Fetched:
        return Fetched(
            values=[message.value() for message in records],
            partitions=[message.partition() or 0 for message in records],
            written_ms=[message.timestamp()[1] for message in records],
            behind=self._behind or frozenset(),
        )

    def _odd(self, records: Sequence[Message], stopping: threading.Event) -> Odd:
        """Records by themselves: one that is no good is skipped, and ends no process."""

        def skip(place: int, error: Exception) -> None:
            fault = Fault(code="unusable", detail=repr(error), advice=_ADVICE)
            self._own.skip(arrived_of(records[place]), fault)

        return Odd(
            read=lambda place: self._decoded(arrived_of(records[place]), stopping), skip=skip
        )

    def _decoded(self, record: Arrived, stopping: threading.Event) -> Mapping[str, Any] | None:
        """The record; None for one that is no good. A store that does not answer is waited for."""
        while True:
            try:
                return self._own.read(TOPIC, record)
            except Unreadable as error:
                self._own.skip(record, Fault(code="unreadable", detail=str(error), advice=_ADVICE))
                return None
            except RegistryError as error:
                self._away.say(str(error), f"{record}: {error}")
                if stopping.wait(STORE_RETRY_S):
                    return None


def _starts(consumer: Consumer, name: str, numbers: Iterable[int]) -> Iterator[TopicPartition]:
    """A day back; the end, where nothing is as new as that."""
    back_ms = time.time_ns() // 1_000_000 - BACK_MS
    asked = [TopicPartition(name, number, back_ms) for number in numbers]
    for start in consumer.offsets_for_times(asked, ANSWER_S):
        if start.error is not None:
            raise KafkaException(start.error)
        yield start


def _span(consumer: Consumer, start: TopicPartition) -> tuple[int, tuple[int, int]]:
    """Where reading of a partition begins, and where the log ends now."""
    low, high = consumer.get_watermark_offsets(start, ANSWER_S)
    begin = high if start.offset < 0 else min(max(start.offset, low), high)
    return start.partition, (begin, high)


_ADVICE = "the dashboard shows sums without it; the worker, whose state it is, tells what to do"


def _skipped(text: str) -> None:
    say(logging.WARNING, "dashboard.skipped", {"record": text})

"""How are panes read? From a day back to the end, and from then on, by a thread of its own.

Decisions are answered from while panes are still read: a day of them is a lot. No consumer group.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams.actuator.lines import say, say_text
from streams.actuator.reader import arrived_of
from streams.broker import LIBRDKAFKA, Patience, cause, metadata
from streams.dashboard.pane_books import PaneBooks
from streams.errors import LogError, RegistryError
from streams.settings import Settings
from streams.wire.codec import Codec
from streams.wire.own import Fault, OwnRecords, Unreadable
from streams.wire.sparing import Sparing
from streams.wire.store import open_store

TOPIC = "panes"
BACK_MS = 24 * 3600 * 1000
"""How far back is read."""
BATCH, POLL_S = 500, 0.2
ANSWER_S = 10.0
STORE_RETRY_S = 1.0
TROUBLES = 20
"""Of the client's complaints, how many are kept to tell a cause by."""


class PaneReader:
    """Reads `panes` into books. One thread calls `run`; any may ask `unread`."""

    def __init__(self, settings: Settings, books: PaneBooks) -> None:
        self._settings, self._books = settings, books
        codec = Codec(open_store(settings), settings.prefix)
        self._own = OwnRecords(codec, Sparing(_skipped))
        self._away = Sparing(partial(say_text, logging.ERROR, "dashboard.no_registry"))
        self._heard: deque[KafkaError] = deque(maxlen=TROUBLES)
        self._behind: frozenset[int] | None = None
        """Partitions that were not read to their end; None before all is known of them."""

    def unread(self) -> str:
        """Why sums of panes are not all there is; empty where they are."""
        if self._behind is None:
            return "no broker was reached yet"
        return f"panes are being read ({len(self._behind)} partitions left)" * bool(self._behind)

    def run(self, stopping: threading.Event) -> None:
        """Follow until `stopping` is set.

        Raises:
            LogError: no broker answers, or the topic is missing.
        """
        consumer = Consumer(self._settings.confluent() | self._config(), logger=LIBRDKAFKA)
        try:
            self._assign(consumer)
            while not stopping.is_set():
                for message in consumer.consume(BATCH, POLL_S):
                    self._take(message, stopping)
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
            "error_cb": self._heard.append,
        }

    def _assign(self, consumer: Consumer) -> None:
        name = self._settings.topic(TOPIC)
        try:
            found = metadata(consumer, self._heard, Patience.for_a_command(ANSWER_S), name)
            topic = found.topics[name]
            if topic.error is not None or not topic.partitions:
                raise LogError(f"topic {name}: is missing; run `davy topics create`")
            consumer.assign(list(_starts(consumer, name, topic.partitions)))
        except KafkaException as failure:
            raise LogError(
                f"the broker at {self._settings.bootstrap} does not tell where {name} begins: "
                f"{failure.args[0].str()}{cause(self._heard)}; may this account read it (role "
                "page)?"
            ) from failure
        self._behind = frozenset(topic.partitions)

    def _take(self, message: Message, stopping: threading.Event) -> None:
        error, number = message.error(), message.partition() or 0
        if error is None:
            record = self._decoded(message, stopping)
            if record is not None:
                self._count(record, number, message)
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's own name
            self._behind = (self._behind or frozenset()) - {number}
        elif error.fatal():
            raise LogError(f"the consumer of panes died: {error.str()}")
        else:
            say(logging.WARNING, "dashboard.kafka", {"error": error.str()})

    def _count(self, record: Mapping[str, Any], number: int, message: Message) -> None:
        """Take a record in; one that decodes to nonsense is skipped, and ends no process."""
        try:
            self._books.take(record, number)
        except (ValueError, LookupError, TypeError, OverflowError) as error:
            fault = Fault(code="unusable", detail=repr(error), advice=_ADVICE)
            self._own.skip(arrived_of(message), fault)

    def _decoded(self, message: Message, stopping: threading.Event) -> Mapping[str, Any] | None:
        """The record; None for one that is no good. A store that does not answer is waited for."""
        record = arrived_of(message)
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


_ADVICE = "the dashboard shows sums without it; the worker, whose state it is, tells what to do"


def _skipped(text: str) -> None:
    say(logging.WARNING, "dashboard.skipped", {"record": text})

"""How is the log followed? Read to its end before anything is answered, and from then on for ever.

No consumer group: every server reads all partitions. `decisions` and `routing` are read from a day
back, what is compacted from its beginning; specs and commands before all else. A partition counts
as read while each of its topics was read to the end and the brokers that lead it are heard.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from streams.actuator.desk import Record
from streams.actuator.lines import say
from streams.actuator.reader import Arrived, RecordReader
from streams.broker import LIBRDKAFKA, Patience, cause, metadata
from streams.errors import LogError
from streams.settings import Settings
from streams.verdicts.board import Board
from streams.verdicts.told import told
from streams.wire.codec import Codec
from streams.wire.keys import open_trusted
from streams.wire.store import open_store

FIRST = ("rollouts", "commands")
"""Whatever else is read means nothing without them."""
THEN = ("leases", "decisions", "routing")
TOPICS = (*FIRST, *THEN)
BACK_MS: Mapping[str, int] = {"decisions": 24 * 3600 * 1000, "routing": 3600 * 1000}
"""How far back is read what is not compacted. An older decision is no present word of a judge."""
POLL_S = 0.1
ANSWER_S = 10.0
STATISTICS_MS = 1000
SILENT_S = 5.0
"""A broker that leads a partition and was not heard for so long may hold what was not read."""
TROUBLES = 20
"""Of the client's complaints, how many are kept to tell a cause by."""
GAP_S = 5.0
"""Whoever has not looked for so long does not know how old is what comes next."""
Place = tuple[str, int]
"""Topic without prefix, partition."""


class Follower:
    """Reads the log into a board. One thread calls `open`, `step` and `close`."""

    def __init__(
        self,
        settings: Settings,
        board: Board,
        beat: Callable[[], object] = lambda: None,
        *,
        make: Callable[[str, dict[str, Any], Arrived], Record] = told,
        back_ms: Mapping[str, int] = BACK_MS,
    ) -> None:
        """Read into `board` what `make` makes of records, from `back_ms` before now on."""
        self.board = board
        self._settings = settings
        self._beat = beat
        self._topics = {settings.topic(name): name for name in TOPICS}
        self._store = open_store(settings)
        codec = Codec(self._store, settings.prefix)
        self._trusted = open_trusted(settings)
        self.reader = RecordReader(codec, self._trusted, beat, make=make, name="verdicts")
        self._back_ms = back_ms
        self._heard: list[KafkaError] = []
        self._behind: set[Place] = set()
        """Not read to the end."""
        self._touched: dict[Place, float] = {}
        """When the broker that leads it was heard, monotonic seconds."""
        self._loaded: set[int] = set()
        self._partitions = 0
        self._looked = time.monotonic()
        self._stopping = threading.Event()
        self._consumer: Consumer | None = None

    @property
    def registry_failures(self) -> int:
        """Times that the schema store did not answer."""
        return self._store.failures

    @property
    def verifies(self) -> bool:
        """Whether decisions must be signed by keys that are trusted."""
        return self._trusted is not None

    def open(self) -> None:
        """Connect and begin to read.

        Raises:
            LogError: no broker answers, or a topic is missing.
        """
        config: dict[str, Any] = {
            "group.id": self._settings.group,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 100,
            "fetch.queue.backoff.ms": 10,
            "fetch.error.backoff.ms": 50,
            "statistics.interval.ms": STATISTICS_MS,
            "stats_cb": self._statistics,
            "error_cb": self._remember,
        }
        consumer = Consumer(self._settings.confluent() | config, logger=LIBRDKAFKA)
        try:
            places = list(self._places(consumer))
            consumer.assign(self._starts(consumer, places))
            consumer.pause([self._at(*place) for place in places if place[0] in THEN])
        except KafkaException as failure:
            consumer.close()
            raise LogError(
                f"the broker at {self._settings.bootstrap} does not answer or refuses: "
                f"{failure.args[0].str()}{cause(self._heard)}; check `bootstrap` and the security "
                "settings"
            ) from failure
        self._behind, self._consumer = set(places), consumer
        self._looked = time.monotonic()

    def step(self, stopping: threading.Event) -> None:
        """Take one record in, or wait a moment for one."""
        consumer = self._opened()
        if time.monotonic() - self._looked > GAP_S:
            self._out_of_touch(f"not looked for {time.monotonic() - self._looked:.0f} s")
        message = consumer.poll(POLL_S)
        self._looked = time.monotonic()
        self._beat()
        if message is None:
            self.reader.remind()
        else:
            self._take(consumer, message, stopping)
            self._looked = time.monotonic()

    def run(self, stopping: threading.Event) -> None:
        """Follow until `stopping` is set."""
        self.open()
        try:
            while not stopping.is_set():
                self.step(stopping)
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the broker; nothing counts as read any more."""
        self._loaded = set()
        if self._consumer is not None:
            self._consumer.close()

    # What others ask.

    def unread(self, partition: int | None = None) -> str:
        """Why nothing may be answered from a partition, or from any; empty where it may."""
        now = time.monotonic()
        if self._consumer is None or not self._partitions:
            return "no broker was reached yet"
        numbers = range(self._partitions) if partition is None else (partition,)
        if behind := [number for number in numbers if number not in self._loaded]:
            return f"the log is being read ({len(behind)} of {self._partitions} partitions left)"
        if now - self._looked > GAP_S:
            return f"the log was not looked at for {now - self._looked:.0f} s"
        silent = [p for p in self._silent(now) if partition is None or p[1] == partition]
        return f"the broker of {silent[0][0]}-{silent[0][1]} is not heard" if silent else ""

    @property
    def silent(self) -> int:
        """How many partitions are led by a broker that is not heard."""
        return len(self._silent(time.monotonic()))

    def _silent(self, now: float) -> list[Place]:
        places = ((name, n) for n in range(self._partitions) for name in TOPICS)
        return [p for p in places if now - self._touched.get(p, now) > SILENT_S]

    # What comes in.

    def _take(self, consumer: Consumer, message: Message, stopping: threading.Event) -> None:
        error = message.error()
        place = (self._topics.get(message.topic() or "", ""), message.partition() or 0)
        if error is None:
            record = self.reader.read(place[0], message, stopping)
            if record is not None:
                self.board.take(record, place[1], live=place[1] in self._loaded)
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's own name
            self._at_end(consumer, place)
        elif error.fatal():
            raise LogError(f"the consumer of the verdict server died: {error.str()}")
        else:
            say(logging.WARNING, "verdicts.kafka", {"error": error.str()})

    def _at_end(self, consumer: Consumer, place: Place) -> None:
        self._behind.discard(place)
        number = place[1]
        if number in self._loaded:
            return
        left = {name for name, n in self._behind if n == number}
        if not left & set(FIRST):
            consumer.resume([self._at(name, number) for name in THEN])
        if not left:
            self.board.loaded(number)
            now = time.monotonic()
            self._touched |= {(name, number): now for name in TOPICS}
            self._loaded = self._loaded | {number}
            say(logging.INFO, "verdicts.loaded", {"partition": number})

    def _out_of_touch(self, why: str) -> None:
        """Begin anew: answers wait until all was read once more."""
        say(logging.WARNING, "verdicts.out_of_touch", {"why": why})
        self.close()
        self.board.clear()
        self.open()

    def _remember(self, error: KafkaError) -> None:
        self._heard.append(error)
        del self._heard[:-TROUBLES]

    def _statistics(self, text: str) -> None:
        """What librdkafka tells of itself: which brokers are heard, and what they lead."""
        now, told_of = time.monotonic(), json.loads(text)
        up = {b["nodeid"] for b in told_of.get("brokers", {}).values() if _speaks(b)}
        for full, topic in told_of.get("topics", {}).items():
            for number, partition in topic.get("partitions", {}).items():
                if partition.get("broker") in up and full in self._topics:
                    self._touched[self._topics[full], int(number)] = now

    # Where reading begins.

    def _places(self, consumer: Consumer) -> Iterator[Place]:
        """All that is read; partitions that one topic alone has hold nothing of a rollout."""
        counts = []
        for full in self._topics:
            found = metadata(consumer, self._heard, Patience.for_a_command(ANSWER_S), full)
            topic = found.topics[full]
            if topic.error is not None or not topic.partitions:
                raise LogError(f"topic {full}: is missing; run `davy topics create`")
            counts.append(len(topic.partitions))
        self._partitions = min(counts)
        yield from ((name, number) for name in TOPICS for number in range(self._partitions))

    def _starts(self, consumer: Consumer, places: list[Place]) -> list[TopicPartition]:
        now_ms = time.time_ns() // 1_000_000
        back_ms = self._back_ms
        starts = [self._at(*place, OFFSET_BEGINNING) for place in places if place[0] not in back_ms]
        back = [self._at(*p, now_ms - back_ms[p[0]]) for p in places if p[0] in back_ms]
        for start in consumer.offsets_for_times(back, ANSWER_S):
            if start.error is not None:
                raise KafkaException(start.error)
            starts.append(start)  # OFFSET_END where nothing is as new as that
        return starts

    def _at(self, name: str, number: int, offset: int = OFFSET_BEGINNING) -> TopicPartition:
        return TopicPartition(self._settings.topic(name), number, offset)

    def _opened(self) -> Consumer:
        if self._consumer is None:
            raise LogError("the log is not open")
        return self._consumer


def _speaks(broker: Mapping[str, Any]) -> bool:
    """Whether a broker is connected and answered lately; it owes an answer at any time."""
    idle_us = broker.get("rxidle", -1)
    return broker.get("state") == "UP" and 0 <= idle_us < SILENT_S * 1e6

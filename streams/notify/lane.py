"""How does one hook hear of everything, in order, whatever becomes of the others?

A consumer and a group of its own: what it has not been told waits in Kafka, so a hook that is slow
or dead holds up nobody, and its backlog needs no memory. The `range` assignor gives one member the
same partition index of every topic; specs are read first, so that records know their rollout.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from streams.actuator.reader import RecordReader
from streams.broker import LIBRDKAFKA
from streams.errors import LogError
from streams.notify.desk import Desk
from streams.notify.facts import Notice
from streams.notify.ledger import Mark
from streams.notify.lines import say
from streams.notify.meters import Meters
from streams.notify.offsets import Part, begin_at, commits, group_of, lane_config, tell_lost
from streams.notify.reader import entry_of
from streams.notify.sender import Parcel, Sender
from streams.serving.contact import Contact
from streams.serving.pulse import Pulse
from streams.settings import Settings

ROLLOUTS = "rollouts"
TOPICS = (ROLLOUTS, "decisions", "routing", "commands")
POLL_S = 0.1
COMMIT_EVERY_S = 1.0


class Lane:
    """One member of one hook's group. All but its facts are its thread's own."""

    def __init__(
        self,
        settings: Settings,
        name: str,
        wants: Callable[[Notice], bool],
        sender: Sender,
        reader: RecordReader,
        pulse: Pulse,
        meters: Meters,
    ) -> None:
        self.name, self._wants, self._sender = name, wants, sender
        self._settings, self._reader, self.pulse, self._meters = settings, reader, pulse, meters
        self._topics = {settings.topic(topic): topic for topic in TOPICS}
        self._desks: dict[int, Desk] = {}
        self._held: set[Part] = set()
        """Partitions that are not read now."""
        self._known: dict[Part, Mark] = {}
        self._under_way: dict[Part, Mark] | None = None
        self._commit_at = 0.0
        self.assigned = False
        """Whether the group has spoken."""
        self._contact = Contact()
        config = lane_config(settings, name, self._answered) | self._contact.config
        self._consumer = Consumer(config, logger=LIBRDKAFKA)

    @property
    def loading(self) -> bool:
        """Whether some partition does not know its rollouts yet."""
        return any(desk.loading for desk in list(self._desks.values()))

    @property
    def broker_silent_s(self) -> float:
        """Seconds since a broker was connected."""
        return self._contact.silent_s

    @property
    def skipped(self) -> Mapping[tuple[str, str], int]:
        """(topic, code) -> records of davy's own topics that could not be used."""
        return dict(self._reader.own.skipped)

    @property
    def mute(self) -> bool:
        """Whether the thread that tells its hook has ended unasked."""
        return self._sender.died

    def run(self, stopping: threading.Event) -> None:
        """Until `stopping` is set.

        Raises:
            LogError: the group cannot work together, or the broker does not say where to begin.
        """
        self._consumer.subscribe(
            list(self._topics),
            on_assign=self._assigned,
            on_revoke=self._revoked,
            on_lost=self._lost,
        )
        try:
            while not stopping.is_set():
                self.pulse.beat()
                message = self._consumer.poll(POLL_S)
                if message is None:
                    self._reader.remind()
                else:
                    self._take(message, stopping)
                self._sender.settle()
                self._hold()
                self._commit(time.monotonic())
        finally:
            self._sender.close()
            self._end_desks()
            self._consumer.close()

    # The group.

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        parts = [(part.topic, part.partition) for part in partitions]
        numbers = self._numbers(parts)
        self._known = begin_at(consumer, parts)
        for (topic, _), count in tell_lost(consumer, self._known).items():
            self._meters.lost.labels(self.name, self._topics[topic]).inc(count)
        for part in partitions:
            mark = self._known[part.topic, part.partition]
            specs = self._topics[part.topic] == ROLLOUTS
            part.offset = OFFSET_BEGINNING if specs else mark.offset
        self._desks = {number: Desk(self._marks_of(number)) for number in numbers}
        self._held, self._under_way = set(), None
        consumer.assign(partitions)
        self._hold()
        self.assigned = True
        say(logging.INFO, "assigned", {"hook": self.name, "partitions": numbers})

    def _numbers(self, parts: list[Part]) -> list[int]:
        """The assigned partition indexes; every topic must come with the same ones."""
        found = {t: sorted(number for topic, number in parts if topic == t) for t in self._topics}
        numbers = found[self._settings.topic(ROLLOUTS)]
        if any(other != numbers for other in found.values()):
            raise LogError(
                f"group {group_of(self._settings, self.name)}: topics are shared out unevenly "
                f"({found}); every member needs the same prefix, every topic the same count"
            )
        return numbers

    def _marks_of(self, number: int) -> dict[str, Mark]:
        return {short: self._known[topic, number] for topic, short in self._topics.items()}

    def _revoked(self, _consumer: Consumer, _partitions: list[TopicPartition]) -> None:
        self._end_desks()

    def _lost(self, _consumer: Consumer, _partitions: list[TopicPartition]) -> None:
        """Another member owns them by now: nothing of ours may be committed."""
        say(logging.WARNING, "lost", {"hook": self.name, "partitions": sorted(self._desks)})
        for desk in self._desks.values():
            desk.open = False
        self._desks, self._held = {}, set()

    def _end_desks(self) -> None:
        """What is told by now is committed; what is under way may be told once more."""
        self._sender.settle()
        news = self._news()
        for desk in self._desks.values():
            desk.open = False
        self._desks, self._held = {}, set()
        if not news:
            return
        try:
            self._consumer.commit(offsets=commits(news), asynchronous=False)
        except KafkaException as error:
            self._not_committed(error.args[0])

    # Offsets.

    def _commit(self, now: float) -> None:
        if now < self._commit_at or self._under_way is not None:
            return
        self._commit_at = now + COMMIT_EVERY_S
        news = self._news()
        if not news:
            return
        self._under_way = news
        try:
            self._consumer.commit(offsets=commits(news), asynchronous=True)
        except KafkaException as error:
            self._answered(error.args[0], [])

    def _news(self) -> dict[Part, Mark]:
        marks = {
            (self._settings.topic(topic), number): mark
            for number, desk in self._desks.items()
            if not desk.loading
            for topic, mark in desk.marks().items()
        }
        return {part: mark for part, mark in marks.items() if mark != self._known.get(part)}

    def _answered(self, error: KafkaError | None, offsets: list[TopicPartition]) -> None:
        """Called back by `poll`."""
        asked, self._under_way = self._under_way, None
        troubles = [error] if error else [part.error for part in offsets if part.error is not None]
        if troubles:
            self._not_committed(troubles[0])
        else:
            self._known |= asked or {}

    def _not_committed(self, error: KafkaError) -> None:
        say(logging.WARNING, "not_committed", {"hook": self.name, "error": error.str()})

    # Records.

    def _hold(self) -> None:
        """Read on where there is room, and where specs are known."""
        full = self._sender.full or (bool(self._held) and not self._sender.eager)
        wanted = {
            (topic, number)
            for number, desk in self._desks.items()
            for topic, short in self._topics.items()
            if full or (desk.loading and short != ROLLOUTS)
        }
        if stop := wanted - self._held:
            self._consumer.pause([TopicPartition(*part) for part in stop])
        if begin := self._held - wanted:
            self._consumer.resume([TopicPartition(*part) for part in begin])
        self._held = wanted

    def _take(self, message: Message, stopping: threading.Event) -> None:
        error = message.error()
        if error is not None:
            self._heed(error, message)
            return
        desk = self._desks.get(message.partition() or 0)
        if desk is None:
            return
        topic = self._topics[message.topic() or ""]
        entry = entry_of(topic, message, self._reader.read(topic, message, stopping))
        if entry is None:
            if not stopping.is_set():
                desk.skip(topic, message.offset() or 0)
            return
        for notice, done in desk.take(entry, self._wants):
            since, wanted = time.monotonic(), lambda: desk.open
            self._sender.put(Parcel(notice=notice, done=done, wanted=wanted, since=since))

    def _heed(self, error: KafkaError, message: Message) -> None:
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's own name
            desk = self._desks.get(message.partition() or 0)
            if desk is not None and self._topics[message.topic() or ""] == ROLLOUTS:
                desk.loading = False
        elif error.fatal() or error.code() == KafkaError._FATAL:  # noqa: SLF001 - the same
            raise LogError(
                f"the consumer of {group_of(self._settings, self.name)} died: {error.str()}; "
                "an `instance_id` is for one process at a time"
            )
        else:
            say(logging.WARNING, "kafka", {"hook": self.name, "error": error.str()})

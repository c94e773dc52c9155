"""How does one member of the actuators' group work? Assign, read, commit, revoke.

A consumer group on `decisions` and what belongs to them; the `range` assignor gives one member the
same partition index of every topic. Offsets of `decisions` are committed once `routing` answers.
Each commit that the coordinator takes confirms this member's tenure; without it nothing is raised,
and nothing written to `routing`, which is read once nobody who came before can write there.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from functools import partial

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from streams.actuator.beginning import Beginning, OpenRouter
from streams.actuator.commits import Commits, tell_lost
from streams.actuator.desk import TOPICS, Desk
from streams.actuator.group import DECISIONS, complete, consumer_config
from streams.actuator.health import ActuatorFacts, Health, facts_of
from streams.actuator.journal import TOPIC, KafkaJournal
from streams.actuator.lines import say, say_text
from streams.actuator.reader import STORE_RETRY_S, RecordReader
from streams.actuator.runner import SystemClock
from streams.broker import LIBRDKAFKA, is_transactional
from streams.errors import LogError, RegistryAway
from streams.settings import Settings
from streams.topics import check_topics
from streams.tracing.opening import Traces
from streams.wire.codec import Codec
from streams.wire.keys import open_trusted
from streams.wire.sparing import Sparing
from streams.wire.store import open_store

POLL_S = 0.1
LOOK_EVERY_S = 1.0


class Actuator:
    """One member of the group."""

    def __init__(
        self,
        settings: Settings,
        open_target: OpenRouter,
        health: Health,
        traces: Traces | None = None,
    ) -> None:
        check_topics(settings)
        self._settings = settings
        self._health, self._meters = health, health.meters
        self._store = open_store(settings)
        self._codec = codec = Codec(self._store, settings.prefix)
        self._trusted = open_trusted(settings)
        self._reader = RecordReader(codec, self._trusted, waits=health.pulse.beat)
        self._transactional = is_transactional(settings)
        self._topics = {settings.topic(name): name for name in TOPICS}
        self._desks: dict[int, Desk] = {}
        self._unfenced: set[int] = set()
        """Partitions of `routing` in which a former owner may still write."""
        self._look_at = 0.0
        self._assigned_once = False
        self._broker_at = time.monotonic()
        config = consumer_config(settings, self._statistics, self._answered)
        self._consumer = Consumer(config, logger=LIBRDKAFKA)
        topic, session_s = settings.topic(DECISIONS), settings.session_timeout_s
        self._commits = Commits(topic, session_s, self._wake)
        self._beginning = Beginning(
            open_target,
            SystemClock(),
            lambda: self._commits.tenure,
            reconcile_s=settings.reconcile_s,
            meters=health.meters,
            traces=traces,
        )

    def run(self, stopping: threading.Event) -> None:
        """Until `stopping` is set."""
        if not self._knows_schemas(stopping):
            self._consumer.close()
            return
        self._consumer.subscribe(
            list(self._topics),
            on_assign=self._assigned,
            on_revoke=self._revoked,
            on_lost=self._lost,
        )
        say(logging.INFO, "actuator.started", {"group": f"{self._settings.group}-actuator"})
        self._say_whom_it_trusts()
        try:
            while not stopping.is_set():
                self._health.pulse.beat()
                message = self._consumer.poll(POLL_S)
                if message is None:
                    self._reader.remind()
                else:
                    self._take(message, stopping)
                self._resume()
                self._commits.keep(self._consumer, self._durable(), time.monotonic())
                if time.monotonic() >= self._look_at:
                    self._look()
        finally:
            self._end()

    def _knows_schemas(self, stopping: threading.Event) -> bool:
        """Wait for a schema registry that is away: without it no intent can be written down."""
        sparing = Sparing(partial(say_text, logging.WARNING, "actuator.waits_for_registry"))
        while not stopping.is_set():
            try:
                self._codec.know(TOPICS)
            except RegistryAway as away:
                sparing.say("away", str(away))
                self._health.pulse.beat()
                self._look()
                stopping.wait(STORE_RETRY_S)
            else:
                return True
        return False

    def _say_whom_it_trusts(self) -> None:
        if self._trusted is None:
            advice = "set signing.trusted (and signing.key on workers)"
            say(logging.WARNING, "actuator.decisions_not_verified", {"advice": advice})
        else:
            say(logging.INFO, "actuator.verifies", {"trusted": list(self._trusted.ids)})

    def _look(self) -> None:
        """Let stuck targets go, and tell how everything stands."""
        self._look_at = time.monotonic() + LOOK_EVERY_S
        runners = [runner for desk in self._desks.values() for runner in desk.runners()]
        for runner in runners:
            if runner.renew(self._settings.stall_s):
                self._meters.renewed.inc()
        loading = sum(desk.loading for desk in self._desks.values())
        self._health.facts = ActuatorFacts(
            assigned=self._assigned_once,
            loading=loading,
            loaded=len(self._desks) - loading,
            broker_at=self._broker_at,
            rollouts=tuple(facts_of(runner) for runner in runners),
            registry_failures=self._store.failures,
            skipped=dict(self._reader.own.skipped),
        )

    def _statistics(self, text: str) -> None:
        """What librdkafka tells of itself every few seconds."""
        brokers = json.loads(text).get("brokers", {}).values()
        if any(broker.get("state") == "UP" for broker in brokers):
            self._broker_at = time.monotonic()

    def _end(self) -> None:
        say(logging.INFO, "actuator.stopping", {"partitions": sorted(self._desks)})
        self._stop_desks()
        self._consumer.close()

    # The group.

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        numbers = complete(self._settings, self._topics, partitions)
        decisions = self._settings.topic(DECISIONS)
        known = consumer.committed([TopicPartition(decisions, number) for number in numbers])
        begin = {p.partition: p.offset for p in known if p.offset >= 0}
        for part in partitions:
            part.offset = OFFSET_BEGINNING
            if part.topic == decisions:
                part.offset = begin.get(part.partition, OFFSET_BEGINNING)
        self._commits.begin(begin)
        self._desks = {number: self._desk(number) for number in numbers}
        tell_lost(consumer, decisions, begin)
        for number, offset in begin.items():
            self._desks[number].position = offset
        consumer.assign(partitions)
        self._unfenced = set(numbers)
        consumer.pause([self._routing(number) for number in numbers])
        self._assigned_once = True
        self._meters.assignments.inc()
        say(logging.INFO, "actuator.assigned", {"partitions": numbers})

    def _desk(self, number: int) -> Desk:
        journal = KafkaJournal(
            self._settings,
            self._codec,
            number,
            self._commits.tenure,
            self._meters,
            transactional=self._transactional,
        )
        return Desk(number, self._beginning.begin, journal)

    def _routing(self, number: int) -> TopicPartition:
        return TopicPartition(self._settings.topic(TOPIC), number)

    def _resume(self) -> None:
        """Read what former owners told, where none of them can tell more."""
        fenced = {number for number in self._unfenced if self._desks[number].journal.begun}
        if fenced:
            self._consumer.resume([self._routing(number) for number in fenced])
            self._unfenced -= fenced

    def _revoked(self, _consumer: Consumer, _partitions: list[TopicPartition]) -> None:
        self._stop_desks()

    def _lost(self, _consumer: Consumer, _partitions: list[TopicPartition]) -> None:
        """Another member owns them by now: nothing of ours may be committed."""
        self._commits.tenure.end()
        say(logging.WARNING, "actuator.lost", {"partitions": sorted(self._desks)})
        for desk in self._desks.values():
            desk.stop()
        self._desks, self._unfenced = {}, set()

    def _stop_desks(self) -> None:
        """What was begun is ended and told: until this returns nobody else is the owner."""
        for desk in self._desks.values():
            desk.stop()
        self._commits.tenure.end()
        self._commits.end(self._consumer, self._durable())
        self._desks, self._unfenced = {}, set()

    def _durable(self) -> dict[int, int]:
        """Partition -> where a restart must begin in `decisions`."""
        return {
            number: self._commits.known(number) if desk.loading else max(desk.committable(), 0)
            for number, desk in self._desks.items()
        }

    def _answered(self, error: KafkaError | None, offsets: list[TopicPartition]) -> None:
        """Called back by `poll`."""
        self._commits.answered(error, offsets)

    def _wake(self) -> None:
        for desk in self._desks.values():
            desk.wake()

    # Records.

    def _take(self, message: Message, stopping: threading.Event) -> None:
        error = message.error()
        if error is not None:
            self._heed(error, message)
            return
        topic = self._topics[message.topic() or ""]
        desk = self._desks.get(message.partition() or 0)
        record = self._reader.read(topic, message, stopping)
        if desk is not None and record is not None:
            desk.take(record, message.offset() or 0)

    def _heed(self, error: KafkaError, message: Message) -> None:
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's own name
            desk = self._desks.get(message.partition() or 0)
            if desk is not None:
                desk.reached_end(self._topics[message.topic() or ""])
        elif error.fatal() or error.code() == KafkaError._FATAL:  # noqa: SLF001 - the same
            # It must end: whoever fenced it moves the same targets by now.
            raise LogError(
                f"the consumer of {self._settings.group}-actuator died: {error.str()}; "
                "an `instance_id` is for one process at a time"
            )
        else:
            say(logging.WARNING, "actuator.kafka", {"error": error.str()})

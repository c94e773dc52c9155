"""How far is the fleet now? Follows what it writes, so that scenarios can wait for progress."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any, Self

from confluent_kafka import Consumer, TopicPartition

from streams.settings import Settings
from tests.soak.oracle.log import Avro

TOPICS = ("panes", "decisions", "routing")


@dataclass(slots=True, kw_only=True)
class Seen:
    """The newest of what was read."""

    activated: dict[str, set[int]] = field(default_factory=dict)
    """Rollout -> source partitions that count for it."""
    closed: dict[tuple[str, int], int] = field(default_factory=dict)
    """(source, partition) -> last closed pane."""
    decisions: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Rollout -> newest decision."""
    routing: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Rollout -> newest routing record that tells of the target: a refusal tells of a decision."""


class Watch:
    """A reader of committed records in a thread. Use as a context manager."""

    def __init__(self, settings: Settings) -> None:
        self.seen = Seen()
        self._settings = settings
        self._avro = Avro(settings.registry.url)
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def closed_through(self, source: str = "predictions") -> int:
        """The last pane that every partition of a source has closed; -1: some said nothing yet."""
        self._raise_failure()
        with self._lock:
            found = [pane for (name, _), pane in self.seen.closed.items() if name == source]
        return min(found) if len(found) == self._settings.source_partitions else -1

    def activated(self, rollout: str) -> bool:
        """Whether all source partitions count for a rollout."""
        self._raise_failure()
        with self._lock:
            active = len(self.seen.activated.get(rollout, ()))
        return active == self._settings.source_partitions

    def decision(self, rollout: str) -> dict[str, Any] | None:
        """The newest decision."""
        self._raise_failure()
        return self.seen.decisions.get(rollout)

    def routing(self, rollout: str) -> dict[str, Any] | None:
        """The newest word of an actuator on its target."""
        self._raise_failure()
        return self.seen.routing.get(rollout)

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            self._follow()
        except BaseException as error:  # noqa: BLE001 - told to whoever waits
            self._failure = error

    def _follow(self) -> None:
        config = {
            "group.id": "soak-watch",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 100,
            "log_level": 0,
        }
        consumer = Consumer(self._settings.confluent(**config))
        names = {self._settings.topic(topic): topic for topic in TOPICS}
        every = range(self._settings.rollout_partitions)
        consumer.assign([TopicPartition(name, number, 0) for name in names for number in every])
        try:
            while not self._stopping.is_set():
                for message in consumer.consume(500, timeout=0.1):
                    if message.error() is None:
                        self._take(names[str(message.topic())], message.value())
        finally:
            consumer.close()

    def _take(self, topic: str, value: bytes | None) -> None:
        record = self._avro.read(topic, value)
        if record is None:
            return
        with self._lock:
            match topic:
                case "panes":
                    self._pane(record)
                case "decisions":
                    self.seen.decisions[record["rollout"]] = record
                case _ if record["phase"] != "refused":
                    self.seen.routing[record["rollout"]] = record

    def _pane(self, record: dict[str, Any]) -> None:
        name, body = record["body"]
        if name == "davy.Progress":
            place = record["source"], record["source_partition"]
            before = self.seen.closed.get(place, -1)
            self.seen.closed[place] = max(before, body["closed_through"])
        elif name == "davy.Activation" and record["source"] == "predictions":
            active = self.seen.activated.setdefault(body["rollout"], set())
            active.add(record["source_partition"])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(10.0)

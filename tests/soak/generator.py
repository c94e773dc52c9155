"""Who publishes, and what did the broker take? A thread with a ledger of every acknowledgement."""

from __future__ import annotations

import heapq
import itertools
import json
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from confluent_kafka import Message, Producer

from streams.settings import Settings
from streams.spec.model import FULL_BP
from streams.wire.codec import Codec
from streams.wire.store import open_store
from tests.soak.requests import Made, Requests

TICK_S = 0.02
FLUSH_S = 60.0
PER_TRANSACTION = 40
GIVEN_UP = 5
"""Every so many-th transaction is aborted."""


@dataclass(slots=True, kw_only=True)
class Ledger:
    """What was handed to producers, and what became of it."""

    offered: int = 0
    repeated: int = 0
    failed: int = 0
    """Given up by the producer: whether the broker has it, nobody knows."""
    aborted: int = 0
    """In transactions that were given up: no reader may see them."""
    accepted: dict[tuple[str, int, int], str] = field(default_factory=dict)
    """(topic, partition, offset) -> key."""
    somewhere: list[tuple[str, int, str]] = field(default_factory=list)
    """(topic, partition, key) of those that the broker has without telling where: a retry of what
    it had taken before its answer was lost."""


class Generator:
    """Publishes requests at a steady rate until it is stopped."""

    def __init__(
        self,
        settings: Settings,
        requests: Requests,
        share: Callable[[], float],
        *,
        rate: float,
        transactional: bool = False,
    ) -> None:
        self.ledger = Ledger()
        self.rate = rate
        self.failure: BaseException | None = None
        self._settings, self._requests, self._share = settings, requests, share
        self._codec = Codec(open_store(settings), settings.prefix)
        self._transactional = transactional
        self._producers = [self._producer(number) for number in range(requests.producers)]
        self._own = self._producer(None)
        """For events that are published from outside, in no transaction."""
        self._due: list[tuple[int, int, Made]] = []
        self._order = itertools.count()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="generator", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Publish what is due, and wait until the broker has answered for all of it."""
        self._stopping.set()
        self._thread.join(FLUSH_S)
        if self.failure is not None:
            raise self.failure
        self.settle()

    def settle(self) -> None:
        """Wait until the broker has answered for all that was published."""
        for producer in (*self._producers, self._own):
            producer.flush(FLUSH_S)

    def publish(self, made: Made, *, partition: int = -1) -> None:
        """Publish one event now, from any thread."""
        with self._lock:
            self._publish(self._own, made, partition)

    def _producer(self, number: int | None) -> Producer:
        config: dict[str, Any] = {
            "partitioner": "murmur2_random",
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": 5,
            "compression.type": "lz4",
            "message.timeout.ms": 120_000,
            "request.timeout.ms": 5_000,
            "log_level": 0,
        }
        transactional = self._transactional and number is not None
        if transactional:
            config |= {
                "transactional.id": f"{self._settings.prefix}generator-{number}",
                "message.timeout.ms": 50_000,  # below a transaction's own
            }
        producer = Producer(self._settings.confluent(**config))
        if transactional:
            producer.init_transactions(FLUSH_S)
        return producer

    def _run(self) -> None:
        try:
            (self._commit_for_ever if self._transactional else self._send_for_ever)()
        except BaseException as error:  # noqa: BLE001 - told by `stop`
            self.failure = error

    def _send_for_ever(self) -> None:
        last = time.monotonic()
        owed = 0.0
        while not self._stopping.wait(TICK_S):
            now = time.monotonic()
            owed, last = owed + (now - last) * self.rate, now
            with self._lock:
                self._make(int(owed))
                owed -= int(owed)
                self._send_due()
                for producer in (*self._producers, self._own):
                    producer.poll(0)
        with self._lock:
            self._send_due(everything=True)

    def _make(self, count: int) -> None:
        share, now_ms = self._share(), time.time_ns() // 1_000_000
        for _ in range(count):
            for due_ms, made in self._requests.request(now_ms, share):
                heapq.heappush(self._due, (due_ms, next(self._order), made))

    def _send_due(self, *, everything: bool = False) -> None:
        now_ms = time.time_ns() // 1_000_000
        while self._due and (everything or self._due[0][0] <= now_ms):
            made = heapq.heappop(self._due)[2]
            producer = self._producers[zlib.crc32(made.key.encode()) % len(self._producers)]
            self._publish(producer, made)

    def _publish(self, producer: Producer, made: Made, partition: int = -1) -> None:
        value = self._codec.encode(made.topic, made.record)
        value = value[:-3] if made.broken else value
        topic, key = self._settings.topic(made.topic), made.key.encode()
        self.ledger.offered += 1
        self.ledger.repeated += made.again
        try:
            producer.produce(topic, value, key, partition, on_delivery=self._delivered)
        except BufferError:
            producer.poll(1.0)
            producer.produce(topic, value, key, partition, on_delivery=self._delivered)

    def _delivered(self, error: Any, message: Message) -> None:
        if error is not None:
            self.ledger.failed += 1
            return
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        key = (message.key() or b"").decode()
        if offset is None:
            self.ledger.somewhere.append((topic, partition, key))
        else:
            self.ledger.accepted[topic, partition, offset] = key

    def _commit_for_ever(self) -> None:
        """One transaction after the other; of those that are aborted nothing may be counted."""
        for number in itertools.count():
            if self._stopping.is_set():
                return
            producer = self._producers[number % len(self._producers)]
            before = dict(self.ledger.accepted)
            with self._lock:
                producer.begin_transaction()
                self._fill(producer)
                producer.flush(FLUSH_S)
                self._end(producer, before, given_up=number % GIVEN_UP == GIVEN_UP - 1)

    def _fill(self, producer: Producer) -> None:
        self._make(PER_TRANSACTION)
        while self._due:
            self._publish(producer, heapq.heappop(self._due)[2])
        self._stopping.wait(PER_TRANSACTION / self.rate)

    def _end(
        self, producer: Producer, before: dict[tuple[str, int, int], str], *, given_up: bool
    ) -> None:
        if given_up:
            producer.abort_transaction(FLUSH_S)
            self.ledger.aborted += len(self.ledger.accepted) - len(before)
            self.ledger.accepted = before
        else:
            producer.commit_transaction(FLUSH_S)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(FLUSH_S)


def share_at(rds: Path) -> Callable[[], float]:
    """The candidate's share as the proxy's route file has it now; read anew where it changed."""
    known: dict[float, float] = {}

    def share() -> float:
        changed = rds.stat().st_mtime
        if changed not in known:
            known.clear()
            known[changed] = _share(json.loads(rds.read_text()))
        return known[changed]

    return share


def _share(routes: dict[str, Any]) -> float:
    route = routes["resources"][0]["virtual_hosts"][0]["routes"][-1]["route"]
    mirrors = route.get("request_mirror_policies", ())
    if mirrors:
        fraction = mirrors[0]["runtime_fraction"]["default_value"]
        return float(fraction["numerator"]) / {"HUNDRED": 100, "TEN_THOUSAND": 10_000}.get(
            fraction.get("denominator", "HUNDRED"), 1_000_000
        )
    weights = {c["name"]: c["weight"] for c in route["weighted_clusters"]["clusters"]}
    return float(weights["v2"]) / FULL_BP

"""A whole davy on a test's own topics: publish events, run workers, read what they wrote."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from confluent_kafka import Consumer, Message, Producer, TopicPartition

from streams.cli.rollouts import rollout_record
from streams.demo.processes import Part, Parts, wait_until
from streams.errors import PartError
from streams.settings import Settings
from streams.spec.metric_facts import Metric, MetricKind
from streams.spec.model import Candidate, RolloutSpec, Stage, Target, Unit
from streams.topics import create_topics
from streams.wire.codec import Codec
from streams.wire.store import LocalSchemaStore
from tests.environment import environment_of

START_MS = 1_790_000_000_000
"""Event time of a test's first event; brokers with append time need events near the present."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Made-up predictions: two versions, a share of errors, lognormal latencies, some classes."""

    service: str = "digits"
    seconds: float = 20.0
    rate: float = 200.0
    candidate_share: float = 0.25
    error_rates: tuple[float, float] = (0.01, 0.01)
    seed: int = 7
    users: int = 0
    """How many send requests, each always to one version; none: every request is alone."""

    def events(self, start_ms: int) -> Iterator[dict[str, Any]]:
        """Prediction records in order of completion."""
        dice = np.random.default_rng(self.seed)
        count = int(self.seconds * self.rate)
        times = np.sort(dice.uniform(0, self.seconds * 1000, count)).astype(int)
        for number, at in enumerate(times.tolist()):
            user = int(dice.integers(self.users)) if self.users else None
            drawn = dice.random() if user is None else user / self.users
            candidate = bool(drawn < self.candidate_share)
            failed = bool(dice.random() < self.error_rates[candidate])
            yield {
                "request_id": f"r{self.seed}-{number}",
                "unit": None if user is None else f"u{user}",
                "service": self.service,
                "model_version": "v2" if candidate else "v1",
                "completed_at": start_ms + at,
                "latency_ms": float(dice.lognormal(3.0, 0.4)),
                "status": "ERROR" if failed else "OK",
                "predicted_class": None if failed else str(int(dice.integers(0, 4))),
                "score": None if failed else float(dice.random()),
            }


def spec(rollout: str = "digits-v2", **changes: Any) -> RolloutSpec:
    """A rollout with quick stages; what a test does not name is ordinary."""
    facts: dict[str, Any] = {
        "rollout": rollout,
        "service": "digits",
        "baseline": "v1",
        "candidates": (Candidate(name="candidate", version="v2"),),
        "target": Target(router="memory", options={"name": rollout}),
        "stages": (
            Stage(weight_bp=2500, min_time_s=3, min_exposures=50),
            Stage(weight_bp=10_000),
        ),
        "metrics": (
            Metric(name="errors", kind=MetricKind.ERRORS, margin=1.0, floor=0.05),
            Metric(name="p95", kind=MetricKind.LATENCY, quantile=0.95, margin=1.0),
            Metric(name="classes", kind=MetricKind.CLASSES, threshold=0.05),
        ),
        "timeout_s": 0.5,
        "routing_lag_s": 0.5,
        "report_every_s": 2.0,
        "lease_s": 2.0,
        "silence_rollback_s": 300.0,  # a worker that begins anew takes longer than three leases
    }
    return RolloutSpec(**facts | changes)


def user_spec(rollout: str = "digits-users", **changes: Any) -> RolloutSpec:
    """The same for a route that keeps users with one version; classes count requests."""
    by_user = tuple(m for m in spec().metrics if m.kind is not MetricKind.CLASSES)
    return spec(rollout, **{"unit": Unit.USER, "metrics": by_user} | changes)


USUAL_FLUSH_MS: int = Settings.model_fields["flush_ms"].default
"""For whoever measures; tests flush more often."""


class Pipeline:
    """Topics of one test, and the programs and readers that work on them."""

    def __init__(self, bootstrap: str, prefix: str, parts: Parts, **settings: Any) -> None:
        quick: dict[str, Any] = {
            "source_partitions": 2,
            "rollout_partitions": 2,
            "lateness_ms": 500,
            "idle_ms": 600_000,
            "flush_ms": 100,
            "session_timeout_s": 6.0,
            "heartbeat_s": 1.0,
        }
        self.settings = Settings(
            bootstrap=bootstrap, prefix=prefix, group=f"{prefix}davy", **quick | settings
        )
        self.codec = Codec(LocalSchemaStore(), prefix)
        self.parts = parts
        create_topics(self.settings)
        config = {"partitioner": "murmur2_random", "acks": "all", "linger.ms": 5}
        self.producer = Producer(self.settings.confluent(**config))

    def produce(self, topic: str, key: str, value: bytes, partition: int = -1) -> None:
        """Send one record; `settle` waits for the broker."""
        self.producer.produce(self.settings.topic(topic), value, key, partition=partition)
        self.producer.poll(0)

    def settle(self) -> None:
        """Wait until the broker has everything."""
        assert self.producer.flush(30) == 0

    def apply(self, rollout: RolloutSpec) -> None:
        """What `davy rollout apply` writes."""
        record = rollout_record(rollout, applied_by="a test")
        self.produce("rollouts", rollout.rollout, self.codec.encode("rollouts", record))
        self.settle()

    def publish(self, events: Iterable[dict[str, Any]]) -> int:
        """Publish predictions in order; returns how many."""
        count = 0
        for event in events:
            value = self.codec.encode("predictions", event)
            self.produce("predictions", event.get("unit") or event["request_id"], value)
            count += 1
        self.settle()
        return count

    def routed(self, rollout: str, phase: str, weight_bp: int, at_ms: int, fence: int) -> None:
        """What an actuator writes, for tests of the worker alone."""
        weights = {"all": {"baseline": 10_000 - weight_bp, "candidate": weight_bp}}
        confirmed = at_ms + 3_600_000 if phase in ("applied", "observed") else 0
        record = {
            "rollout": rollout,
            "phase": phase,
            "decision_id": "",
            "fence": fence,
            "desired_bp": weights,
            "applied_bp": weights,
            "at": at_ms,
            "since": at_ms,
            "confirmed_until": confirmed,
            "router": "memory",
        }
        self.produce("routing", rollout, self.codec.encode("routing", record))
        self.settle()

    def worker(self, name: str = "worker", **env: str) -> Part:
        """Start `davy worker` on these topics."""
        command = [sys.executable, "-m", "streams.cli", "worker"]
        return self.parts.start(name, command, env=environment_of(self.settings) | env)

    def read(self, topic: str) -> list[tuple[Message, dict[str, Any]]]:
        """Every committed record of a topic now, by partition and offset, decoded."""
        found = []
        for message in self.raw(topic):
            value = message.value()
            found.append((message, {} if value is None else self.codec.decode(topic, value)))
        return found

    def raw(self, topic: str) -> list[Message]:
        """Every committed record of a topic now, by partition and offset."""
        name = self.settings.topic(topic)
        config = {
            "group.id": "reader",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
        }
        consumer = Consumer(self.settings.confluent(**config))
        try:
            partitions = consumer.list_topics(name, timeout=10).topics[name].partitions
            consumer.assign([TopicPartition(name, number, 0) for number in partitions])
            return sorted(
                _until_end(consumer, len(partitions)), key=lambda m: (m.partition(), m.offset())
            )
        finally:
            consumer.close()

    def bodies(self, name: str, source: str = "predictions") -> list[dict[str, Any]]:
        """Bodies of one kind (`davy.Pane` ...) that owners of a source wrote to `panes`."""
        records = (record for _, record in self.read("panes") if record["source"] == source)
        return [record["body"][1] for record in records if record["body"][0] == name]

    def decisions(self) -> list[dict[str, Any]]:
        """All decisions, in order."""
        return [record for _, record in self.read("decisions")]

    def eventually(
        self,
        condition: Callable[[], bool],
        *,
        what: str,
        parts: Sequence[Part] = (),
        deadline_s: float = 60,
    ) -> None:
        """Poll a condition; fails with the workers' logs."""

        def there() -> bool:
            for part in parts:
                assert part.running, f"{part.name} ended:\n{part.tail()}"
            return condition()

        try:
            wait_until(there, what=what, deadline_s=deadline_s)
        except PartError as late:
            raise AssertionError("\n".join([str(late), *(p.tail() for p in parts)])) from late


def _until_end(consumer: Consumer, partitions: int) -> list[Message]:
    found: list[Message] = []
    ended = 0
    while ended < partitions:
        message = consumer.poll(10)
        assert message is not None, "the broker does not answer"
        if message.error():
            ended += 1
        else:
            found.append(message)
    return found

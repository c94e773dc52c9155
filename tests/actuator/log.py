"""A judge's side of the log, by hand: apply a spec, decide, beat; and read what is routed."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from confluent_kafka import Consumer, Producer, TopicPartition

from streams.actuator.facts import RoutingRecord
from streams.actuator.records import routing_record
from streams.cli.rollouts import rollout_record
from streams.demo.processes import wait_until
from streams.judge.chain import body_hash, decision_body
from streams.judge.decision_facts import Action, Decision
from streams.judge.facts import Cut
from streams.judge.record import decision_to_record
from streams.settings import Settings
from streams.spec.metric_facts import Metric, MetricKind
from streams.spec.model import Candidate, RolloutSpec, Stage, Target
from streams.topics import create_topics
from streams.wire.codec import Codec
from streams.wire.reasons import BadRecord
from streams.wire.signatures import Signer
from streams.wire.store import LocalSchemaStore

Headers: TypeAlias = tuple[tuple[str, bytes], ...]
UNKNOWN_SCHEMA = b"\x00\x00\x0f\x42\x3f"
"""Framing with a schema id that nobody registered."""


def make_spec(rollout: str, target: Target, **more: Any) -> RolloutSpec:
    """A small rollout to 25 % and then all."""
    facts: dict[str, Any] = {
        "rollout": rollout,
        "service": "digits",
        "baseline": "v1",
        "candidates": (Candidate(name="candidate", version="v2"),),
        "target": target,
        "stages": (Stage(weight_bp=2500), Stage(weight_bp=10_000)),
        "metrics": (Metric(name="errors", kind=MetricKind.ERRORS, margin=1.0),),
        "silence_rollback_s": 300.0,  # a judge's side by hand says no more than a test wants
    }
    return RolloutSpec(**facts | more)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A record on its way, for tests that change it there."""

    topic: str
    """Named without prefix."""
    key: str
    value: bytes | None
    headers: Headers = ()


Tamper: TypeAlias = Callable[[Sent], Sent]


def unchanged(sent: Sent) -> Sent:
    """Nobody laid hands on it."""
    return sent


class Log:
    """Topics of one test; what a judge writes is signed where there is a signer."""

    def __init__(
        self, bootstrap: str, prefix: str, *, signer: Signer | None = None, **settings: Any
    ) -> None:
        quick: dict[str, Any] = {
            "rollout_partitions": 2,
            "source_partitions": 1,
            "reconcile_s": 0.2,
            "session_timeout_s": 6.0,
            "heartbeat_s": 1.0,
        }
        self.settings = Settings(
            bootstrap=bootstrap, prefix=prefix, group=f"{prefix}davy", **quick | settings
        )
        self.signer = signer
        self.decided: list[Sent] = []
        create_topics(self.settings)
        self.codec = Codec(LocalSchemaStore(), prefix)
        config: dict[str, Any] = {"partitioner": "murmur2_random", "acks": "all", "linger.ms": 0}
        self._producer = Producer(self.settings.confluent() | config)
        self._last: dict[str, Decision] = {}
        self._routed: list[RoutingRecord] = []
        self._reader = Consumer(
            self.settings.confluent() | {"group.id": f"{prefix}reader", "enable.auto.commit": False}
        )
        topic = self.settings.topic("routing")
        self._reader.assign(
            [TopicPartition(topic, number, 0) for number in range(self.settings.rollout_partitions)]
        )

    def send(self, topic: str, key: str, value: bytes | None, headers: Headers = ()) -> None:
        """One record, on the broker when this returns."""
        name = self.settings.topic(topic)
        self._producer.produce(name, value, key, headers=list(headers))
        assert self._producer.flush(30) == 0

    def put(self, sent: Sent) -> None:
        """The same."""
        self.send(sent.topic, sent.key, sent.value, sent.headers)

    def signed(self, topic: str, key: str, value: bytes) -> Sent:
        """A record as the judge sends it."""
        name = self.settings.topic(topic)
        headers = self.signer.headers(name, key.encode(), value) if self.signer else ()
        return Sent(topic=topic, key=key, value=value, headers=headers)

    def apply(self, spec: RolloutSpec) -> None:
        """What `davy rollout apply` writes."""
        record = rollout_record(spec, applied_by="a test")
        self.send("rollouts", spec.rollout, self.codec.encode("rollouts", record))

    def beat(
        self,
        spec: RolloutSpec,
        state: str = "LIVE",
        valid_s: float = 30.0,
        *,
        age_s: float = 0.0,
        tampered: Tamper = unchanged,
    ) -> None:
        """A heartbeat of the judge."""
        record = {
            "rollout": spec.rollout,
            "spec_hash": spec.spec_hash,
            "pane": 1,
            "valid_ms": int(valid_s * 1000),
            "state": state,
            "at": time.time_ns() // 1_000_000 - int(age_s * 1000),
        }
        value = self.codec.encode("leases", record)
        self.put(tampered(self.signed("leases", spec.rollout, value)))

    def command(self, spec: RolloutSpec, kind: str) -> None:
        """What a person asks."""
        record = {
            "rollout": spec.rollout,
            "command": kind,
            "actor": "ada",
            "reason": "",
            "at": time.time_ns() // 1_000_000,
        }
        self.send("commands", spec.rollout, self.codec.encode("commands", record))

    def decide(
        self,
        spec: RolloutSpec,
        action: Action,
        candidate_bp: int,
        *,
        seq: int | None = None,
        readable: bool = True,
        segments: Mapping[str, int] | None = None,
        tampered: Tamper = unchanged,
        lost: bool = False,
    ) -> Decision:
        """The judge's next decision, linked to the one before; or one of an unknown schema.

        It stands in `decided`. What `tampered` changes the judge never said; what is `lost` it
        said, and nobody heard it.

        `segments`: what the candidate gets in those that have weights of their own.
        """
        shares = {"all": candidate_bp, **(segments or {})}
        before = self._last.get(spec.rollout)
        number = seq or (before.seq + 1 if before else 1)
        decision = Decision(
            rollout=spec.rollout,
            decision_id=hashlib.sha256(f"{spec.rollout}{number}{action}".encode()).hexdigest()[:32],
            seq=number,
            spec_hash=spec.spec_hash,
            action=action,
            reason="test",
            stage=0,
            terminal=action in {Action.ROLLBACK, Action.PROMOTE},
            weights_bp={
                name: {"baseline": 10_000 - share, "candidate": share}
                for name, share in shares.items()
            },
            verdicts=(),
            health=(),
            pane_ms=1000,
            cut=Cut(pane=number),
            steps=(),
            prev_hash=body_hash(decision_body(before)) if before else "",
        )
        value = self.codec.encode("decisions", decision_to_record(decision))
        sent = self.signed(
            "decisions", spec.rollout, value if readable else UNKNOWN_SCHEMA + value[5:]
        )
        if tampered is unchanged and (before is None or number > before.seq):
            self._last[spec.rollout] = decision
        self.decided.append(sent)
        if not lost:
            self.put(tampered(sent))
        return decision

    def routed(self, rollout: str) -> list[RoutingRecord]:
        """Every routing record of a rollout up to now."""
        while (message := self._reader.poll(0.05)) is not None:
            with contextlib.suppress(BadRecord):  # tests write poison too
                record = self.codec.decode("routing", message.value())
                self._routed.append(routing_record(record))
        return [record for record in self._routed if record.rollout == rollout]

    def wait_for(
        self,
        rollout: str,
        holds: Callable[[RoutingRecord], bool],
        *,
        what: str,
        after: int = 0,
        deadline_s: float = 20,
    ) -> RoutingRecord:
        """Wait for a routing record, among those after the first `after` ones."""
        found: list[RoutingRecord] = []

        def there() -> bool:
            found[:] = [record for record in self.routed(rollout)[after:] if holds(record)]
            return bool(found)

        wait_until(there, what=what, deadline_s=deadline_s)
        return found[0]

    def close(self) -> None:
        """Let go of the broker."""
        self._reader.close()

"""What does a scenario see of the fleet, and what can it do to it?"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

from infra.rigs.cluster import Cluster
from infra.rigs.links import Link
from streams.cli.rollouts import rollout_record
from streams.demo.processes import Part, Parts, wait_until
from streams.demo.proxy import Proxy
from streams.settings import Settings
from streams.spec.model import RolloutSpec
from streams.wire.codec import Codec
from streams.wire.store import open_store
from tests.environment import environment_of
from tests.nursery import Nursery
from tests.soak.facts import Fault, Fleet, Until
from tests.soak.generator import Generator
from tests.soak.oracle.deleted import NOTHING, Deleted
from tests.soak.registry import Registry
from tests.soak.requests import Made, Requests
from tests.soak.rollouts import ROLLOUT
from tests.soak.watch import Watch

TARGET = "TARGET"
LOOK_EVERY_S = 0.5
RECOVER_S = 120.0
"""Whoever has not recovered by then, does not."""


@dataclass(slots=True, kw_only=True)
class Stage:
    """A running fleet on topics of its own."""

    settings: Settings
    fleet: Fleet
    kafka: Cluster
    """Its nodes can be killed, paused, started again."""
    links: Mapping[str, Link]
    """Networks that can be cut, where the scenario needs a cluster: WORKER, ACTUATOR and PRODUCER
    from Kafka, TARGET (the actuator) from Envoy's admin."""
    registry: Registry | None
    """Where schemas are, where the scenario needs a registry; workers and actuators come to it by
    a link."""
    proxy: Proxy
    """The Envoy in front of the two versions."""
    parts: Parts
    nursery: Nursery
    watch: Watch
    generator: Generator
    dice: random.Random
    """Seeded; all that a scenario draws comes from here."""
    folder: Path
    """For whatever a scenario writes."""
    workers: list[Part] = field(default_factory=list)
    """Those that should run; a killed one is replaced by `start_worker`."""
    actuators: list[Part] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    rollouts: list[RolloutSpec] = field(default_factory=list)
    """All that were applied; the first is the one whose target is the proxy."""
    mortal: list[Part] = field(default_factory=list)
    """Parts that may end by themselves."""
    deleted: Deleted = NOTHING
    """What was deleted from `predictions`."""
    _started: int = 0

    # The fleet.

    def start_worker(self, **env: str) -> Part:
        """One more worker; `env` on top of the fleet's settings (`DAVY_...`)."""
        return self._start("worker", self.fleet.worker, self.workers, env)

    def start_actuator(self, **env: str) -> Part:
        """One more actuator."""
        return self._start("actuator", self.fleet.actuator, self.actuators, env)

    def _start(
        self, what: str, command: Sequence[str], among: list[Part], env: Mapping[str, str]
    ) -> Part:
        self._started += 1
        name = f"{what}-{self._started}"
        log = self.parts.folder / f"{name}.log"
        told = {**self.env(what), **env}
        part = self.parts.keep(self.nursery.fork(name, command, log=log, env=told))
        among.append(part)
        return part

    def env(self, listener: str = "") -> dict[str, str]:
        """The settings as environment; behind the links of the listener where there are any."""
        found = environment_of(self.settings)
        if listener.upper() in self.kafka.links:
            found["DAVY_BOOTSTRAP"] = self.kafka.bootstrap(listener.upper())
        if self.registry is not None:
            url = self.registry.linked_url if listener else self.registry.url
            found["DAVY_REGISTRY__URL"] = url
        return found

    def kill(self, part: Part) -> None:
        """SIGKILL, and nobody counts on it any more."""
        part.kill()
        self.forget(part)

    def stop(self, part: Part) -> None:
        """SIGTERM, and wait for its graceful end."""
        code = part.stop(grace_s=RECOVER_S)
        assert code == 0, f"{part.name} ended with code {code}:\n{part.tail()}"
        self.forget(part)

    def forget(self, part: Part) -> None:
        """A part that has ended on purpose."""
        for among in (self.workers, self.actuators):
            if part in among:
                among.remove(part)

    # The log.

    def apply(self, spec: RolloutSpec) -> None:
        """What `davy rollout apply` writes."""
        self.write("rollouts", spec.rollout, rollout_record(spec, applied_by="the soak"))
        self.rollouts.append(spec)

    def command(self, kind: str, rollout: str = ROLLOUT) -> None:
        """What `davy rollout pause|resume|promote|abort` writes."""
        record = {
            "rollout": rollout,
            "command": kind.upper(),
            "actor": "the soak",
            "reason": "for the test",
            "at": now_ms(),
        }
        self.write("commands", rollout, record)

    def write(self, topic: str, key: str, record: dict[str, Any]) -> None:
        """One record of davy's own, on the broker when this returns."""
        value = Codec(open_store(self.settings), self.settings.prefix).encode(topic, record)
        self.write_raw(topic, key, value)

    def write_raw(self, topic: str, key: str, value: bytes | None, partition: int = -1) -> None:
        """Any bytes, on the broker when this returns."""
        self.write_many(topic, [(key, value)], partition=partition)

    def write_many(
        self, topic: str, records: Sequence[tuple[str, bytes | None]], *, partition: int = -1
    ) -> None:
        """The same of many records, in their order."""
        config = {"partitioner": "murmur2_random", "acks": "all", "message.max.bytes": 2_000_000}
        producer = Producer(self.settings.confluent(**config))
        for key, value in records:
            producer.produce(self.settings.topic(topic), value, key.encode(), partition)
        assert producer.flush(RECOVER_S) == 0, f"{topic}: the broker does not take a record"

    def publish(
        self, record: Mapping[str, Any], *, partition: int = -1, again: bool = False
    ) -> None:
        """An event of one's own among the generator's, in its ledger."""
        made = Made(
            topic="outcomes" if "outcome_id" in record else "predictions",
            key=record["request_id"],
            record=dict(record),
            again=again,
        )
        self.generator.publish(made, partition=partition)

    def made_up(self, **changes: Any) -> dict[str, Any]:
        """An ordinary prediction, completed now, with these fields changed."""
        self._started += 1
        requests = Requests(dice=self.dice, producers=1, oddities=0.0)
        (_, made), *_ = requests.request(now_ms(), 0.3)
        return made.record | {"request_id": f"own-{self._started:06d}"} | changes

    # Faults and progress.

    def fault(self, what: str, until: Until = Until.PANES) -> Fault:
        """Say that trouble begins now; its recovery time is found in the log afterwards."""
        fault = Fault(what=what, at_ms=now_ms(), until=until)
        self.faults.append(fault)
        return fault

    def await_progress(self, fault: Fault | None = None, *, deadline_s: float = RECOVER_S) -> None:
        """Wait until panes close beyond the fault (or now) on every source partition."""
        since_ms = now_ms() if fault is None else fault.at_ms
        pane = since_ms // self.settings.pane_ms
        self.until(lambda: self.watch.closed_through() >= pane, f"pane {pane} closed", deadline_s)

    def await_decision(
        self, fault: Fault | None = None, *, rollout: str = ROLLOUT, deadline_s: float = RECOVER_S
    ) -> None:
        """Wait until a decision has looked at panes beyond the fault (or now), or was the last."""
        pane = (now_ms() if fault is None else fault.at_ms) // self.settings.pane_ms

        def there() -> bool:
            last = self.watch.decision(rollout)
            return last is not None and (last["cut"]["pane"] >= pane or last["terminal"])

        self.until(there, f"a decision beyond pane {pane}", deadline_s)

    def until(
        self, condition: Callable[[], bool], what: str, deadline_s: float = RECOVER_S
    ) -> None:
        """Wait for a condition, while the fleet lives; PartError that says what did not come."""

        looked_s = 0.0

        def there() -> bool:
            nonlocal looked_s
            if time.monotonic() - looked_s > LOOK_EVERY_S:
                self._look()
                looked_s = time.monotonic()
            return condition()

        wait_until(there, what=what, deadline_s=deadline_s)

    def _look(self) -> None:
        """All parts run that should."""
        for part in (*self.workers, *self.actuators):
            alive = part.running or part in self.mortal
            assert alive, f"{part.name} ended ({part.exit_code}):\n{part.tail()}"

    def until_s(self, moment_s: float) -> None:
        """Wait until this time of `time.monotonic()`: for faults that are told in seconds."""
        self.until(lambda: time.monotonic() >= moment_s, "a moment", RECOVER_S * 5)


def now_ms() -> int:
    """Now, as producers and brokers of this machine see it."""
    return time.time_ns() // 1_000_000

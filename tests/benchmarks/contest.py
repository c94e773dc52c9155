"""Who does the same job how fast? davy and its peers in turn, each on topics of its own.

A peer is a program that is told by `PEER_*` in its environment what to read and where to write.
What it counted is compared with what was published, in every round.
"""

from __future__ import annotations

import json
import sys
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Consumer, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from infra.peers import kafka_streams, quix
from streams.demo.processes import Part, Parts, wait_until
from streams.errors import PartError
from tests.agents.pipeline import Pipeline, spec
from tests.benchmarks.events import Load, close_panes, publish
from tests.benchmarks.meter import Rate, measure
from tests.load.bed import closed_through

PARTITIONS = 4
SETTLES_S = 60.0
GRACE_S = 60.0
"""A worker may take its time to end: the end is not timed."""
HERE = "tests.benchmarks.peers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Another program for the same job."""

    name: str
    command: Callable[[], list[str]]
    events: int
    """Some seconds' worth."""
    times: int = 1
    """How often the same events are published, for those that only read."""
    totals: Callable[[Bench], Callable[[], dict[str, dict[str, int]]]] | None
    """What tells what it counted; None where it counts nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Topics and a folder for one run of a peer."""

    flow: Pipeline
    folder: Path

    @property
    def verdicts(self) -> str:
        """Where it writes a verdict each second."""
        return f"{self.flow.settings.prefix}peer-verdicts"

    @property
    def closed(self) -> str:
        """A topic with one partition, for what all partitions bring together."""
        return f"{self.flow.settings.prefix}peer-closed"

    def environment(self, group: str, events: int) -> dict[str, str]:
        """What a peer is told."""
        return {
            "PEER_GROUP": group,
            "PEER_BOOTSTRAP": self.flow.settings.bootstrap,
            "PEER_TOPIC": self.flow.settings.topic("predictions"),
            "PEER_EVENTS": str(events),
            "PEER_OUT": str(self.folder / "totals.json"),
            "PEER_FOLDER": str(self.folder / "state"),
            "PEER_VERDICTS": self.verdicts,
            "PEER_CLOSED": self.closed,
        }

    def create_topics(self) -> None:
        """Those that are the peer's alone."""
        admin = AdminClient({"bootstrap.servers": self.flow.settings.bootstrap})
        names = (self.verdicts, self.closed)
        made = admin.create_topics([NewTopic(name, 1, 1) for name in names])
        for future in made.values():
            future.result(30)


def written(bench: Bench) -> Callable[[], dict[str, dict[str, int]]]:
    """What a peer in Python writes when it is done."""
    path = bench.folder / "totals.json"
    return lambda: json.loads(path.read_text()) if path.exists() else {}


def told(bench: Bench) -> Callable[[], dict[str, dict[str, int]]]:
    """What the last verdict says."""

    def last() -> dict[str, dict[str, int]]:
        value = _last(bench.flow.settings.bootstrap, bench.verdicts)
        if value is None:
            return {}
        said = json.loads(value)
        arms = zip(("baseline", "candidate"), said["requests"], said["errors"], strict=True)
        return {arm: {"exposures": n, "errors": failed} for arm, n, failed in arms}

    return last


def module(name: str, *arguments: str) -> Callable[[], list[str]]:
    """A peer that runs in our own environment."""
    return lambda: [sys.executable, "-m", f"{HERE}.{name}", *arguments]


PEERS = (
    Peer(name="plain Faust agent", command=module("plain_faust"), events=150_000, totals=written),
    Peer(name="Quix Streams", command=quix.command, events=1_000_000, totals=written),
    Peer(name="Kafka Streams", command=kafka_streams.command, events=2_000_000, totals=told),
    Peer(name="poller with pandas", command=module("poller"), events=1_000_000, totals=written),
    Peer(
        name="consume and drop",
        command=module("limits", "drop"),
        events=2_000_000,
        times=4,
        totals=None,
    ),
    Peer(
        name="consume, decode and drop",
        command=module("limits", "decode"),
        events=2_000_000,
        times=2,
        totals=None,
    ),
)


def present() -> Iterator[Peer]:
    """Those that can be had here; the others are named."""
    for peer in PEERS:
        try:
            peer.command()
        except PartError as reason:
            print(f"{peer.name} is left out: {reason}", file=sys.stderr)
        else:
            yield peer


def davy(bootstrap: str, folder: Path, load: Load, workers: int = 1, **env: str) -> Rate:
    """One round of davy's workers, which judge too; their panes must hold what was published."""
    with Parts(folder) as parts:
        flow = _flow(bootstrap, parts)
        flow.apply(spec(report_every_s=1.0))
        publish(load, flow.settings)
        fleet = [flow.worker(f"worker-{number}", **env) for number in range(workers)]
        rate = _rate(flow, *fleet, group=flow.settings.group, events=len(load.records))
        _check_panes(flow, load)
        for worker in fleet:
            assert worker.stop(grace_s=GRACE_S) == 0, worker.tail()
        return rate


def peer(bootstrap: str, folder: Path, load: Load, who: Peer) -> Rate:
    """One round of a peer."""
    with Parts(folder) as parts:
        bench = Bench(flow=_flow(bootstrap, parts), folder=folder)
        bench.create_topics()
        publish(load, bench.flow.settings, who.times)
        group, events = f"peer-{uuid.uuid4().hex}", len(load.records) * who.times
        part = parts.start("peer", who.command(), env=bench.environment(group, events))
        rate = _rate(bench.flow, part, group=group, events=events)
        if who.totals is not None:
            _check_totals(bench, load, who.totals(bench))
        return rate


def _flow(bootstrap: str, parts: Parts) -> Pipeline:
    prefix = f"b{uuid.uuid4().hex[:8]}-"
    counts = {"source_partitions": PARTITIONS, "rollout_partitions": PARTITIONS}
    return Pipeline(bootstrap, prefix, parts, **counts, flush_ms=500, lateness_ms=2000)


def _rate(flow: Pipeline, *parts: Part, group: str, events: int) -> Rate:
    return measure(
        *parts,
        bootstrap=flow.settings.bootstrap,
        group=group,
        topic=flow.settings.topic("predictions"),
        partitions=PARTITIONS,
        events=events,
    )


def _check_totals(
    bench: Bench, load: Load, totals: Callable[[], dict[str, dict[str, int]]]
) -> None:
    expected = {
        arm: {"exposures": n, "errors": load.errors[arm]} for arm, n in load.exposures.items()
    }
    close_panes(load, bench.flow.settings)
    wait_until(lambda: totals() == expected, what=f"{expected}", deadline_s=SETTLES_S)


def _check_panes(flow: Pipeline, load: Load) -> None:
    """Every pane holds exactly what was published into it, and all failures are counted."""
    close_panes(load, flow.settings)
    last = max(pane for pane, _ in load.requests)
    flow.eventually(lambda: closed_through(flow) >= last, what="the last pane's end")
    requests, errors = Counter[tuple[int, str]](), Counter[str]()
    for body in flow.bodies("davy.Pane"):
        for cell in body["cells"]:
            requests[body["pane"], cell["arm"]] += cell["exposures"]
            errors[cell["arm"]] += cell["errors"]
    assert (requests, errors) == (load.requests, load.errors)


def _last(bootstrap: str, topic: str) -> bytes | None:
    """The last committed value of a topic with one partition."""
    config = {
        "bootstrap.servers": bootstrap,
        "group.id": "reader",
        "enable.partition.eof": True,
        "isolation.level": "read_committed",
    }
    consumer, value = Consumer(config), None
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        while (message := consumer.poll(10)) is not None:
            error = message.error()
            if error is None:
                value = message.value()
            elif error.code() == KafkaError._PARTITION_EOF:
                break
        return value
    finally:
        consumer.close()

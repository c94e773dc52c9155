"""Who does the same job how fast? davy and its peers in turn, each on topics of its own.

A peer is a program that is told by `PEER_*` in its environment what to read and where to write.
What it counted, buckets and classes too, is compared with what was published, in every round; and
that it gave verdicts all the time.
"""

from __future__ import annotations

import json
import sys
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from infra.peers import kafka_streams, quix
from streams.demo.processes import Part, Parts, wait_until
from streams.errors import PartError
from tests.agents.pipeline import Pipeline
from tests.benchmarks.checks import Tallies, asked_of, check_panes, check_verdicts
from tests.benchmarks.events import ARMS, LARGE, Load, close_panes, publish
from tests.benchmarks.meter import USUAL, Rate, Window, measure
from tests.benchmarks.plans import LIVE, check_promotion, confirm
from tests.load.bed import closed_through, total

PARTITIONS = 4
SETTLES_S = 60.0
GRACE_S = 60.0
"""A worker may take its time to end: the end is not timed."""
SOON = Window(begin=0.25)
"""For davy's own, where half would be too short: nothing has to be compiled."""
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
    batch: int = LARGE
    """Records of a producer's batch, at most."""
    tallies: Callable[[Bench, str], Tallies] | None
    """What tells what its group counted; None where it counts nothing."""
    lacks: frozenset[str] = frozenset()
    """What it does not count."""


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


def written(bench: Bench, _group: str) -> Tallies:
    """What a peer in Python writes when it is done."""
    path = bench.folder / "totals.json"
    return json.loads(path.read_text()) if path.exists() else {}


def logged(bench: Bench, group: str) -> Tallies:
    """What Kafka Streams keeps of closed panes: the changelog of its store."""
    last: dict[bytes, int] = {}
    for record in _records(bench.flow.settings.bootstrap, f"{group}-judged-changelog"):
        last[record.key() or b""] = int.from_bytes(record.value() or b"", "big")
    found: Tallies = defaultdict(lambda: {"classes": {}, "latency": {}})
    for key, count in last.items():
        told, (what, which) = found[ARMS[key[8]]], (key[9], key[10:])
        match what:
            case 0:
                told["exposures"] = count
            case 1:
                told["errors"] = count
            case 2:
                told["latency"][str(int.from_bytes(which, "big", signed=True))] = count
            case _:
                told["classes"][which.decode()] = count
    return dict(found)


def module(name: str, *arguments: str) -> Callable[[], list[str]]:
    """A peer that runs in our own environment."""
    return lambda: [sys.executable, "-m", f"{HERE}.{name}", *arguments]


PEERS = (
    Peer(name="plain Faust agent", command=module("plain_faust"), events=150_000, tallies=written),
    Peer(name="Quix Streams", command=quix.command, events=1_000_000, tallies=written),
    Peer(name="Kafka Streams", command=kafka_streams.command, events=8_000_000, tallies=logged),
    Peer(
        name="Kafka Streams, batches of 10",
        command=kafka_streams.command,
        events=4_000_000,
        batch=10,
        tallies=logged,
    ),
    Peer(
        name="poller with pandas",
        command=module("poller"),
        events=1_000_000,
        tallies=written,
        lacks=frozenset({"latency"}),
    ),
    Peer(
        name="consume and drop",
        command=module("limits", "drop"),
        events=2_000_000,
        times=4,
        tallies=None,
    ),
    Peer(
        name="consume, decode and drop",
        command=module("limits", "decode"),
        events=2_000_000,
        times=2,
        tallies=None,
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


def davy(
    bootstrap: str,
    folder: Path,
    load: Load,
    *,
    workers: int = 1,
    batch: int = LARGE,
    window: Window = USUAL,
    **env: str,
) -> Rate:
    """One round of davy's workers, which judge too; their panes must hold what was published.

    `batch`: records of a producer's batch, at most; `window`: of which events is measured.
    """
    with Parts(folder) as parts:
        flow = _flow(bootstrap, parts)
        flow.apply(LIVE)
        confirm(flow, LIVE.rollout, load.first_ms)
        publish(load, flow.settings, batch=batch)
        fleet = [flow.worker(f"worker-{number}", **env) for number in range(workers)]
        events = len(load.records)
        rate = _rate(flow, *fleet, group=flow.settings.group, events=events, window=window)
        _check_panes(flow, load)
        _check_verdicts(flow.raw("decisions"), rate)
        for worker in fleet:
            assert worker.stop(grace_s=GRACE_S) == 0, worker.tail()
        return rate


def idle(bootstrap: str, folder: Path, load: Load) -> Rate:
    """A worker that has nothing to judge: it reads, decodes and looks for repetitions."""
    with Parts(folder) as parts:
        flow = _flow(bootstrap, parts)
        publish(load, flow.settings)
        worker, events = flow.worker(), len(load.records)
        rate = _rate(flow, worker, group=flow.settings.group, events=events, window=SOON)
        assert worker.stop(grace_s=GRACE_S) == 0, worker.tail()
        accepted = total(flow, "accepted")
        assert accepted == events, f"{accepted} of {events} events were accepted"
        return rate


def peer(bootstrap: str, folder: Path, load: Load, who: Peer) -> Rate:
    """One round of a peer."""
    with Parts(folder) as parts:
        bench = Bench(flow=_flow(bootstrap, parts), folder=folder)
        bench.create_topics()
        publish(load, bench.flow.settings, who.times, batch=who.batch)
        group, events = f"peer-{uuid.uuid4().hex}", len(load.records) * who.times
        part = parts.start("peer", who.command(), env=bench.environment(group, events))
        rate = _rate(bench.flow, part, group=group, events=events)
        if who.tallies is not None:
            _check_tallies(bench.flow, load, who, partial(who.tallies, bench, group))
            _check_verdicts(_records(bootstrap, bench.verdicts), rate)
        return rate


def _flow(bootstrap: str, parts: Parts) -> Pipeline:
    prefix = f"b{uuid.uuid4().hex[:8]}-"
    counts = {"source_partitions": PARTITIONS, "rollout_partitions": PARTITIONS}
    return Pipeline(bootstrap, prefix, parts, **counts, flush_ms=500, lateness_ms=2000)


def _rate(flow: Pipeline, *parts: Part, group: str, events: int, window: Window = USUAL) -> Rate:
    return measure(
        *parts,
        bootstrap=flow.settings.bootstrap,
        group=group,
        topic=flow.settings.topic("predictions"),
        partitions=PARTITIONS,
        events=events,
        window=window,
    )


def _check_tallies(flow: Pipeline, load: Load, who: Peer, tallies: Callable[[], Tallies]) -> None:
    asked = asked_of(load.facts, who.lacks)
    close_panes(load, flow.settings)
    what = f"{who.name} to have counted what was published"
    wait_until(lambda: tallies() == asked, what=what, deadline_s=SETTLES_S)


def _check_panes(flow: Pipeline, load: Load) -> None:
    close_panes(load, flow.settings)
    flow.eventually(lambda: closed_through(flow) >= load.last_pane, what="the last pane's end")
    check_panes(load.facts, flow.bodies("davy.Pane"))
    check_promotion(flow)


def _check_verdicts(verdicts: Iterable[Message], rate: Rate) -> None:
    """While it was measured; davy's are one for each second of its events' time."""
    at_s = (message.timestamp()[1] / 1000 for message in verdicts)
    check_verdicts(at_s, rate.began_s, rate.ended_s)


def _records(bootstrap: str, topic: str) -> Iterator[Message]:
    """All committed records of a topic with one partition; of none, nothing."""
    config = {
        "bootstrap.servers": bootstrap,
        "group.id": "reader",
        "enable.partition.eof": True,
        "isolation.level": "read_committed",
    }
    consumer = Consumer(config)
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        while (message := consumer.poll(10)) is not None:
            error = message.error()
            if error is None:
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:
                break
    finally:
        consumer.close()

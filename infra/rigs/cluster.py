"""How does an Apache Kafka of several nodes run here, whose nodes can die and come back?

Each node is broker and controller, small enough that three share two cores. Clients come in at
listeners by name; one behind a `Link` (see `links.py`) reaches the brokers through that link alone.
"""

from __future__ import annotations

import signal
import string
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from confluent_kafka.admin import AdminClient

from infra.rigs import kafka
from infra.rigs.links import Link, Network
from streams.demo.broker import QUIET, answers
from streams.demo.processes import HOST, Part, free_ports, wait_until
from streams.errors import PartError

HEAP = ("-Xms128m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
CLIENTS = "PLAINTEXT"
BETWEEN = "BETWEEN"
START_S = 120.0
WHOLE_S = 120.0
"""For a machine with much else to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One node's folder and ports, the same over all of its lives."""

    number: int
    folder: Path
    ports: Mapping[str, int]
    """Listener -> where the node listens."""
    told: Mapping[str, int]
    """Listener -> where clients and other nodes are told to go."""


class Node:
    """One node: it can be killed, stopped, paused and started again with its data and ports."""

    def __init__(self, place: Place, command: Sequence[str]) -> None:
        self.place = place
        self._command = command
        self.part = self._started()

    @property
    def number(self) -> int:
        """The node's id, from 1."""
        return self.place.number

    @property
    def bootstrap(self) -> str:
        """The node's plain address, through no link."""
        return f"{HOST}:{self.place.ports[CLIENTS]}"

    def kill(self) -> None:
        """SIGKILL: nothing is flushed, nobody is told."""
        self.part.kill()

    def stop(self) -> None:
        """Leave the cluster in order: leaders move away first."""
        self.part.stop(grace_s=START_S)

    def pause(self) -> None:
        """SIGSTOP: connections stay open, nothing is answered."""
        self.part.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self.part.signal(signal.SIGCONT)

    def start(self, *, wait: bool = True) -> None:
        """Run again where it was, unless it does; and wait until it answers."""
        if not self.part.running:
            self.part = self._started()
        if wait:
            self.wait_ready()

    def wait_ready(self) -> None:
        """Wait until the node answers clients."""
        what = f"node {self.number} answers"
        self.part.wait_until(lambda: answers(self.bootstrap), what=what, deadline_s=START_S)

    def _started(self) -> Part:
        name = f"kafka-{self.number}"
        return Part(name, self._command, log=self.place.folder / "kafka.log")


class Cluster:
    """Nodes that know each other. Use as a context manager, or `end` it."""

    def __init__(
        self, nodes: tuple[Node, ...], links: Mapping[str, Link], network: Network | None
    ) -> None:
        self.nodes = nodes
        self.network = network
        """Where more links can be opened, if links were asked for."""
        self.links = links
        """Listener -> the way to it: one door a node, in the order of the nodes."""
        self._admin = AdminClient({"bootstrap.servers": self.bootstrap(), **QUIET})

    def bootstrap(self, listener: str = CLIENTS) -> str:
        """Where a client of this listener begins."""
        return ",".join(f"{HOST}:{node.place.told[listener]}" for node in self.nodes)

    def leader(self, topic: str, partition: int = 0) -> Node:
        """The node that leads a partition, as those that answer see it, once they see one.

        A node that has just started may not know of the topic yet.
        """
        found: list[Node] = []

        def seen() -> bool:
            known = self._admin.list_topics(topic, timeout=10.0).topics[topic].partitions
            leads = known[partition].leader if partition in known else None
            found[:] = [node for node in self.nodes if node.number == leads]
            return bool(found)

        wait_until(seen, what=f"a leader of {topic}-{partition}", deadline_s=WHOLE_S)
        return found[0]

    def is_whole(self) -> bool:
        """Whether every node is up, and every partition has all of its replicas in sync."""
        seen = self._admin.list_topics(timeout=10.0)
        partitions = [p for topic in seen.topics.values() for p in topic.partitions.values()]
        return len(seen.brokers) == len(self.nodes) and all(
            set(p.isrs) == set(p.replicas) and p.leader in p.isrs for p in partitions
        )

    def wait_whole(self) -> None:
        """Wait until nothing is missing any more."""
        wait_until(self.is_whole, what="all replicas in sync", deadline_s=WHOLE_S)

    def sweep(self) -> None:
        """Delete all topics but Kafka's own: with thousands, nodes are slow to come back."""
        found = self._admin.list_topics(timeout=10.0).topics
        old = [name for name in found if not name.startswith("__")]
        gone = self._admin.delete_topics(old, operation_timeout=WHOLE_S) if old else {}
        for each in gone.values():
            each.result(2 * WHOLE_S)

    def isolate(self, node: Node) -> None:
        """Cut a node off from all others, both ways; its clients reach it still.

        Linux only: who comes from the isolated node is told by the tables of the system.
        """
        for name in (BETWEEN, "CONTROLLER"):
            for number, other in enumerate(self.nodes):
                door = self.links[name].one(number)
                door.cut(pid=None if other is node else node.part.pid)

    def rejoin(self) -> None:
        """Let all nodes reach each other again."""
        for name in (BETWEEN, "CONTROLLER"):
            self.links[name].heal()

    def end(self) -> None:
        """Kill all nodes: their data is of no use to anybody."""
        for node in self.nodes:
            node.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


def start(
    folder: Path,
    *,
    nodes: int = 3,
    network: Network | None = None,
    listeners: Sequence[str] = (),
    overrides: Mapping[str, str] | None = None,
) -> Cluster:
    """Start a cluster and wait until all of its nodes answer.

    Args:
        folder: For data, settings and logs, one folder a node.
        nodes: How many; with three, topics have three replicas of which two must be in sync.
        network: Where doors are opened; without it nothing can be cut.
        listeners: More ways in, by name (`WORKER`), each behind a link of its own.
        overrides: Broker properties on top of the rig's own.

    Raises:
        Absent: no Java or Maven.
        PartError: a node did not come up; with the end of its log.
    """
    names = (CLIENTS, BETWEEN, "CONTROLLER", *listeners)
    ports = [dict(zip(names, free_ports(len(names)), strict=True)) for _ in range(nodes)]
    behind = () if network is None else (BETWEEN, "CONTROLLER", *listeners)
    links = {name: network.link(*(p[name] for p in ports)) for name in behind if network}
    places = [
        Place(
            number=number + 1,
            folder=(folder / f"node-{number + 1}").resolve(),
            ports=own,
            told={n: links[n].ports[number] if n in links else own[n] for n in names},
        )
        for number, own in enumerate(ports)
    ]
    texts = ["\n".join(_settings(place, places, overrides or {})) for place in places]
    with ThreadPoolExecutor() as pool:
        commands = list(pool.map(_prepared, places, texts))
    return _ready(Cluster(tuple(map(Node, places, commands)), links, network))


def _ready(cluster: Cluster) -> Cluster:
    try:
        for node in cluster.nodes:
            node.wait_ready()
        cluster.wait_whole()
    except PartError:
        cluster.end()
        raise
    return cluster


def _prepared(place: Place, text: str) -> list[str]:
    return kafka.formatted(place.folder, text, options=HEAP)


def _settings(place: Place, places: Sequence[Place], overrides: Mapping[str, str]) -> Iterator[str]:
    """The lines of a node's settings: of lines with one name the last one holds."""
    text = string.Template((kafka.HERE / "server.properties").read_text())
    yield text.substitute(
        port=place.ports[CLIENTS],
        controller_port=place.ports["CONTROLLER"],
        folder=place.folder,
    )
    yield f"node.id={place.number}"
    voters = ",".join(f"{p.number}@{HOST}:{p.told['CONTROLLER']}" for p in places)
    yield f"controller.quorum.voters={voters}"
    for key, ports in (("listeners", place.ports), ("advertised.listeners", place.told)):
        yield f"{key}=" + ",".join(f"{name}://{HOST}:{port}" for name, port in ports.items())
    yield "listener.security.protocol.map=" + ",".join(f"{n}:PLAINTEXT" for n in place.ports)
    yield f"inter.broker.listener.name={BETWEEN}"
    yield from _replication(len(places))
    for key, value in overrides.items():
        yield f"{key}={value}"


def _replication(nodes: int) -> Iterator[str]:
    """Every topic survives one node, and a node that is gone is noticed within seconds.

    Not sooner: a machine with much to do keeps a node waiting for a second or two.
    """
    replicas, in_sync = min(3, nodes), min(2, nodes)
    for topic in ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic"):
        yield f"{topic}.replication.factor={replicas}"
    yield f"transaction.state.log.min.isr={in_sync}"
    yield f"share.coordinator.state.topic.min.isr={in_sync}"
    yield f"default.replication.factor={replicas}"
    yield f"min.insync.replicas={in_sync}"
    yield "broker.heartbeat.interval.ms=1000"
    yield "broker.session.timeout.ms=6000"
    yield "controller.quorum.fetch.timeout.ms=4000"
    yield "replica.lag.time.max.ms=6000"
    yield "replica.socket.timeout.ms=4000"

"""What does one lane do? It has its own Kafka and plays scenarios from a shared list.

A process of its own: its main thread starts every part, so they all end with it.
"""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import Queue
from pathlib import Path
from queue import Empty
from typing import Self

from infra.rigs import cluster
from infra.rigs.cache import Absent
from infra.rigs.cluster import Cluster
from infra.rigs.links import Network
from streams.demo.leash import PR_SET_PDEATHSIG
from tests.nursery import Nursery
from tests.soak.backends import Backends
from tests.soak.facts import Need, Report, Scenario, Tally
from tests.soak.play import Player
from tests.soak.registry import Registry, running
from tests.soak.scenarios import by_name

LISTENERS = ("WORKER", "ACTUATOR", "PRODUCER")
"""Clients that can be cut off, where a scenario needs that."""
MOST_NODES = 3
ENV = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One scenario to play."""

    scenario: str
    seed: int
    round: int


def run_lane(
    lane: int, folder: Path, brokers: int, todo: Sequence[Queue[Turn]], told: Queue[Report]
) -> None:
    """Play until nothing is left to do, one list after the other."""
    signal.signal(signal.SIGTERM, leave)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    with Lane(lane, folder / f"lane-{lane}", brokers) as here:
        for turns in todo:
            while (turn := _next(turns)) is not None:
                told.put(here.play(turn))


class Lane:
    """A Kafka, a nursery and what stands behind proxies. Use as a context manager."""

    def __init__(self, number: int, folder: Path, brokers: int) -> None:
        self._number, self._folder, self._brokers = number, folder, brokers
        self._held = ExitStack()
        self._kafka: tuple[bool, Cluster, ExitStack] | None = None
        self._registry: Registry | None = None
        self._started = 0

    def play(self, turn: Turn) -> Report:
        """One scenario's report."""
        scenario = by_name(turn.scenario)
        try:
            kafka = self._kafka_for(scenario)
            registry = self._registry_for(scenario)
        except Absent as absent:
            return _skipped(scenario, turn, self._number, str(absent))
        player = Player(kafka, self._nursery, self._backends, self._folder, self._number)
        report = player.play(scenario, turn.seed, turn.round, registry)
        if report.error:
            self._end_kafka()  # whatever state it is in, the next scenario begins with another
        return report

    def _kafka_for(self, scenario: Scenario) -> Cluster:
        """The lane's Kafka, another one where the scenario needs links and this one has none."""
        breakable = Need.CLUSTER in scenario.needs
        if self._kafka is not None and self._kafka[0] is not breakable:
            self._end_kafka()
        if self._kafka is None:
            self._kafka = self._started_kafka(breakable=breakable)
        _, kafka, _ = self._kafka
        for node in kafka.nodes:
            node.start()
        kafka.wait_whole()
        kafka.sweep()
        return kafka

    def _registry_for(self, scenario: Scenario) -> Registry | None:
        """The lane's registry, where the scenario needs one."""
        if Need.REGISTRY not in scenario.needs:
            return None
        if self._registry is None:
            self._registry = self._held.enter_context(running(self._folder / "registry"))
        self._registry.link.heal()
        return self._registry

    def _started_kafka(self, *, breakable: bool) -> tuple[bool, Cluster, ExitStack]:
        self._started += 1
        folder = self._folder / f"kafka-{self._started}"
        with ExitStack() as held:
            network = held.enter_context(Network(folder)) if breakable else None
            nodes = MOST_NODES if breakable else self._brokers
            listeners = LISTENERS if breakable else ()
            started = cluster.start(folder, nodes=nodes, network=network, listeners=listeners)
            held.enter_context(started)
            return breakable, started, held.pop_all()

    def _end_kafka(self) -> None:
        if self._kafka is not None:
            self._kafka[2].close()
            self._kafka = None

    def __enter__(self) -> Self:
        self._nursery = self._held.enter_context(Nursery(self._folder / "nursery.log", ENV))
        self._backends = self._held.enter_context(Backends())
        return self

    def __exit__(self, *_: object) -> None:
        self._end_kafka()
        self._held.close()


def _next(todo: Queue[Turn]) -> Turn | None:
    try:
        return todo.get(timeout=1.0)
    except Empty:
        return None


def _skipped(scenario: Scenario, turn: Turn, lane: int, why: str) -> Report:
    return Report(
        scenario=scenario.name,
        says=scenario.says,
        seed=turn.seed,
        round=turn.round,
        lane=lane,
        brokers=0,
        seconds=0.0,
        tally=Tally(),
        skipped=why,
        expects=scenario.expects,
    )


def leave(*_: object) -> None:
    """End by a signal as by an error: whatever runs is ended on the way."""
    raise SystemExit(143)

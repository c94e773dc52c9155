"""How soon does a killed worker judge again? With a thousand live cells, to verdicts of all.

A cell is an arm of a rollout in a segment: fifty rollouts of two arms, over nine segments and as a
whole. Each event goes to a cell of its own, so that all are alive when the worker is killed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import product
from typing import Self

import numpy as np
from confluent_kafka import Consumer, TopicPartition

from streams.demo.processes import Part
from streams.spec.dimensions import Dimension
from streams.spec.model import RolloutSpec, Stage, Target
from tests.agents.pipeline import Pipeline, spec
from tests.benchmarks.results import Row
from tests.load.bed import bed, pipeline, total

ROLLOUTS, SEGMENTS, ARMS = 50, 9, 2
CELLS = ROLLOUTS * ARMS * (SEGMENTS + 1)
MUST_S = 10.0
GROUP = {"session_timeout_s": 10.0, "heartbeat_s": 3.0, "instance_id": "one"}
"""A static member: what a StatefulSet's pod is."""


def rollout(number: int) -> RolloutSpec:
    """One of them: it stays in its first stage, whatever comes."""
    return spec(
        _name(number),
        service=f"s{number}",
        target=Target(router="memory", options={"name": _name(number)}),
        segments=(Dimension(name="tier", values=tuple(f"t{n}" for n in range(SEGMENTS))),),
        stages=(
            Stage(weight_bp=2500, min_time_s=3, min_exposures=10_000_000),
            Stage(weight_bp=10_000),
        ),
    )


def _name(number: int) -> str:
    return f"r{number:02d}"


class Stream:
    """Predictions for each cell, once a second, from a thread. Use as a context manager."""

    def __init__(self, flow: Pipeline) -> None:
        self._flow = flow
        self._dice = np.random.default_rng(1)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stream", daemon=True)
        self.sent = 0

    def _run(self) -> None:
        while not self._ended.wait(1.0 - time.time() % 1.0):
            self._flow.publish(self._events(time.time_ns() // 1_000_000))

    def _events(self, at_ms: int) -> Iterator[dict[str, object]]:
        for number, arm, segment in product(range(ROLLOUTS), range(ARMS), range(SEGMENTS)):
            self.sent += 1
            yield {
                "request_id": f"q{self.sent}",
                "service": f"s{number}",
                "model_version": f"v{arm + 1}",
                "completed_at": at_ms,
                "latency_ms": float(self._dice.lognormal(3.0, 0.4)),
                "status": "OK",
                "predicted_class": "1",
                "score": 0.5,
                "segments": {"tier": f"t{segment}"},
            }

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(30)


class Decisions:
    """Decisions as they come."""

    def __init__(self, flow: Pipeline) -> None:
        self._flow = flow
        config = {"group.id": "restart", "isolation.level": "read_committed"}
        self._reader = Consumer(flow.settings.confluent(**config))
        topic, count = flow.settings.topic("decisions"), flow.settings.rollout_partitions
        self._reader.assign([TopicPartition(topic, number, 0) for number in range(count)])

    def of_all(self, since_ms: int, worker: Part) -> list[float]:
        """Wait until each rollout has one since then; seconds to each by the records, sorted."""
        found: dict[str, int] = {}

        def there() -> bool:
            for message in self._reader.consume(1000, 0.1):
                at_ms = message.timestamp()[1]
                if message.error() is None and at_ms >= since_ms:
                    found.setdefault(str((message.key() or b"").decode()), at_ms)
            return len(found) == ROLLOUTS

        self._flow.eventually(there, what="decisions of all", parts=[worker], deadline_s=180)
        return sorted((at_ms - since_ms) / 1000 for at_ms in found.values())


def restarts(rounds: int) -> list[list[float]]:
    """Kill and start a worker so many times; seconds from each start to each rollout's decision."""
    with bed() as (bootstrap, parts):
        flow = pipeline(bootstrap, parts, **GROUP)
        for number in range(ROLLOUTS):
            flow.apply(rollout(number))
        worker, decisions, found = flow.worker("worker-0"), Decisions(flow), []
        with Stream(flow) as stream:
            decisions.of_all(0, worker)
            for number in range(rounds):
                worker.kill()
                began_ms = time.time_ns() // 1_000_000
                worker = flow.worker(f"worker-{number + 1}")
                found.append(decisions.of_all(began_ms, worker))
        flow.eventually(
            lambda: total(flow, "accepted") == stream.sent, what="all counted", parts=[worker]
        )
        return found


def rows(rounds: int) -> list[Row]:
    """The first verdict, and the last rollout's."""
    found = restarts(rounds)
    return [
        _row("first", tuple(each[0] for each in found)),
        _row("last", tuple(each[-1] for each in found)),
    ]


def _row(which: str, seconds: tuple[float, ...]) -> Row:
    return Row(
        name=f"restart with {CELLS} live cells: {which} rollout's verdict",
        value=max(seconds),
        unit="s",
        must=MUST_S,
        moonshot=None,
        better="lower",
        rounds=seconds,
        note="from the start of the process; the slowest of the rounds",
    )

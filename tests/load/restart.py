"""How soon does a killed worker judge again? With a thousand live cells, to verdicts of all.

A cell is an arm of a rollout in a segment: fifty rollouts of two arms, over nine segments and as a
whole. Each event goes to a cell of its own, so that all are alive when the worker is killed.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import numpy as np

from streams.demo.processes import Part
from streams.spec.dimensions import Dimension
from streams.spec.model import RolloutSpec, Stage, Target
from tests.agents.pipeline import Pipeline, spec
from tests.benchmarks.results import Row
from tests.load.bed import bed, pipeline

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
    """Predictions for each cell, once a second."""

    def __init__(self, flow: Pipeline) -> None:
        self._flow = flow
        self._dice = np.random.default_rng(1)
        self._sent = 0

    def second(self) -> None:
        """Publish one for every cell."""
        at_ms = time.time_ns() // 1_000_000
        self._flow.publish(self._events(at_ms))

    def _events(self, at_ms: int) -> Iterator[dict[str, object]]:
        for number in range(ROLLOUTS):
            for arm in range(ARMS):
                for segment in range(SEGMENTS):
                    self._sent += 1
                    yield {
                        "request_id": f"q{self._sent}",
                        "service": f"s{number}",
                        "model_version": f"v{arm + 1}",
                        "completed_at": at_ms,
                        "latency_ms": float(self._dice.lognormal(3.0, 0.4)),
                        "status": "OK",
                        "predicted_class": "1",
                        "score": 0.5,
                        "segments": {"tier": f"t{segment}"},
                    }


def decided_ms(flow: Pipeline, since_ms: int) -> dict[str, int]:
    """When each rollout's first decision since then was written, by the broker's records."""
    found: dict[str, int] = {}
    for message, record in flow.read("decisions"):
        at_ms = message.timestamp()[1]
        if at_ms >= since_ms:
            found.setdefault(record["rollout"], at_ms)
    return found


def all_decided(flow: Pipeline, stream: Stream, worker: Part, since_ms: int) -> list[float]:
    """Publish on until each rollout has a decision; seconds to each, sorted."""
    found: dict[str, int] = {}

    def there() -> bool:
        stream.second()
        found.update(decided_ms(flow, since_ms))
        return len(found) == ROLLOUTS

    flow.eventually(there, what="decisions of all", parts=[worker], deadline_s=120)
    return sorted((at_ms - since_ms) / 1000 for at_ms in found.values())


def restarts(rounds: int) -> list[list[float]]:
    """Kill and start a worker so many times; seconds from each start to each rollout's decision."""
    with bed() as (bootstrap, parts):
        flow = pipeline(bootstrap, parts, **GROUP)
        for number in range(ROLLOUTS):
            flow.apply(rollout(number))
        stream, worker = Stream(flow), flow.worker("worker-0")
        all_decided(flow, stream, worker, 0)
        found = []
        for number in range(rounds):
            worker.signal(signal.SIGKILL)
            stream.second()
            began_ms = time.time_ns() // 1_000_000
            worker = flow.worker(f"worker-{number + 1}")
            found.append(all_decided(flow, stream, worker, began_ms))
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

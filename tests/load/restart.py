"""How soon does a killed worker judge again? How long do verdicts pause as workers are replaced?

With a thousand live cells, to verdicts of all. A cell is an arm of a rollout in a segment: fifty
rollouts of two arms, over nine segments and as a whole. Each event goes to a cell of its own, so
that all are alive when a worker goes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Self

import numpy as np
from confluent_kafka import Consumer, TopicPartition

from streams.demo.processes import Part
from streams.settings import Settings
from streams.spec.dimensions import Dimension
from streams.spec.model import RolloutSpec, Stage, Target
from tests.agents.pipeline import Pipeline, spec
from tests.benchmarks.results import Row
from tests.load.bed import bed, pipeline, total

ROLLOUTS, SEGMENTS, ARMS = 50, 9, 2
CELLS = ROLLOUTS * ARMS * (SEGMENTS + 1)
MUST_S = 10.0
GROUP = {"session_timeout_s": 10.0, "heartbeat_s": Settings.model_fields["heartbeat_s"].default}
PAUSE_S = GROUP["session_timeout_s"] + 5.0
STATIC = {"DAVY_INSTANCE_ID": "one"}
"""A static member, which a StatefulSet's pod is: it need not be missed before it may come back."""
READY = "worker started"
"""What it says once it has all that the group gave it, which may be nothing yet."""


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
    """Decisions as they come, by the times on their records."""

    def __init__(self, flow: Pipeline) -> None:
        self._flow = flow
        self._at_ms: dict[str, list[int]] = {}
        config = {"group.id": "restart", "isolation.level": "read_committed"}
        self._reader = Consumer(flow.settings.confluent(**config))
        topic, count = flow.settings.topic("decisions"), flow.settings.rollout_partitions
        self._reader.assign([TopicPartition(topic, number, 0) for number in range(count)])

    def of_all(self, since_ms: int, worker: Part) -> list[float]:
        """Wait until each rollout has one since then; seconds to each, sorted."""

        def first() -> list[int]:
            later = ([at for at in all_ms if at >= since_ms] for all_ms in self._at_ms.values())
            return [found[0] for found in later if found]

        def there() -> bool:
            self._read()
            return len(first()) == ROLLOUTS

        self._flow.eventually(there, what="decisions of all", parts=[worker], deadline_s=180)
        return sorted((at - since_ms) / 1000 for at in first())

    def pauses(self, since_ms: int) -> list[float]:
        """The longest time between two decisions of each rollout since then, in s, sorted."""
        spans = (pairwise(all_ms) for all_ms in self._at_ms.values())
        return sorted(max((b - a) / 1000 for a, b in span if b >= since_ms) for span in spans)

    def _read(self) -> None:
        for message in self._reader.consume(1000, 0.1):
            if message.error() is None:
                rollout = (message.key() or b"").decode()
                self._at_ms.setdefault(rollout, []).append(message.timestamp()[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """Seconds to each rollout's next verdict, sorted, time by time."""

    killed: list[list[float]]
    """From the start of the worker that follows a killed one."""
    replaced: list[list[float]]
    """Between two verdicts, while one of two workers ends and then another one is started."""
    relieved: list[list[float]]
    """The same, where the other one is ready before the first is told to end."""


def waits(rounds: int) -> Waits:
    """Kill and start a worker so many times; then let two workers be replaced, one by one."""
    with bed() as (bootstrap, parts):
        flow = pipeline(bootstrap, parts, **GROUP)
        for number in range(ROLLOUTS):
            flow.apply(rollout(number))
        fleet, decisions = [flow.worker("worker-0", **STATIC)], Decisions(flow)
        with Stream(flow) as stream:
            decisions.of_all(0, fleet[0])
            killed = [_killed(flow, fleet, decisions, number) for number in range(rounds)]
            _made_two(flow, fleet, decisions)
            replaced = [_replaced(flow, fleet, decisions, f"replaced-{n}") for n in range(2)]
            relieved = [_relieved(flow, fleet, decisions, f"relieved-{n}") for n in range(2)]
        flow.eventually(
            lambda: total(flow, "accepted") == stream.sent, what="all counted", parts=fleet
        )
        return Waits(killed=killed, replaced=replaced, relieved=relieved)


def _killed(flow: Pipeline, fleet: list[Part], decisions: Decisions, number: int) -> list[float]:
    fleet.pop().kill()
    began_ms = time.time_ns() // 1_000_000
    fleet.append(flow.worker(f"killed-{number}", **STATIC))
    return decisions.of_all(began_ms, fleet[0])


def _made_two(flow: Pipeline, fleet: list[Part], decisions: Decisions) -> None:
    """Two ordinary members in the place of the static one, both at work."""
    assert fleet.pop().stop() == 0
    fleet += [flow.worker("left"), flow.worker("right")]
    _ready(flow, fleet)
    decisions.of_all(time.time_ns() // 1_000_000, fleet[0])


def _ready(flow: Pipeline, fleet: list[Part]) -> None:
    def said() -> bool:
        return all(READY in each.log.read_text() for each in fleet)

    flow.eventually(said, what="workers that are ready", parts=fleet)


def _replaced(flow: Pipeline, fleet: list[Part], decisions: Decisions, name: str) -> list[float]:
    began_ms = time.time_ns() // 1_000_000
    assert fleet.pop(0).stop() == 0
    fleet.append(flow.worker(name))
    return _paused(flow, fleet, decisions, began_ms)


def _relieved(flow: Pipeline, fleet: list[Part], decisions: Decisions, name: str) -> list[float]:
    began_ms = time.time_ns() // 1_000_000
    fleet.append(flow.worker(name))
    _ready(flow, fleet)  # the two before it keep their partitions: they are few
    assert fleet.pop(0).stop() == 0
    return _paused(flow, fleet, decisions, began_ms)


def _paused(flow: Pipeline, fleet: list[Part], decisions: Decisions, began_ms: int) -> list[float]:
    """The pauses until two are at work, and all are judged again."""
    _ready(flow, fleet)
    decisions.of_all(time.time_ns() // 1_000_000, fleet[0])
    return decisions.pauses(began_ms)


def rows(rounds: int) -> list[Row]:
    """The first verdict and the last after a kill, and the longest pause of a rolling restart."""
    told = waits(rounds)
    name = f"restart with {CELLS} live cells"
    return [
        _row(f"{name}: first rollout's verdict", [each[0] for each in told.killed], MUST_S),
        _row(f"{name}: last rollout's verdict", [each[-1] for each in told.killed], MUST_S),
        _row(
            "rolling restart of two workers: longest wait for a verdict",
            [each[-1] for each in told.replaced],
            PAUSE_S,
        ),
        _row(
            "rolling restart, the new worker first: longest wait for a verdict",
            [each[-1] for each in told.relieved],
            PAUSE_S,
        ),
    ]


def _row(name: str, seconds: list[float], must: float) -> Row:
    return Row(
        name=name,
        value=max(seconds),
        unit="s",
        must=must,
        moonshot=None,
        better="lower",
        rounds=tuple(seconds),
        note="the slowest of the rounds; starting Python included",
    )

"""A judge that ends or stops at a step, and another that goes on: what stands on the log?"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from streams.agents.desk import routing_fact
from streams.demo.processes import Part, Parts, wait_until
from streams.judge.chain import body_hash
from streams.judge.record import decision_from_record
from streams.replay.rollout import rejudged
from tests.agents.pipeline import Pipeline, Traffic, spec
from tests.environment import environment_of
from tests.failover.steps import END, TRACE

ROLLOUT = "digits-v2"
QUICK = {"source_partitions": 1, "rollout_partitions": 1, "session_timeout_s": 3.0}


def worker(pipeline: Pipeline, name: str, trace: Path, *, end: str = "") -> Part:
    """`davy worker` whose judge goes step by step; `end`: see `steps`."""
    env = environment_of(pipeline.settings) | {TRACE: str(trace), END: end}
    command = [sys.executable, "-m", "tests.failover.judge_steps", "worker"]
    return pipeline.parts.start(name, command, env=env)


def begin(pipeline: Pipeline, part: Part, error_rate: float) -> Iterator[list[dict[str, Any]]]:
    """A rollout whose first stage may begin; events by stretches of three seconds."""
    pipeline.apply(spec())
    start = time.time_ns() // 1_000_000 - 40_000
    traffic = Traffic(seconds=36.0, rate=100.0, error_rates=(0.01, error_rate))
    events = list(traffic.events(start))
    wait_until(
        lambda: not part.running or bool(pipeline.bodies("davy.Activation")),
        what="activation",
        deadline_s=120,
    )
    pipeline.routed(ROLLOUT, "observed", 0, start - 60_000, 0)
    pipeline.routed(ROLLOUT, "applied", 2500, start + 3000, 1)
    cuts = [*range(0, len(events), len(events) // 12), len(events)]
    return iter([events[a:b] for a, b in pairwise(cuts)])


def play(pipeline: Pipeline, trace: Path, end: str, error_rate: float) -> bool:
    """A rollout to its end, judged by `a` up to a step and then by `b`; whether it got there."""
    first = worker(pipeline, "a", trace, end=end)
    for stretch in begin(pipeline, first, error_rate):
        pipeline.publish(stretch)
    over = "decided to the end"
    wait_until(lambda: not first.running or _is_over(pipeline), what=over, deadline_s=120)
    reached = not first.running
    if reached:
        second = worker(pipeline, "b", trace)
        pipeline.eventually(lambda: _is_over(pipeline), what=over, parts=[second], deadline_s=120)
    check(pipeline)
    return reached and first.exit_code == -signal.SIGKILL


def _is_over(pipeline: Pipeline) -> bool:
    return any(record["terminal"] for record in pipeline.decisions())


def check(pipeline: Pipeline) -> None:
    """Every decision once, numbered and chained, and such as the log asks for."""
    decisions = pipeline.decisions()
    values = [message.value()[5:] for message in pipeline.raw("decisions")]
    assert [record["seq"] for record in decisions] == list(range(1, len(decisions) + 1))
    links = [record["prev_hash"] for record in decisions]
    assert links == ["", *(body_hash(value) for value in values[:-1])]
    routing = [routing_fact(m.offset(), record) for m, record in pipeline.read("routing")]
    panes = [record for _, record in pipeline.read("panes")]
    facts = [decision_from_record(record) for record in decisions]
    assert values == rejudged(spec(), panes, routing, [], facts)


def staged(bootstrap: str, prefix: str, folder: Path, end: str, error_rate: float) -> bool:
    """`play` on topics and a folder of its own."""
    with Parts(folder / "logs") as parts:
        pipeline = Pipeline(bootstrap, prefix, parts, **QUICK)
        return play(pipeline, folder / "trace.jsonl", end, error_rate)

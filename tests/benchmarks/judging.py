"""What does judging cost, and sketching? CPU of one thread, without Kafka around it."""

from __future__ import annotations

import time

import numpy as np

from streams.judge.facts import Cut
from streams.judge.rollout import RolloutJudge
from streams.sketches.log_histogram import LogHistogram
from streams.spec.metric_facts import Metric, MetricKind
from streams.spec.model import FULL_BP, Candidate, Stage
from tests.benchmarks.results import Row, of_rounds
from tests.judge.world import ALL_METRICS, GOOD, PANE_MS, World, make_spec

PANES = 900
REQUESTS = 200
"""A pane, over all arms: every pane closes a stratum."""
FEWER, BUSIER = 300, 50
VALUES = 2_000_000
QUANTILES = (60, 70, 80, 90)


def rows(rounds: int) -> list[Row]:
    """The figures that need no broker."""
    return [_judging(rounds), _busier(rounds), _sketching(rounds)]


def _busier(rounds: int) -> Row:
    """What a verdict costs does not depend on how much was counted."""
    pairs = [(_ms_per_pane(FEWER), _ms_per_pane(FEWER, BUSIER * REQUESTS)) for _ in range(rounds)]
    ratios = tuple(busy / quiet for quiet, busy in pairs)
    return of_rounds(
        name=f"judging a pane with {BUSIER} times the requests / as it was",
        unit="ratio",
        must=1.3,
        better="lower",
        rounds=ratios,
        note=f"{FEWER} panes, in turn",
    )


def _judging(rounds: int) -> Row:
    spent = [_ms_per_pane() for _ in range(rounds)]
    return of_rounds(
        name="judging a pane: 12 metrics, 3 arms",
        unit="ms of CPU",
        must=1.0,
        better="lower",
        rounds=spent,
        note=f"a decision every ten of {PANES} panes, and Kayenta's judge beside it each minute",
    )


def _ms_per_pane(panes: int = PANES, requests: int = REQUESTS) -> float:
    more = (
        Metric(name=f"p{q}", kind=MetricKind.LATENCY, quantile=q / 100, margin=0.3)
        for q in QUANTILES
    )
    spec = make_spec(
        candidates=(Candidate(name="a", version="v2"), Candidate(name="b", version="v3")),
        metrics=(*ALL_METRICS, *more),
        stages=(Stage(weight_bp=5_000, min_time_s=1e6), Stage(weight_bp=FULL_BP)),
        report_every_s=10,
    )
    world = World(spec=spec, models={"a": GOOD, "b": GOOD}, rate=requests)
    judge, spent = RolloutJudge(spec, PANE_MS), 0.0
    for second in range(panes):
        pane = world.pane(second)
        world.confirm(pane.start_ms)
        routing = world.read()
        cut = Cut(pane=pane.pane, routing_offset=world.offset)
        start = time.process_time()
        decision = judge.step(pane, cut, routing)
        spent += time.process_time() - start
        if decision:
            world.obey(decision, pane.end_ms)
    return 1000 * spent / panes


def _sketching(rounds: int) -> Row:
    values = np.random.default_rng(1).lognormal(3.0, 1.0, VALUES)
    rates = []
    for _ in range(rounds):
        start = time.process_time()
        LogHistogram().update(values)
        rates.append(VALUES / (time.process_time() - start))
    return of_rounds(
        name="latencies into a sketch, batched",
        unit="values/CPU-s",
        must=1e7,
        rounds=rates,
    )

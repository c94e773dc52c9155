"""Users who come and send requests that fail, and are slow, together: through fold and judge."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from streams.evidence.fixed import Floats, Ints
from streams.judge.decision_facts import Decision, Finding
from streams.judge.facts import Cut, PaneInput
from streams.judge.rollout import RolloutJudge
from streams.panes.facts import PaneClock
from streams.panes.fold import PartitionFold
from streams.spec.model import RolloutSpec
from streams.wire.columns import Coded, PredictionColumns

PANE_MS = 10_000
START_MS = 1_700_000_000_000
CLOCK = PaneClock(pane_ms=PANE_MS, lateness_ms=0, future_ms=1 << 50, dedupe=False)
FIRST = START_MS // PANE_MS
WITHIN = 0.4
"""Standard deviation of the logarithm of one user's latencies."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Log:
    """Requests in order of time; arrays of one entry each."""

    user: Ints
    pane: Ints
    failed: Ints
    latency_ms: Floats
    candidate: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Users:
    """Each sends 1 to 200 requests and has an error rate and a pace of his own; no arm is worse.

    `icc` is the correlation of two requests of one user, of their errors and of their latencies'
    logarithms. A user is the candidate's while his number, uniform in [0, 1], is below its share.
    """

    seed: int
    icc: float
    users: int = 300
    rate: float = 0.02
    shares: tuple[float, ...] = (0.5,) * 90
    """The candidate's, pane by pane."""
    stay: float = 0.05
    """For which part of the time a user sends."""
    ratio: float = 1.0
    """How much likelier the candidate's errors are."""

    def log(self) -> Log:
        """What happened."""
        rng = np.random.default_rng(self.seed)
        requests, pool = rng.integers(1, 201, self.users), 1.0 / self.icc - 1.0
        rates = rng.beta(self.rate * pool, (1 - self.rate) * pool, self.users)
        between = WITHIN * np.sqrt(self.icc / (1 - self.icc))
        pace = np.exp(rng.normal(3.0, between, self.users))
        number = rng.random(self.users)
        user = np.repeat(np.arange(self.users), requests)
        start = rng.random(self.users) * (1 - self.stay)
        pane = start[user] + self.stay * rng.random(user.size)
        order = np.argsort(pane)
        user, pane = user[order], (pane[order] * len(self.shares)).astype(np.int64)
        candidate = number[user] < np.array(self.shares)[pane]
        failed = rng.random(user.size) < rates[user] * np.where(candidate, self.ratio, 1.0)
        latency_ms = pace[user] * np.exp(rng.normal(0.0, WITHIN, user.size))
        return Log(
            user=user,
            pane=pane,
            failed=failed.astype(np.int64),
            latency_ms=latency_ms,
            candidate=candidate.astype(np.int64),
        )


def columns(log: Log) -> PredictionColumns:
    """The log as it comes from the wire, in one batch."""
    size = log.user.size
    nothing = np.full(size, np.nan)
    return PredictionColumns(
        row=np.arange(size),
        event_ms=START_MS + log.pane * PANE_MS,
        latency_ms=log.latency_ms,
        status=log.failed.astype(np.int8),
        score=nothing,
        confidence=nothing,
        service=Coded.of(np.zeros(size, np.int32), ("digits",)),
        version=Coded.of(log.candidate.astype(np.int32), ("v1", "v2")),
        predicted_class=Coded.of(np.full(size, -1, np.int32), ()),
        invalid_shares=0,
        rejected=(),
        request_ids=pa.array(np.arange(size).astype(str)),
        units=pa.array(log.user.astype(str)),
        segments=None,
        llm_parts=pa.nulls(size),
    )


def panes(log: Log, spec: RolloutSpec) -> Iterator[PaneInput]:
    """What the fold makes of it, pane by pane; the last one stays open."""
    fold, batch = PartitionFold(CLOCK), columns(log)
    fold.activate(spec)
    size = log.user.size
    closed, _ = fold.fold(batch, np.full(size, START_MS), np.arange(size), end_offset=size)
    found = {pane.pane: pane.cells for pane in closed}
    for pane in range(FIRST, max(found) + 1):
        yield PaneInput(pane=pane, pane_ms=PANE_MS, cells=found.get(pane, {}))


def judged(log: Log, spec: RolloutSpec) -> list[Decision]:
    """Every decision on it, without a router's word."""
    judge = RolloutJudge(spec, PANE_MS)
    steps = (judge.step(pane, Cut(pane=pane.pane)) for pane in panes(log, spec))
    return [decision for decision in steps if decision is not None]


def harmed(log: Log, spec: RolloutSpec) -> bool:
    """Whether harm was found."""
    verdicts = [verdict for decision in judged(log, spec) for verdict in decision.verdicts]
    return any(verdict.finding is Finding.HARM for verdict in verdicts)

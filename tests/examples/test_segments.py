"""`segments.yaml` from events to decisions: one country fails, and only that country goes back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from streams.actuator.ports import Desired, Fence
from streams.actuator.routers import open_router
from streams.cli.target import check_route
from streams.judge.facts import Action, Cut, Decision, PaneInput, RoutingFact, RoutingPhase
from streams.judge.rollout import RolloutJudge
from streams.panes.facts import PaneClock
from streams.panes.fold import PartitionFold
from streams.spec.load import load_spec
from streams.spec.model import ALL_SEGMENT, BASELINE, FULL_BP, RolloutSpec
from streams.wire.codec import Codec
from streams.wire.columns import decode_predictions
from streams.wire.store import LocalSchemaStore

EXAMPLE = Path(__file__).parents[2] / "infra" / "examples" / "segments.yaml"
CODEC = Codec(LocalSchemaStore())
START_MS = 1_700_000_000_000
CLOCK = PaneClock(pane_ms=1000, lateness_ms=0, future_ms=1000)
COUNTRIES, TIERS = ("SG", "DE", "FR"), ("free", "pro")
RATE = 500
ERRORS = 0.02
HARM = {"country=SG": 0.3}


@dataclass
class Edge:
    """Requests as they come in, and the router's weights by segment."""

    spec: RolloutSpec
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(5))

    def __post_init__(self) -> None:
        self.router = open_router(self.spec.target, self.spec.arms)
        self.since_ms, self.offset, self.seq = START_MS, 0, 0

    def second(self, at_ms: int) -> list[dict[str, Any]]:
        """The predictions of one second, spread over it."""
        weights = self.router.observe().weights_bp
        return [self._prediction(at_ms + n * 1000 // RATE, weights) for n in range(RATE)]

    def _prediction(self, at_ms: int, weights: Any) -> dict[str, Any]:
        country = COUNTRIES[int(self.rng.choice(3, p=(0.1, 0.6, 0.3)))]
        segments = {"country": country, "tier": TIERS[int(self.rng.random() < 0.3)]}
        named = [f"{name}={value}" for name, value in segments.items()]
        own = next((weights[name] for name in named if name in weights), weights[ALL_SEGMENT])
        candidate = self.rng.random() < own["candidate"] / FULL_BP
        failed = self.rng.random() < (HARM.get(named[0], ERRORS) if candidate else ERRORS)
        return {
            "request_id": f"r{self.rng.integers(2**62)}",
            "service": self.spec.service,
            "model_version": "v2" if candidate else "v1",
            "completed_at": at_ms,
            "latency_ms": 10.0,
            "status": "ERROR" if failed else "OK",
            "segments": segments,
        }

    def obey(self, decision: Decision, at_ms: int) -> None:
        """Give the router what was decided."""
        if decision.weights_bp != self.router.observe().weights_bp:
            fence = Fence(rollout=decision.rollout, seq=decision.seq)
            self.router.apply(Desired(weights_bp=decision.weights_bp), expect=None, fence=fence)
            self.since_ms, self.seq = at_ms, decision.seq

    def fact(self, at_ms: int) -> RoutingFact:
        """What the router has."""
        seen = {name: dict(arms) for name, arms in self.router.observe().weights_bp.items()}
        self.offset += 1
        return RoutingFact(
            offset=self.offset - 1,
            phase=RoutingPhase.OBSERVED,
            at_ms=at_ms,
            weights_bp=seen.pop(ALL_SEGMENT),
            segments_bp=seen,
            since_ms=self.since_ms,
            confirmed_until_ms=at_ms,
            fence=self.seq,
        )


def decisions(spec: RolloutSpec, seconds: int) -> Iterator[Decision]:
    """Events through decoding, folding and judging, second by second."""
    edge, fold, judge = Edge(spec), PartitionFold(CLOCK), RolloutJudge(spec, CLOCK.pane_ms)
    fold.activate(spec)
    offset = 0
    for second in range(seconds):
        now_ms = START_MS + second * 1000
        values = [CODEC.encode("predictions", event) for event in edge.second(now_ms)]
        columns = decode_predictions(values, CODEC)
        offsets = np.arange(offset, offset + RATE)
        offset += RATE
        closed, _ = fold.fold(columns, columns.event_ms, offsets, end_offset=offset)
        for pane in closed:
            fact = edge.fact(now_ms)
            cut = Cut(pane=pane.pane, routing_offset=edge.offset)
            given = PaneInput(pane=pane.pane, pane_ms=CLOCK.pane_ms, cells=pane.cells)
            decision = judge.step(given, cut, [fact])
            if decision is not None:
                edge.obey(decision, now_ms)
                yield decision


def test_one_country_goes_back_the_others_are_promoted() -> None:
    loaded = load_spec(EXAMPLE)
    check_route(loaded)
    told = list(decisions(loaded.spec, 120))
    home = {BASELINE: FULL_BP, "candidate": 0}
    assert [d.reason.partition(":")[0] for d in told].count("slice_dropped") == 1
    assert told[-1].action is Action.PROMOTE
    assert told[-1].weights_bp == {
        ALL_SEGMENT: {BASELINE: 0, "candidate": FULL_BP},
        "country=SG": home,
    }

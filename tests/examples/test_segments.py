"""`segments.yaml` from events to decisions: one country fails, and only that country goes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from streams.actuator.actor import RolloutActor
from streams.actuator.audience import audience_of
from streams.actuator.facts import LeaseFact
from streams.actuator.ports import Segments
from streams.actuator.records import decision_fact, routing_to_record
from streams.actuator.routers import open_router
from streams.agents.desk import routing_fact
from streams.cli.target import check_route
from streams.judge.chain import decision_body
from streams.judge.decision_facts import Action, Decision
from streams.judge.facts import Cut, PaneInput, RoutingFact
from streams.judge.record import decision_to_record
from streams.judge.rollout import RolloutJudge
from streams.panes.facts import PaneClock
from streams.panes.fold import PartitionFold
from streams.spec.load import load_spec
from streams.spec.model import ALL_SEGMENT, BASELINE, FULL_BP, RolloutSpec
from streams.wire.codec import Codec
from streams.wire.columns import decode_predictions
from streams.wire.framing import frame
from streams.wire.store import LocalSchemaStore
from tests.actuator.world import RECONCILE_S, HandClock, HandTenure, ListJournal

EXAMPLE = Path(__file__).parents[2] / "infra" / "examples" / "segments.yaml"
CODEC = Codec(LocalSchemaStore())
FRAME = frame(0, b"")
"""Stands before a body in the log."""
CLOCK = PaneClock(pane_ms=1000, lateness_ms=0, future_ms=1000)
COUNTRIES, TIERS = ("SG", "DE", "FR"), ("free", "pro")
RATE = 500
ERRORS = 0.02
HARM = {"country=SG": 0.3}


class Edge:
    """Requests as they come in, split by davy's actuator as it is told."""

    def __init__(self, spec: RolloutSpec) -> None:
        self.spec, self.rng, self.clock = spec, np.random.default_rng(5), HandClock()
        self.router = open_router(spec.target, spec.arms, audience_of(spec))
        self.journal, self.read = ListJournal(), 0
        self.actor = RolloutActor(
            spec, self.router, self.journal, self.clock, HandTenure(), RECONCILE_S
        )

    def second(self, at_ms: int) -> list[dict[str, Any]]:
        """The predictions of one second, spread over it."""
        weights = self.router.observe().weights_bp
        return [self._prediction(at_ms + n * 1000 // RATE, weights) for n in range(RATE)]

    def _prediction(self, at_ms: int, weights: Segments) -> dict[str, Any]:
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

    def obey(self, decision: Decision | None) -> None:
        """A second passes: the judge is heard, a decision perhaps, and the actuator acts."""
        spec = self.spec
        lease = LeaseFact(rollout=spec.rollout, spec_hash=spec.spec_hash, valid_s=30, ended=False)
        self.clock.now += 1
        self.actor.hear(lease)
        if decision is not None:
            body = decision_body(decision)
            self.actor.decide(decision_fact(decision_to_record(decision), FRAME + body))
        self.actor.step()

    def facts(self) -> list[RoutingFact]:
        """Routing records that are new, as the judge reads them."""
        fresh = enumerate(self.journal.records[self.read :], start=self.read)
        found = [routing_fact(offset, routing_to_record(record)) for offset, record in fresh]
        self.read += len(found)
        return found


def decisions(spec: RolloutSpec, seconds: int) -> Iterator[Decision]:
    """Events through decoding, folding, judging and acting, second by second."""
    edge, fold, judge = Edge(spec), PartitionFold(CLOCK), RolloutJudge(spec, CLOCK.pane_ms)
    fold.activate(spec)
    offset = 0
    for _ in range(seconds):
        values = [CODEC.encode("predictions", e) for e in edge.second(edge.clock.wall_ms())]
        columns = decode_predictions(values, CODEC)
        offsets = np.arange(offset, offset + RATE)
        offset += RATE
        closed, _ = fold.fold(columns, columns.event_ms, offsets, end_offset=offset)
        for pane in closed:
            routing = edge.facts()
            cut = Cut(pane=pane.pane, routing_offset=edge.read)
            given = PaneInput(pane=pane.pane, pane_ms=CLOCK.pane_ms, cells=pane.cells)
            decision = judge.step(given, cut, routing)
            edge.obey(decision)
            if decision is not None:
                yield decision
        if not closed:
            edge.obey(None)


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

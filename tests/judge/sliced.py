"""A world whose requests have segments, and whose target can keep a slice at the baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from streams.judge.decision_facts import Decision
from streams.judge.facts import PaneInput, RoutingFact, RoutingPhase
from streams.panes.segments import slicing_of
from streams.sketches.cell import Cell
from streams.spec.dimensions import Dimension, SegmentHarm
from streams.spec.model import ALL_SEGMENT, BASELINE, FULL_BP, RolloutSpec
from tests.judge.world import GOOD, PANE_MS, START, Model, World, make_spec

COUNTRY = Dimension(name="country", values=("DE", "SG"))
TIER = Dimension(name="tier", values=("free", "pro"))
SHARES = {
    "country": {"DE": 0.75, "SG": 0.05, "other": 0.2},
    "tier": {"free": 0.7, "pro": 0.2, "other": 0.1},
}


def sliced_spec(
    harm: SegmentHarm = SegmentHarm.SEGMENT,
    dimensions: tuple[Dimension, ...] = (COUNTRY, TIER),
    **changes: object,
) -> RolloutSpec:
    """`make_spec` with declared segments."""
    return make_spec(**{"segments": dimensions, "on_segment_harm": harm} | changes)


@dataclass(kw_only=True)
class SlicedWorld(World):
    """Every combination of values has its share of the requests, each dimension by itself."""

    slices: Mapping[str | tuple[str, str], Model] = field(default_factory=dict)
    """Slice, or slice and candidate -> how candidates, or that one, answer there."""
    own: dict[str, dict[str, int]] = field(default_factory=dict)
    """Weights of segments that have their own at the target."""
    can_target: bool = True
    """Whether it does what is asked for single slices."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.slicing = slicing_of(self.spec)
        self.mix = [
            (tuple(f"{d.name}={v}" for d, v in zip(self.spec.segments, values, strict=True)), share)
            for values, share in self._mix()
        ]

    def _mix(self) -> list[tuple[tuple[str, ...], float]]:
        found = []
        names = [[*d.values, "other"] for d in self.spec.segments]
        for values in product(*names):
            share = 1.0
            for dimension, value in zip(self.spec.segments, values, strict=True):
                share *= SHARES[dimension.name][value]
            found.append((values, share))
        return found

    def pane(self, second: int) -> PaneInput:
        """Requests of one second, of every combination."""
        cells: dict[tuple[str, str], Cell] = {}
        for number, (slices, share) in enumerate(self.mix):
            for arm, n in self._arms(slices, share).items():
                cell = self._model(arm, slices).answer(n, self.rng)
                for name in (ALL_SEGMENT, *self.slicing.names(number)) if n else ():
                    cells.setdefault((name, arm), Cell()).merge(cell)
        pane = PaneInput(pane=START + second, pane_ms=PANE_MS, cells=cells)
        self.panes.append(pane)
        return pane

    def _arms(self, slices: tuple[str, ...], share: float) -> dict[str, int]:
        weights = next((self.own[name] for name in slices if name in self.own), self.weights)
        parts = [weights[arm] / FULL_BP for arm in self.spec.arms]
        counts = self.rng.multinomial(self.rng.poisson(self.rate * share), parts)
        return dict(zip(self.spec.arms, counts.tolist(), strict=True))

    def _model(self, arm: str, slices: tuple[str, ...]) -> Model:
        if arm == BASELINE:
            return GOOD
        keys = [key for name in slices for key in ((name, arm), name) if key in self.slices]
        return self.slices[keys[0]] if keys else self.models.get(arm, GOOD)

    def obey(self, decision: Decision, now_ms: int) -> None:
        """Slices first: their own weights, if the target can."""
        asked = {s: w for s, w in decision.weights_bp.items() if s != ALL_SEGMENT}
        if asked != self.own and self.can_target:
            self.own = {segment: dict(weights) for segment, weights in asked.items()}
            self.report(RoutingPhase.APPLIED, self.weights, now_ms, now_ms, decision.seq)
        super().obey(decision, now_ms)

    def report(self, phase: RoutingPhase, *rest: Any) -> None:
        """With what segments have of their own."""
        super().report(phase, *rest)
        for facts in (self.pending, self.facts):
            if facts:
                facts[-1] = self._with_segments(facts[-1])

    def _with_segments(self, fact: RoutingFact) -> RoutingFact:
        return replace(fact, segments_bp={s: dict(w) for s, w in self.own.items()})

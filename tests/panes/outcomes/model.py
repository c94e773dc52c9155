"""The same join, one event at a time: what cohorts must tell, in plain words."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from streams.panes.facts import PaneClock
from streams.spec.model import RolloutSpec
from streams.spec.outcome_facts import Outcome, OutcomeKind

BINS = 8


@dataclass
class Exposure:
    """A prediction that counts."""

    at_ms: int
    arm: str
    predicted: str | None
    answered: set[str] = field(default_factory=set)


def merged(predictions: list[dict[str, Any]], outcomes: list[dict[str, Any]]) -> list[Any]:
    """Both logs by the broker's time, predictions first."""
    both = [(e["append_ms"], 0, i, e) for i, e in enumerate(predictions)]
    both += [(e["append_ms"], 1, i, e) for i, e in enumerate(outcomes)]
    return [(rank, event) for _, rank, _, event in sorted(both, key=lambda each: each[:3])]


class Model:
    """Exposures by request, first outcome by metric, cohorts that mature by the watermark."""

    def __init__(self, spec: RolloutSpec, clock: PaneClock) -> None:
        self.spec, self.clock = spec, clock
        self.watermark, self.highest = -1, -1
        self.exposures: dict[str, Exposure] = {}
        self.waiting: list[dict[str, Any]] = []
        self.tallies: dict[tuple[str, int, str], Counter[str]] = {}

    def run(self, log: list[Any]) -> None:
        for rank, event in log:
            if rank == 0:
                self.predict(event)
            else:
                self.outcome(event)

    def predict(self, event: dict[str, Any]) -> None:
        at_ms = event["completed_at"]
        self.highest = max(self.highest, at_ms)
        arm = self.spec.versions.get(event["model_version"])
        late = at_ms < self.highest - self.clock.lateness_ms
        if arm is not None and not late:
            known = self.exposures.get(event["request_id"])
            if known is None or known.at_ms // self.clock.pane_ms > at_ms // self.clock.pane_ms:
                self.exposures[event["request_id"]] = Exposure(
                    at_ms=at_ms, arm=arm, predicted=event["predicted_class"]
                )
            for outcome in self.spec.outcomes:
                self.tally(outcome, at_ms, arm)["exposures"] += 1
        closed = self.clock.closed_through(self.highest)
        if closed > self.watermark:
            self.watermark = closed
            waiting, self.waiting = self.waiting, []
            for each in waiting:
                self.outcome(each, waited=True)

    def tally(self, outcome: Outcome, at_ms: int, arm: str) -> Counter[str]:
        key = (outcome.name, at_ms // self.clock.pane_ms, arm)
        return self.tallies.setdefault(key, Counter())

    def outcome(self, event: dict[str, Any], *, waited: bool = False) -> None:
        outcome = next((o for o in self.spec.outcomes if o.name == event["metric"]), None)
        if outcome is None:
            return
        found = self.exposures.get(event["request_id"])
        pane_ms = self.clock.pane_ms
        if found is None or found.at_ms // pane_ms > self.watermark:
            self.waiting.append(event)
            return
        since = event["occurred_at"] - found.at_ms
        window_ms, delivery_ms = outcome.window_s * 1000, outcome.delivery_s * 1000
        matured = (found.at_ms // pane_ms + 1) * pane_ms + window_ms + delivery_ms
        in_time = waited or (self.watermark + 1) * pane_ms < matured
        if since > window_ms or not in_time:
            return
        if outcome.name in found.answered:
            return
        found.answered.add(outcome.name)
        tally = self.tally(outcome, found.at_ms, found.arm)
        tally["answered"] += 1
        if outcome.kind is OutcomeKind.LABEL:
            tally["events"] += event["label"] != found.predicted
        else:
            tally["events"] += event["value"] > 0
        if outcome.kind is OutcomeKind.MEAN:
            tally["milli"] += round(event["value"] * 1000)

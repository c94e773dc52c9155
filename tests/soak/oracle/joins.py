"""What came of the predictions of one rollout on one partition? One outcome after the other."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from streams.panes.cohorts import Cohort
from streams.sketches.outcome_cell import DELAY_BINS, MILLI, ClassTally, OutcomeCell
from streams.spec.model import RolloutSpec
from streams.spec.outcome_facts import Outcome, OutcomeKind
from tests.soak.oracle.fold import Exposure, latency_bucket
from tests.soak.oracle.log import Avro, Record
from tests.soak.oracle.rules import YEAR_2200_MS, slices

EARLY_MS = 60_000
"""An outcome's clock may be behind its prediction's by so much."""
LARGEST = 1e9
CohortKey = tuple[str, int, int]
"""Outcome, first pane, delay bins that are complete."""


@dataclass(slots=True)
class Held:
    """A prediction that waits for outcomes, and the first answer of each kind."""

    exposure: Exposure
    answers: dict[str, tuple[str, Any, int]] = field(default_factory=dict)

    @property
    def at_ms(self) -> int:
        """When it was completed."""
        at_ms: int = self.exposure.event["completed_at"]
        return at_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something that happens to a join, in the order of the brokers' time."""

    received_ms: int
    closed: int | None = None
    """The predictions are closed through this pane."""
    outcome: dict[str, Any] | None = None


def merged(
    clock: Sequence[tuple[int, int]], outcomes: Sequence[tuple[int, dict[str, Any]]], closed: int
) -> Iterator[Step]:
    """Closings and outcomes by the time at which brokers received them, closings first."""
    steps: list[tuple[int, int, int, Step]] = []
    for number, (received_ms, through) in enumerate(clock):
        if through > closed:
            closed = through
            steps.append((received_ms, 0, number, Step(received_ms=received_ms, closed=through)))
    for number, (received_ms, body) in enumerate(outcomes):
        steps.append((received_ms, 1, number, Step(received_ms=received_ms, outcome=body)))
    return (step for *_, step in sorted(steps, key=lambda each: each[:3]))


class JoinModel:
    """The join of one rollout on one partition."""

    def __init__(
        self, spec: RolloutSpec, pane_ms: int, exposures: Sequence[Exposure], closed: int
    ) -> None:
        self.told: dict[CohortKey, Cohort] = {}
        self.fates: Counter[str] = Counter()
        self.closed = closed
        self._spec, self._pane_ms = spec, pane_ms
        self._outcomes = {each.name: each for each in spec.outcomes}
        self._by_pane: dict[int, list[Held]] = defaultdict(list)
        for each in exposures:
            self._by_pane[each.pane].append(Held(each))
        self._held: dict[str, list[Held]] = defaultdict(list)
        """By request, those in closed panes."""
        self._waiting: list[dict[str, Any]] = []
        self._cells = {
            (outcome.name, pane): self._empty(held)
            for outcome in spec.outcomes
            for pane, held in self._by_pane.items()
        }
        self._complete: dict[tuple[str, int], int] = dict.fromkeys(self._cells, 0)

    def run(self, steps: Iterator[Step]) -> None:
        """Take everything."""
        for step in steps:
            if step.closed is not None:
                self._close(step.closed)
            elif step.outcome is not None:
                self._take(step.outcome)
        self.fates["pending"] = len(self._waiting)

    def _empty(self, held: Sequence[Held]) -> dict[tuple[str, str], OutcomeCell]:
        """A cohort with its denominators."""
        cells: dict[tuple[str, str], OutcomeCell] = {}
        for each in held:
            for segment in slices(self._spec, each.exposure.event):
                cells.setdefault((segment, each.exposure.arm), OutcomeCell()).exposures += 1
        return cells

    def _close(self, through: int) -> None:
        """Panes close; outcomes that waited for them are joined, and cohorts tell."""
        new: dict[str, list[Held]] = defaultdict(list)
        for pane in sorted(pane for pane in self._by_pane if self.closed < pane <= through):
            for each in self._by_pane[pane]:
                new[each.exposure.event["request_id"]].append(each)
        self.closed = through
        for request, found in new.items():
            self._held[request] += found
        waiting, self._waiting = self._waiting, []
        for outcome in waiting:
            self._meet(outcome, new.get(outcome["request_id"], ()))
        self._tell()

    def _meet(self, outcome: dict[str, Any], found: Sequence[Held]) -> None:
        """An outcome that waited meets what has just closed."""
        fate = self._settled(outcome, found[0], from_pane=0) if found else None
        if fate is None and self._may_come(outcome):
            self._waiting.append(outcome)
        else:
            self.fates[fate or "unmatched"] += 1

    def _take(self, outcome: dict[str, Any]) -> None:
        """An outcome comes in."""
        asked = self._outcomes.get(outcome["metric"])
        if asked is None or outcome["service"] != self._spec.service:
            return
        refused = refusal(asked, outcome)
        if refused:
            self.fates[refused] += 1
            return
        kept = min(self._open_from(each) for each in self._outcomes.values())
        held = [h for h in self._held.get(outcome["request_id"], ()) if h.exposure.pane >= kept]
        from_pane = self._open_from(asked)
        fate = self._settled(outcome, held[0], from_pane=from_pane) if held else None
        if fate is not None:
            self.fates[fate] += 1
        elif self._may_come(outcome):
            self._waiting.append(outcome)
        else:
            old = outcome["occurred_at"] < kept * self._pane_ms
            self.fates["late" if old else "unmatched"] += 1

    def _settled(self, outcome: dict[str, Any], held: Held, *, from_pane: int) -> str | None:
        """What becomes of an outcome whose prediction is there; None: it is not its prediction."""
        asked = self._outcomes[outcome["metric"]]
        since_ms = outcome["occurred_at"] - held.at_ms
        if since_ms < -EARLY_MS:
            return None
        if since_ms > asked.window_s * 1000 or held.exposure.pane < from_pane:
            return "late"
        said = said_by(asked, outcome)
        first = held.answers.setdefault(asked.name, (outcome["outcome_id"], said, id(outcome)))
        if first[2] != id(outcome):
            if first[1] != said:
                return "conflict"
            return "duplicate" if first[0] == outcome["outcome_id"] else "agreed"
        self._count(asked, held, max(since_ms, 0), said)
        return "joined"

    def _count(self, asked: Outcome, held: Held, delay_ms: int, said: Any) -> None:
        cells = self._cells[asked.name, held.exposure.pane]
        event = held.exposure.event
        for segment in slices(self._spec, event):
            cell = cells[segment, held.exposure.arm]
            cell.delays[bisect_left(edges_ms(asked), delay_ms)] += 1
            if asked.kind is OutcomeKind.LABEL:
                right = said == event["predicted_class"]
                cell.events += not right
                tallied = cell.classes.setdefault(said, ClassTally())
                tallied.labelled += 1
                tallied.hits += right
                continue
            cell.events += said > 0
            if asked.kind is OutcomeKind.MEAN:
                cell.total_milli += int(np.rint(said * MILLI))
                cell.histogram.counts[latency_bucket(said, timeout=False)] += 1

    def _may_come(self, outcome: dict[str, Any]) -> bool:
        """Whether its prediction may still come in time."""
        return bool((outcome["occurred_at"] + EARLY_MS) // self._pane_ms > self.closed)

    def _open_from(self, asked: Outcome) -> int:
        """The first pane that has not matured."""
        held_ms = round(asked.window_s * 1000) + round(asked.delivery_s * 1000)
        return max(((self.closed + 1) * self._pane_ms - held_ms) // self._pane_ms, 0)

    def _tell(self) -> None:
        """Cohorts of which more delay bins are complete than were."""
        for (name, pane), told in self._complete.items():
            at = complete_at(self._outcomes[name], pane, self._pane_ms)
            complete = sum(each <= self.closed for each in at)
            if complete > told:
                self._complete[name, pane] = complete
                self.told[name, pane, complete] = self._cohort(name, pane, complete)

    def _cohort(self, name: str, pane: int, complete: int) -> Cohort:
        whole = complete == DELAY_BINS
        cells = self._cells[name, pane]
        return Cohort(
            rollout=self._spec.rollout,
            spec_hash=self._spec.spec_hash,
            outcome=name,
            first_pane=pane,
            panes=1,
            complete=complete,
            cells={k: c.copy() if whole else c.first_bins(complete) for k, c in cells.items()},
        )


def edges_ms(asked: Outcome) -> list[int]:
    """Upper ends of the delay bins: each half of the next, the last is the window."""
    window_ms = round(asked.window_s * 1000)
    return [window_ms >> halved for halved in range(DELAY_BINS - 1, -1, -1)]


def complete_at(asked: Outcome, pane: int, pane_ms: int) -> list[int]:
    """By delay bin, the pane whose closing completes it."""
    delivery_ms = round(asked.delivery_s * 1000)
    ends = [(pane + 1) * pane_ms + edge + delivery_ms for edge in edges_ms(asked)]
    return [-(-end // pane_ms) - 1 for end in ends]


def refusal(asked: Outcome, outcome: dict[str, Any]) -> str:
    """Why an outcome says nothing that can be joined; empty if it does."""
    if asked.kind is OutcomeKind.LABEL:
        label = outcome["label"]
        if label is None:
            return "wrong_kind"
        return "unknown_label" if asked.classes and label not in asked.classes else ""
    value = outcome["value"]
    if value is None:
        return "wrong_kind"
    strange = asked.kind is OutcomeKind.MEAN and not 0 <= value <= LARGEST
    return "out_of_range" if strange else ""


def said_by(asked: Outcome, outcome: dict[str, Any]) -> Any:
    """The label or the value."""
    return outcome["label" if asked.kind is OutcomeKind.LABEL else "value"]


def usable(outcome: dict[str, Any]) -> bool:
    """Whether a decoded outcome can count at all."""
    named = all(outcome[name] for name in ("service", "metric", "request_id", "outcome_id"))
    value = outcome["value"]
    numbers = value is None or math.isfinite(value)
    told = value is not None or outcome["label"] is not None
    return bool(named and numbers and told and 0 < outcome["occurred_at"] < YEAR_2200_MS)


def outcomes_of(
    records: Sequence[Record], avro: Avro, largest: int
) -> tuple[list[tuple[int, int, dict[str, Any]]], set[int]]:
    """(offset, time of receipt, outcome) of those that are usable; offsets of all others."""
    found, dead, received_ms = [], set(), -1
    for record in records:
        received_ms = max(received_ms, record.at_ms)
        fits = record.value is not None and len(record.value) <= largest
        outcome = avro.read("outcomes", record.value) if fits else None
        if outcome is not None and usable(outcome):
            found.append((record.offset, received_ms, outcome))
        else:
            dead.add(record.offset)
    return found, dead

"""What would have changed a verdict? Judged again with some of the candidate's events moved.

A witness remembers the strata that a panel folds; one claim's evidence is then folded anew, alone,
with fewer or more events of the candidate, at the same exposures. Events are taken from, and added
to, the newest strata first: what had already been seen stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from streams.evidence.budget import log_threshold
from streams.judge.decision_facts import Verdict
from streams.judge.field import Field
from streams.judge.monitors.evidence import Closed, Counts, Evidence
from streams.judge.monitors.panel import Panel
from streams.judge.monitors.watch import Watch
from streams.judge.rollout import RolloutJudge
from streams.spec.metric_facts import MetricKind
from streams.spec.model import RolloutSpec

EVENT_KINDS = frozenset(kind for kind in MetricKind if kind.resource is None) - {
    MetricKind.CLASSES,
    MetricKind.SCORES,
    MetricKind.CONFIDENCES,
    MetricKind.JUDGE_SCORES,
    MetricKind.TOKENS_IN,
    MetricKind.TOKENS_OUT,
    MetricKind.PAIRED_ERRORS,
    MetricKind.PAIRED_TIMEOUTS,
}
"""Kinds whose columns are exposures and then events, each counted once or under two bounds.

Not those of paired failures: which of two answers failed cannot be moved without the other.
"""
CANDIDATE, EVENTS = 1, 1
MARK_EVERY = 32
"""Strata between two states that are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """How many events of the candidate more (or fewer, negative) turn a test around."""

    crossed: bool
    """Whether the test has shown what it asks."""
    events: int | None
    """None: no number of events would have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """What would have changed a verdict on harm, and on harmlessness in the current stage."""

    harm: Turn | None
    """None where a slice went back and what had been shown by then counts no more."""
    safe: Turn | None
    """None of slices: promotion does not ask of them."""


class Course:
    """The strata of one claim, folded alone, with marks from which folding can begin again."""

    def __init__(self, new: Callable[[], Evidence], strata: Sequence[Closed]) -> None:
        """`new` makes the evidence; strata are of one candidate and metric."""
        self._new, self._strata = new, strata
        self._marks: list[tuple[Any, float]] = []
        evidence, peak = new(), 0.0
        for place, closed in enumerate(strata):
            if place % MARK_EVERY == 0:
                self._marks.append((evidence.to_state(), peak))
            peak = _folded(evidence, closed, peak)

    def with_events(self, events: int) -> tuple[Evidence, float]:
        """Evidence and the peak of its log e-value for harm, with that many events more."""
        evidence, peak = self._new(), 0.0
        first, changed = moved(self._strata, events)
        mark = min(first // MARK_EVERY, len(self._marks) - 1)
        if mark >= 0:
            state, peak = self._marks[mark]
            evidence.restore(state)
        for closed in changed[max(mark, 0) * MARK_EVERY :]:
            peak = _folded(evidence, closed, peak)
        return evidence, peak

    def turn(self, sign: int, turned: Callable[[Evidence, float], bool]) -> int | None:
        """The fewest events, with their sign, after which it has turned; None if none do."""
        most = sum(_room(closed.counts, sign) for closed in self._strata)
        found = fewest(most, lambda count: turned(*self.with_events(sign * count)))
        return None if found is None else sign * found


def _folded(evidence: Evidence, closed: Closed, peak: float) -> float:
    evidence.fold(closed)
    return peak if closed.at_s is None else max(peak, float(evidence.log_e_harm()[0, 0]))


class WitnessPanel:
    """The strata that a panel has folded."""

    def __init__(self, panel: Panel) -> None:
        """Listens to a panel that has seen nothing yet."""
        self._panel = panel
        self.whole: list[Closed] = []
        self.stage: list[Closed] = []
        panel.listen(self.whole.append, self.stage.append)

    def turns(self, watch: Watch) -> Turns:
        """Of one of the panel's claims, now."""
        return Turns(harm=self._turn_harm(watch), safe=self._turn_safe(watch))

    def _turn_harm(self, watch: Watch) -> Turn | None:
        if self._panel.forgot(watch.row, watch.column):
            return None
        limit, crossed = log_threshold(watch.claim.alpha_share), watch.harmful
        sign = -1 if crossed else 1
        course = self._course(watch, self.whole)
        return Turn(
            crossed=crossed,
            events=course.turn(sign, lambda _, peak: (peak >= limit) != crossed),
        )

    def _turn_safe(self, watch: Watch) -> Turn | None:
        if not watch.promoting:
            return None
        limit, crossed = log_threshold(watch.claim.alpha_promote), watch.harmless
        sign = 1 if crossed else -1
        course = self._course(watch, self.stage)

        def turned(evidence: Evidence, _: float) -> bool:
            return bool(evidence.log_e_safe()[0, 0] >= limit) != crossed

        return Turn(crossed=crossed, events=course.turn(sign, turned))

    def _course(self, watch: Watch, strata: Sequence[Closed]) -> Course:
        own = [_own(closed, watch) for closed in strata if closed.of[watch.row]]
        return Course(lambda: self._panel.new([[watch.claim]]), own)


def _own(closed: Closed, watch: Watch) -> Closed:
    """A claim's part of closed strata."""
    row, column = slice(watch.row, watch.row + 1), slice(watch.column, watch.column + 1)
    phi = np.broadcast_to(closed.phi, closed.counts.shape[:2])[row, column]
    return replace(
        closed,
        counts=closed.counts[row, column],
        of=closed.of[row],
        weights_bp=closed.weights_bp[row],
        phi=phi,
    )


class WitnessField(Field):
    """The judge's field, with a witness beside each panel that has events to count."""

    def __init__(self, spec: RolloutSpec) -> None:
        super().__init__(spec)
        self._witnesses = {id(panel): WitnessPanel(panel) for panel in self.panels}
        self.asked = False
        """Whether the next verdicts are to be turned around; that costs time."""
        self.turns: list[Turns | None] = []

    def enter_stage(self) -> None:
        """See Field."""
        super().enter_stage()
        for witness in self._witnesses.values():
            witness.stage.clear()

    def verdicts(self, invalid: str) -> tuple[Verdict, ...]:
        """See Field."""
        if self.asked:
            self.turns = [self._turns(watch) for row in self.rows for watch in row.watches]
            self.asked = False
        return super().verdicts(invalid)

    def _turns(self, watch: Watch) -> Turns | None:
        if watch.claim.metric.kind not in EVENT_KINDS:
            return None
        return self._witnesses[id(watch.panel)].turns(watch)


class WitnessJudge(RolloutJudge):
    """The judge, with witnesses beside its panels."""

    def __init__(self, spec: RolloutSpec, pane_ms: int) -> None:
        self._witness = WitnessField(spec)
        super().__init__(spec, pane_ms, self._witness)
        self._asked = False

    def ask(self) -> None:
        """Turn the verdicts of the next decision around."""
        self._asked = True
        self._witness.asked, self._witness.turns = True, []

    @property
    def turns(self) -> list[Turns | None]:
        """Of the decision that was asked about, by verdict; empty if there was none.

        Metrics of outcomes come last and are not turned around.
        """
        more = len(self._learnt.outcomes.watches()) if self._asked else 0
        return [*self._witness.turns, *[None] * more]


def moved(strata: Sequence[Closed], events: int) -> tuple[int, list[Closed]]:
    """The strata with so many of the candidate's events more, newest first; the first changed."""
    left, changed, place = events, list(strata), len(strata)
    while left != 0 and place > 0:
        place -= 1
        counts, sign = changed[place].counts, 1 if left > 0 else -1
        step = sign * min(abs(left), _room(counts, sign))
        counts = counts.copy()
        counts[..., CANDIDATE, EVENTS:] += step
        changed[place], left = replace(changed[place], counts=counts), left - step
    return place, changed


def _room(counts: Counts, sign: int) -> int:
    """How many events of the candidate a stratum can take (1) or give (-1)."""
    exposures, *events = counts[0, 0, CANDIDATE].tolist()
    return int(exposures - max(events) if sign > 0 else min(events))


def fewest(most: int, holds: Callable[[int], bool]) -> int | None:
    """The least count in 1 .. most for which `holds`, which from then on it does; else None.

    >>> fewest(100, lambda n: n * n > 50), fewest(7, lambda n: n * n > 50)
    (8, None)
    """
    low, high = 0, 1
    while high < most and not holds(high):
        low, high = high, 2 * high
    high = min(high, most)
    if high <= low or not holds(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high

"""What would have changed a verdict? Judged again with some of the candidate's events moved.

A witness is the judge's own watch that remembers the strata which it folds; the evidence is then
folded anew with fewer or more events of the candidate, at the same exposures. Events are taken
from, and added to, the newest strata first: what had already been seen stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from streams.evidence.budget import log_threshold
from streams.judge.facts import Verdict
from streams.judge.monitors.evidence import Counts, Evidence
from streams.judge.monitors.watch import Watch
from streams.judge.rollout import RolloutJudge
from streams.spec.model import RolloutSpec

EVENT_COLUMNS = 2
"""Columns of a metric that counts exposures and events; a mix of categories has others."""
CANDIDATE, EVENTS = 1, 1
MARK_EVERY = 32
"""Strata between two states that are kept."""

Stratum = tuple[Counts, int]
"""Counts int64[2, columns] and the candidate's weight in basis points."""


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

    harm: Turn
    safe: Turn


class Strand:
    """Folded strata in order, with marks on the way from which folding can begin again."""

    def __init__(self, new: Callable[[], Evidence]) -> None:
        self._new = new
        self._strata: list[Stratum] = []
        self._marks: list[tuple[Any, float]] = []

    def add(self, counts: Counts, weight_bp: int, evidence: Evidence, peak: float) -> None:
        """The next stratum; evidence and its peak are those before it is folded."""
        if len(self._strata) % MARK_EVERY == 0:
            self._marks.append((evidence.to_state(), peak))
        self._strata.append((counts.copy(), weight_bp))

    def with_events(self, events: int) -> tuple[Evidence, float]:
        """Evidence and the peak of its log e-value for harm, with that many events more."""
        evidence, peak = self._new(), 0.0
        first, changed = moved(self._strata, events)
        mark = min(first // MARK_EVERY, len(self._marks) - 1)
        if mark >= 0:
            state, peak = self._marks[mark]
            evidence.restore(state)
        for counts, weight_bp in changed[max(mark, 0) * MARK_EVERY :]:
            evidence.fold(counts, weight_bp)
            peak = max(peak, evidence.log_e_harm())
        return evidence, peak

    def turn(self, sign: int, turned: Callable[[Evidence, float], bool]) -> int | None:
        """The fewest events, with their sign, after which it has turned; None if none do."""
        totals = [counts[CANDIDATE].tolist() for counts, _ in self._strata]
        most = sum(seen if sign < 0 else exposures - seen for exposures, seen in totals)
        found = fewest(most, lambda count: turned(*self.with_events(sign * count)))
        return None if found is None else sign * found


class Witness(Watch):
    """A watch that remembers its strata, and turns its verdict around when it is asked to."""

    def __init__(self, watch: Watch) -> None:
        """Take the place of a watch that has seen nothing yet."""
        vars(self).update(vars(watch))  # the same claim, reader and evidence
        self._strand, self._stage_strand = Strand(self._new), Strand(self._new)
        self.turns: Turns | None = None
        self.asked = False
        """Whether the next verdict is to be turned around; that costs time."""

    def fold(self, counts: Counts, weight_bp: int, panes: tuple[int, int]) -> None:
        """See Watch."""
        if self._counts_events:
            self._strand.add(counts, weight_bp, self._whole, self._peak)
        super().fold(counts, weight_bp, panes)

    def fold_stage(self, counts: Counts, weight_bp: int) -> None:
        """See Watch."""
        if self._counts_events:
            self._stage_strand.add(counts, weight_bp, self._stage, 0.0)
        super().fold_stage(counts, weight_bp)

    def enter_stage(self) -> None:
        """See Watch."""
        super().enter_stage()
        self._stage_strand = Strand(self._new)

    def verdict(self, invalid: str) -> Verdict:
        """See Watch."""
        if self.asked and self._counts_events:
            self.turns = Turns(harm=self._turn_harm(), safe=self._turn_safe())
        return super().verdict(invalid)

    @property
    def _counts_events(self) -> bool:
        return self.reader.columns == EVENT_COLUMNS

    def _turn_harm(self) -> Turn:
        limit, crossed = log_threshold(self.claim.alpha_share), self.harmful
        sign = -1 if crossed else 1
        events = self._strand.turn(sign, lambda _, peak: (peak >= limit) != crossed)
        return Turn(crossed=crossed, events=events)

    def _turn_safe(self) -> Turn:
        limit, crossed = log_threshold(self.claim.alpha_promote), self.harmless
        sign = 1 if crossed else -1
        events = self._stage_strand.turn(
            sign, lambda evidence, _: (evidence.log_e_safe() >= limit) != crossed
        )
        return Turn(crossed=crossed, events=events)


class WitnessJudge(RolloutJudge):
    """The judge, with a witness in the place of each watch."""

    def __init__(self, spec: RolloutSpec, pane_ms: int) -> None:
        super().__init__(spec, pane_ms)
        self.witnesses = [Witness(watch) for watch in self._watches]
        waiting = iter(self.witnesses)
        for pair in self._pairs:
            pair.watches = tuple(next(waiting) for _ in pair.watches)

    def ask(self) -> None:
        """Turn the verdicts of the next decision around."""
        for witness in self.witnesses:
            witness.asked, witness.turns = True, None


def moved(strata: Sequence[Stratum], events: int) -> tuple[int, list[Stratum]]:
    """The strata with so many of the candidate's events more, newest first; the first changed."""
    left, changed, place = events, list(strata), len(strata)
    while left != 0 and place > 0:
        place -= 1
        counts, weight_bp = changed[place]
        exposures, seen = (int(count) for count in counts[CANDIDATE])
        step = min(left, exposures - seen) if left > 0 else max(left, -seen)
        counts = counts.copy()
        counts[CANDIDATE, EVENTS] += step
        changed[place], left = (counts, weight_bp), left - step
    return place, changed


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

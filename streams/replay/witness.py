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
from streams.judge.monitors.evidence import Counts, Evidence, Gauge, Tally
from streams.judge.monitors.watch import Watch
from streams.judge.rollout import RolloutJudge
from streams.spec.model import MetricKind, RolloutSpec

EVENT_KINDS = frozenset(MetricKind) - {MetricKind.CLASSES, MetricKind.SCORES}
"""Kinds whose columns are exposures and then events, each counted once or under two bounds."""
CANDIDATE, EVENTS = 1, 1
MARK_EVERY = 32
"""Strata between two states that are kept."""

Stratum = tuple[Counts, tuple[Any, ...]]
"""Counts int64[2, columns], and what evidence is told besides (weight and so on)."""


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


class Recorder:
    """Evidence that remembers what it folds, with marks from which folding can begin again."""

    def __init__(self, new: Callable[[], Evidence]) -> None:
        """`new` makes the evidence that does the work."""
        self._new, self._evidence = new, new()
        self._strata: list[Stratum] = []
        self._marks: list[tuple[Any, float]] = []
        self._peak = 0.0

    def fold(self, counts: Counts, *how: Any) -> None:
        """See Evidence; `how` is whatever it is told besides the counts."""
        if len(self._strata) % MARK_EVERY == 0:
            self._marks.append((self._evidence.to_state(), self._peak))
        self._strata.append((counts.copy(), how))
        self._evidence.fold(counts, *how)

    def log_e_harm(self) -> float:
        """See Evidence."""
        log_e = self._evidence.log_e_harm()
        self._peak = max(self._peak, log_e)
        return log_e

    def log_e_safe(self) -> float:
        """See Evidence."""
        return self._evidence.log_e_safe()

    def gauge(self, alpha: float) -> Gauge:
        """See Evidence."""
        return self._evidence.gauge(alpha)

    def tally(self) -> Tally:
        """See Evidence."""
        return self._evidence.tally()

    def to_state(self) -> Any:
        """See Evidence; what is remembered is not stored."""
        return self._evidence.to_state()

    def restore(self, state: Any) -> None:
        """See Evidence."""
        self._evidence.restore(state)

    def with_events(self, events: int) -> tuple[Evidence, float]:
        """Evidence and the peak of its log e-value for harm, with that many events more."""
        evidence, peak = self._new(), 0.0
        first, changed = moved(self._strata, events)
        mark = min(first // MARK_EVERY, len(self._marks) - 1)
        if mark >= 0:
            state, peak = self._marks[mark]
            evidence.restore(state)
        for counts, how in changed[max(mark, 0) * MARK_EVERY :]:
            evidence.fold(counts, *how)
            peak = max(peak, evidence.log_e_harm())
        return evidence, peak

    def turn(self, sign: int, turned: Callable[[Evidence, float], bool]) -> int | None:
        """The fewest events, with their sign, after which it has turned; None if none do."""
        most = sum(_room(counts, sign) for counts, _ in self._strata)
        found = fewest(most, lambda count: turned(*self.with_events(sign * count)))
        return None if found is None else sign * found


class Witness(Watch):
    """A watch that remembers its strata, and turns its verdict around when it is asked to."""

    def __init__(self, watch: Watch) -> None:
        """Take the place of a watch that has seen nothing yet."""
        vars(self).update(vars(watch))  # the same claim, reader and gauge
        self._plain = self._new
        if self.claim.metric.kind in EVENT_KINDS:
            self._new = self._recorder
        self._whole, self._stage = self._new(), self._new()
        self.turns: Turns | None = None
        self.asked = False
        """Whether the next verdict is to be turned around; that costs time."""

    def _recorder(self) -> Evidence:
        return Recorder(self._plain)

    def verdict(self, invalid: str) -> Verdict:
        """See Watch."""
        whole, stage = self._whole, self._stage
        if self.asked and isinstance(whole, Recorder) and isinstance(stage, Recorder):
            self.turns = Turns(harm=self._turn_harm(whole), safe=self._turn_safe(stage))
        return super().verdict(invalid)

    def _turn_harm(self, whole: Recorder) -> Turn:
        limit, crossed = log_threshold(self.claim.alpha_share), self.harmful
        sign = -1 if crossed else 1
        events = whole.turn(sign, lambda _, peak: (peak >= limit) != crossed)
        return Turn(crossed=crossed, events=events)

    def _turn_safe(self, stage: Recorder) -> Turn:
        limit, crossed = log_threshold(self.claim.alpha_promote), self.harmless
        sign = 1 if crossed else -1
        events = stage.turn(sign, lambda evidence, _: (evidence.log_e_safe() >= limit) != crossed)
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
        counts, how = changed[place]
        sign = 1 if left > 0 else -1
        step = sign * min(abs(left), _room(counts, sign))
        counts = counts.copy()
        counts[CANDIDATE, EVENTS:] += step
        changed[place], left = (counts, how), left - step
    return place, changed


def _room(counts: Counts, sign: int) -> int:
    """How many events of the candidate a stratum can take (1) or give (-1)."""
    exposures, *events = counts[CANDIDATE].tolist()
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

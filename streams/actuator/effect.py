"""How soon are decided weights in force? Measured once a decision, and told to its trace."""

from __future__ import annotations

from streams.actuator.kept import Kept
from streams.actuator.meters import Meters
from streams.actuator.ports import Clock, Segments
from streams.actuator.weights import differs
from streams.tracing.trail import Facts, Trail


class Effect:
    """Of one rollout's decisions."""

    def __init__(self, kept: Kept, meters: Meters, trail: Trail, clock: Clock) -> None:
        self._kept, self._meters, self._trail, self._clock = kept, meters, trail, clock

    def seen(self, have: Segments) -> None:
        """The target has these weights; if they are wanted, nothing is left to be measured."""
        if not differs(have, self._kept.standing.wanted):
            self._kept.decided_at = None
            self._trail.follow(b"")

    def proven(self, have: Segments, now: float) -> None:
        """A write of these weights is proven, at this monotonic second."""
        standing, decided_at = self._kept.standing, self._kept.decided_at
        if decided_at is None or differs(have, standing.wanted):
            return
        self._kept.decided_at = None
        last = standing.accepted
        pane_end_ms = 0 if last is None else last.pane_end_ms
        now_ms = self._clock.wall_ms()
        self._meters.in_force(took_s=now - decided_at, pane_end_ms=pane_end_ms, now_ms=now_ms)
        facts: Facts = {"davy.rollout": self._kept.rollout, "davy.seq": standing.fence}
        with self._trail.step("davy.apply", facts):
            pass  # the span began when the decision came

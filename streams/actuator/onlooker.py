"""What would be done at a target that davy must not touch? Observe, plan, tell; no write ever.

For a rollout with `dry_run`: somebody else moves the traffic, or a person wants to see first.
"""

from __future__ import annotations

import logging
import random
from dataclasses import replace

from streams.actuator.kept import Kept
from streams.actuator.lease import Silence
from streams.actuator.meters import Meters
from streams.actuator.ports import Clock, Observed, Router
from streams.actuator.reconcile import Move, Plan, plan
from streams.actuator.retry import Retry
from streams.actuator.standing import lapsed
from streams.actuator.teller import Teller
from streams.actuator.weights import differs
from streams.errors import RouterError
from streams.spec.model import RolloutSpec

WATCH_AFTER_END_S = 600.0
"""Whoever moves the traffic has this long; until then it is told what the target has."""


class Onlooker:
    """Stands where a keeper stands, and keeps its hands in its pockets."""

    def __init__(
        self,
        spec: RolloutSpec,
        kept: Kept,
        router: Router,
        teller: Teller,
        clock: Clock,
        *,
        reconcile_s: float,
        meters: Meters,
    ) -> None:
        self.retry = Retry(dice=random.Random(spec.spec_hash))  # noqa: S311 - jitter only
        self._kept, self._router, self._teller, self._clock = kept, router, teller, clock
        self._reconcile_s, self._meters = reconcile_s, meters
        self._look_at = clock.monotonic_s()
        self._news: tuple[object, ...] = ()

    def next_due(self) -> float:
        """Monotonic seconds at which `step` must be called."""
        return self._look_at if self.retry.due is None else self.retry.due

    def step(self, silence: Silence) -> None:
        """Look, and tell what is there and what would be done."""
        now, at_ms = self._clock.monotonic_s(), self._clock.wall_ms()
        standing = self._kept.standing = lapsed(self._kept.standing, at_ms)
        try:
            seen = self._router.observe()
            todo = plan(standing, seen, silence, self._router.capabilities)
        except RouterError as error:
            self._failed(error, now)
            return
        self.retry.clear()
        self._teller.look(seen, at_ms, changed=differs(seen.weights_bp, standing.given))
        standing = self._kept.standing = replace(standing, given=seen.weights_bp)
        self._tell(seen, _said(todo), now)
        if standing.terminal and self._kept.ended_at is None:
            self._kept.ended_at = now
        if standing.is_settled(seen.weights_bp):
            self._kept.released = "ended"

    def is_over(self) -> bool:
        """Whether the end was seen at the target, or was not within some time after it."""
        ended_at = self._kept.ended_at
        if ended_at is not None and self._clock.monotonic_s() - ended_at > WATCH_AFTER_END_S:
            self._kept.released = self._kept.released or "ended, and not seen at the target"
        return bool(self._kept.released)

    def _tell(self, seen: Observed, reason: str, now: float) -> None:
        standing = self._kept.standing
        news = (reason, standing.fence, standing.terminal, seen.revision)
        if news != self._news or now >= self._look_at:
            self._teller.observed(standing, seen.weights_bp, reason)
        self._news = news
        if now >= self._look_at:
            self._look_at = now + self._reconcile_s

    def _failed(self, error: RouterError, now: float) -> None:
        self.retry.failed(now, error)
        self._look_at = now + self._reconcile_s
        self._meters.target_errors.labels(type(error).__name__).inc()
        self._kept.say(logging.WARNING, "dry_run_failed", tries=self.retry.tries, error=str(error))
        if self.retry.alerting:
            standing = self._kept.standing
            self._teller.failed(standing, standing.given, f"dry_run: {error}")


def _said(todo: Plan) -> str:
    """What a routing record says of a plan that nobody carries out."""
    if todo.move is Move.KEEP:
        return f"dry_run: {todo.reason}" if todo.reason else "dry_run"
    weights = {segment: dict(shares) for segment, shares in todo.weights_bp.items()}
    return f"dry_run: would {todo.move} to {weights}"

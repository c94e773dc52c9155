"""What would be done at a target that davy must not touch? Observe, plan, tell; no write ever.

For a rollout with `dry_run`: somebody else moves the traffic, or a person wants to see first.
"""

from __future__ import annotations

import logging
import random
from dataclasses import replace

from streams.actuator.lease import Silence
from streams.actuator.lines import say
from streams.actuator.meters import Meters
from streams.actuator.ports import Clock, Observed, Router
from streams.actuator.reconcile import Move, Plan, plan
from streams.actuator.retry import Retry
from streams.actuator.standing import Former, Standing, lapsed
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
        router: Router,
        teller: Teller,
        clock: Clock,
        reconcile_s: float,
        meters: Meters,
    ) -> None:
        self.standing = Standing(arms=spec.arms, spec_hash=spec.spec_hash)
        self.retry = Retry(dice=random.Random(spec.spec_hash))  # noqa: S311 - jitter only
        self.released = ""
        self.ended_at: float | None = None
        self.decided_at: float | None = None
        self._router, self._teller, self._clock = router, teller, clock
        self._reconcile_s, self._meters = reconcile_s, meters
        self._rollout = spec.rollout
        self._look_at = clock.monotonic_s()
        self._news: tuple[object, ...] = ()

    def succeed(self, other: Former) -> None:
        """Take up where another one stands that does not go on."""
        self.standing, self.ended_at = other.standing, other.ended_at

    def next_due(self) -> float:
        """Monotonic seconds at which `step` must be called."""
        return self._look_at if self.retry.due is None else self.retry.due

    def step(self, silence: Silence) -> None:
        """Look, and tell what is there and what would be done."""
        now, at_ms = self._clock.monotonic_s(), self._clock.wall_ms()
        self.standing = lapsed(self.standing, at_ms)
        try:
            seen = self._router.observe()
            todo = plan(self.standing, seen, silence, self._router.capabilities)
        except RouterError as error:
            self._failed(error, now)
            return
        self.retry.clear()
        self._teller.look(seen, at_ms, changed=differs(seen.weights_bp, self.standing.given))
        self.standing = replace(self.standing, given=seen.weights_bp)
        self._tell(seen, _said(todo), now)
        if self.standing.terminal and self.ended_at is None:
            self.ended_at = now
        if self.standing.is_settled(seen.weights_bp):
            self.released = "ended"

    def is_over(self) -> bool:
        """Whether the end was seen at the target, or was not within some time after it."""
        ended_at = self.ended_at
        if ended_at is not None and self._clock.monotonic_s() - ended_at > WATCH_AFTER_END_S:
            self.released = self.released or "ended, and not seen at the target"
        return bool(self.released)

    def _tell(self, seen: Observed, reason: str, now: float) -> None:
        news = (reason, self.standing.fence, self.standing.terminal, seen.revision)
        if news != self._news or now >= self._look_at:
            self._teller.observed(self.standing, seen.weights_bp, reason)
        self._news = news
        if now >= self._look_at:
            self._look_at = now + self._reconcile_s

    def _failed(self, error: RouterError, now: float) -> None:
        self.retry.failed(now, error)
        self._look_at = now + self._reconcile_s
        self._meters.target_errors.labels(type(error).__name__).inc()
        facts = {"rollout": self._rollout, "tries": self.retry.tries, "error": str(error)}
        say(logging.WARNING, "actuator.dry_run_failed", facts)
        if self.retry.alerting:
            self._teller.failed(self.standing, self.standing.given, f"dry_run: {error}")


def _said(todo: Plan) -> str:
    """What a routing record says of a plan that nobody carries out."""
    if todo.move is Move.KEEP:
        return f"dry_run: {todo.reason}" if todo.reason else "dry_run"
    weights = {segment: dict(shares) for segment, shares in todo.weights_bp.items()}
    return f"dry_run: would {todo.move} to {weights}"

"""How is one target kept where it must be? Look, choose the next step, take it, tell.

Level-triggered: every step looks at the target and does the one next thing.
"""

from __future__ import annotations

import logging
import random
from dataclasses import replace

from streams.actuator.choice import chosen
from streams.actuator.claim import Claim
from streams.actuator.effect import Effect
from streams.actuator.ending import Ending
from streams.actuator.hand import Write
from streams.actuator.kept import Kept
from streams.actuator.lease import Silence
from streams.actuator.meters import Meters
from streams.actuator.mover import INTENT_WAIT_S, Mover
from streams.actuator.ports import Clock, Observed, Router, Segments
from streams.actuator.reconcile import Drift, Move, Plan, direction, may_enforce, notice
from streams.actuator.retry import RAISE_TRIES, Retry
from streams.actuator.standing import lapsed
from streams.actuator.teller import Teller
from streams.actuator.weights import differs, falls, home
from streams.errors import RouterError, TargetConflict, TargetTransient
from streams.spec.model import RolloutSpec
from streams.tracing.trail import Trail

CONFLICT_TRIES = 5


class Keeper:
    """Brings one target to what the standing wants, and keeps it there."""

    def __init__(
        self,
        spec: RolloutSpec,
        kept: Kept,
        router: Router,
        teller: Teller,
        claim: Claim,
        clock: Clock,
        *,
        reconcile_s: float,
        meters: Meters,
        trail: Trail,
    ) -> None:
        self.retry = Retry(dice=random.Random(spec.spec_hash))  # noqa: S311 - jitter only
        self._spec, self._kept = spec, kept
        self._router, self._clock = router, clock
        self._teller, self._claim, self._meters = teller, claim, meters
        self._mover = Mover(kept, router, teller, claim, clock)
        self._effect = Effect(kept, meters, trail, clock)
        self._ending = Ending(kept, router, teller)
        self._reconcile_s = reconcile_s
        self._silence = Silence.FROZEN
        self._look_at = clock.monotonic_s()
        self._news: tuple[object, ...] = ()

    def next_due(self) -> float:
        """Monotonic seconds at which `step` must be called."""
        if self._mover.awaited is not None:
            return self._clock.monotonic_s() + self._router.capabilities.ask_every_s
        return self._look_at if self.retry.due is None else self.retry.due

    def step(self, silence: Silence) -> None:
        """Do what is due: prove a write, or look at the target and move it."""
        self._silence = silence
        write = self._mover.awaited
        if write is None or self._overtaken(write):
            self._mover.drop()
            self._reconcile(self._clock.monotonic_s(), tries=CONFLICT_TRIES)
        else:
            self._prove()

    def is_over(self) -> bool:
        """Whether the target was let go; that happens some time after the rollout's end."""
        now = self._clock.monotonic_s()
        if not self._kept.released and self._ending.is_guarded_enough(now):
            self._release("ended")
        return bool(self._kept.released)

    def _overtaken(self, write: Write) -> bool:
        """Whether less is wanted by now than what waits for its proof."""
        wanted = self._kept.standing.wanted
        return wanted is not None and falls(write.weights_bp, wanted)

    # Looking.

    def _reconcile(self, now: float, *, tries: int) -> None:
        """Look, and do what follows; after a conflict look again at once."""
        try:
            at_ms = self._clock.wall_ms()
            seen = self._router.observe()
        except RouterError as error:
            self._cannot_look(error, now)
            return
        try:
            self._consider(seen, at_ms, now)
        except TargetConflict as conflict:
            if tries > 1:
                self._reconcile(self._clock.monotonic_s(), tries=tries - 1)
            else:
                self._failed(conflict, direction(self._kept.standing, seen), seen.weights_bp)
        except RouterError as error:
            self._failed(error, direction(self._kept.standing, seen), seen.weights_bp)

    def _consider(self, seen: Observed, at_ms: int, now: float) -> None:
        """Act on what was seen. RouterErrors pass."""
        if self._is_superseded(seen):
            self._release(f"superseded by {seen.fence}")
            return
        former = self._kept.standing
        self._kept.standing, drift = notice(lapsed(former, at_ms), seen, at_ms)
        self._teller.look(seen, at_ms, changed=drift is not Drift.NONE)
        if drift is not Drift.NONE:
            self._tell_drift(drift, seen)
        if drift is Drift.RAISED and not may_enforce(self._kept.standing, now):
            self._give_way(seen, now)
            return
        todo = self._next(seen, now)
        unproven = former.intent is not None and not differs(seen.weights_bp, former.intent)
        if unproven and todo.move is not Move.LOWER:  # the next step stands on a proven one
            self._mover.adopt(seen, former.given, now)
            self._prove()
        elif todo.move is not Move.KEEP:
            self._move(seen, todo, enforcing=drift is Drift.RAISED)
        else:
            self._keep(seen, todo.reason or drift.sentence, now)

    def _next(self, seen: Observed, now: float) -> Plan:
        return chosen(
            self._kept.standing,
            seen,
            self._silence,
            self._router.capabilities,
            self._spec,
            at_s=now,
            claimed=self._claim.proven,
            overwrites=self._kept.overwrites,
        )

    def _is_superseded(self, seen: Observed) -> bool:
        """Whether another rollout has taken the target over from us."""
        other = seen.fence is not None and seen.fence.rollout != self._spec.rollout
        return other and self._kept.standing.owned

    def _tell_drift(self, drift: Drift, seen: Observed) -> None:
        self._meters.drifts.labels(drift).inc()
        self._kept.say(logging.WARNING, "drift", kind=drift, weights=seen.weights_bp)

    def _give_way(self, seen: Observed, now: float) -> None:
        """It was undone often enough: two controllers must not fight."""
        self._meters.drifts.labels("war").inc()
        self._kept.say(logging.ERROR, "drift_war", weights=seen.weights_bp)
        self._keep(seen, "drift_war: somebody keeps raising the share; davy waits", now)

    # Moving.

    def _move(self, seen: Observed | None, todo: Plan, *, enforcing: bool) -> None:
        self._mover.begin(todo, seen, enforcing=enforcing)
        self._prove()

    def _prove(self) -> None:
        """Ask for the proof of what was written, and see how soon to look again."""
        write, now = self._mover.awaited, self._clock.monotonic_s()
        if write is None:
            return
        try:
            proven = self._mover.prove(now)
        except RouterError as error:
            self._failed(error, write.move, write.before)
            return
        if proven is not None:
            self.retry.clear()
            self._effect.proven(write.weights_bp, now)
            unfinished = self._unfinished(write.weights_bp)
            self._look_at = now if unfinished else now + self._reconcile_s

    def _unfinished(self, have: Segments) -> bool:
        return self._kept.standing.terminal or differs(have, self._kept.standing.wanted)

    # Keeping.

    def _keep(self, seen: Observed, reason: str, now: float) -> None:
        """Nothing to write; tell what is there when it is time, or when it is news."""
        self.retry.clear()
        self._effect.seen(seen.weights_bp)
        standing = self._kept.standing
        if standing.is_settled(seen.weights_bp) and self._kept.ended_at is None:
            self._ending.begin(now)
        self._ending.tidy_up(seen.weights_bp)
        news = (reason.partition(":")[0], standing.terminal, seen.revision)
        due = now >= self._look_at and self._kept.ended_at is None
        if due or news != self._news:
            wait_s = 0.0 if self._claim.number else INTENT_WAIT_S
            told = self._teller.observed(standing, seen.weights_bp, reason, wait_s=wait_s)
            self._claim.make(told)
        signed = self._sign(seen)
        self._news = (*news[:2], signed.revision)
        if now >= self._look_at:
            self._look_at = now + self._reconcile_s

    def _sign(self, seen: Observed) -> Observed:
        """Leave the claim on a target that davy steers: who came before must not go on there."""
        standing = self._kept.standing
        if standing.accepted is None:
            return seen
        signed = self._claim.sign(self._router, seen, standing.fence)
        if signed is not seen:
            self._teller.signed(signed.revision)
            self._kept.standing = replace(standing, owned=True)
        return signed

    def _release(self, why: str) -> None:
        self._kept.released = why
        self._mover.drop()
        self._kept.say(logging.INFO, "released", reason=why)

    # Failing.

    def _cannot_look(self, error: RouterError, now: float) -> None:
        """Without sight nothing is raised; what must go to nothing is written blindly."""
        wanted, given = self._kept.standing.wanted, self._kept.standing.given
        going_home = wanted is not None and not differs(home(self._spec.arms, wanted), wanted)
        self._look_at = now + self._reconcile_s
        if not going_home or wanted is None or not differs(wanted, given):
            self._failed(error, Move.KEEP, given)
            return
        self._kept.say(logging.WARNING, "blind_rollback", error=str(error))
        try:
            todo = Plan(move=Move.LOWER, weights_bp=wanted)
            self._move(None, todo, enforcing=False)
        except RouterError as failure:
            self._failed(failure, Move.LOWER, given)

    def _failed(self, error: RouterError, move: Move, have: Segments | None) -> None:
        """Try again later; a raise is given up when that will not help.

        The last raise of a rollout is tried for as long as there is hope: no judge decides it anew.
        """
        self._mover.drop()
        self.retry.failed(self._clock.monotonic_s(), error)
        self._tell_failure(error, move)
        hopeful = isinstance(error, TargetTransient | TargetConflict)
        last = self._kept.standing.terminal
        if move is Move.RAISE and not (hopeful and (last or self.retry.tries < RAISE_TRIES)):
            self._give_up(error, have)
        elif self.retry.alerting and (last or move is not Move.RAISE):
            self._teller.failed(self._kept.standing, have, f"{move}_retried: {error}")

    def _tell_failure(self, error: RouterError, move: Move) -> None:
        level = logging.ERROR if self.retry.alerting else logging.WARNING
        kind, tries = type(error).__name__, self.retry.tries
        self._meters.target_errors.labels(kind).inc()
        self._kept.say(level, "failed", move=move, tries=tries, kind=kind, error=str(error))

    def _give_up(self, error: RouterError, have: Segments | None) -> None:
        """Nothing is raised until a newer decision or `resume`; what half arrived is taken back."""
        standing = self._kept.standing
        ceiling = have or standing.given or home(self._spec.arms)
        self._teller.failed(standing, have, f"raise_given_up: {error}")
        self._kept.standing = replace(standing, ceiling=ceiling)
        self.retry.clear()
        self._look_at = self._clock.monotonic_s()

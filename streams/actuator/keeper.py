"""How is one target kept where it must be? Observe, plan, write, prove, tell.

Level-triggered: every step looks at the target and does the one next thing.
"""

from __future__ import annotations

import logging
import random
from dataclasses import replace

from streams.actuator.choice import chosen
from streams.actuator.claim import UNCLAIMED, Claim
from streams.actuator.hand import Hand, Write
from streams.actuator.lease import Silence
from streams.actuator.lines import say
from streams.actuator.meters import Meters
from streams.actuator.ports import Clock, Fence, Observed, Outcome, Router, Segments
from streams.actuator.reconcile import (
    Drift,
    Move,
    Plan,
    did_enforce,
    direction,
    may_enforce,
    notice,
)
from streams.actuator.retry import RAISE_TRIES, Retry
from streams.actuator.standing import Former, Standing, lapsed, stepped
from streams.actuator.teller import Teller
from streams.actuator.tidying import Tidying
from streams.actuator.weights import differs, falls, home
from streams.errors import RouterError, TargetConflict, TargetRejected, TargetTransient
from streams.spec.model import RolloutSpec
from streams.tracing.trail import UNTRACED, Facts, Trail

INTENT_WAIT_S = 2.0
CONFLICT_TRIES = 5
GUARD_AFTER_END_S = 600.0


class Keeper:
    """Brings one target to what the standing wants, and keeps it there."""

    def __init__(
        self,
        spec: RolloutSpec,
        router: Router,
        teller: Teller,
        claim: Claim,
        clock: Clock,
        reconcile_s: float,
        meters: Meters,
        trail: Trail = UNTRACED,
    ) -> None:
        self.standing = Standing(arms=spec.arms, spec_hash=spec.spec_hash)
        self.retry = Retry(dice=random.Random(spec.spec_hash))  # noqa: S311 - jitter only
        self.released = ""
        """Why the target was let go; empty while it is held."""
        self.ended_at: float | None = None
        """When the last weights of an ended rollout were seen in force, monotonic seconds."""
        self.decided_at: float | None = None
        """When the decision came whose weights are not in force yet, monotonic seconds."""
        self._spec, self._router, self._clock = spec, router, clock
        self._meters, self._trail = meters, trail
        self._overwrites = False
        """A write may be under way that nobody waits for: one under a newer revision stops it."""
        self._reconcile_s = reconcile_s
        self._hand = Hand(router)
        self._tidying = Tidying(router)
        self._teller, self._claim = teller, claim
        self._silence = Silence.FROZEN
        self._look_at = clock.monotonic_s()
        self._news: tuple[object, ...] = ()

    def succeed(self, other: Former) -> None:
        """Take up where another keeper of the target stands that does not go on."""
        self.standing = other.standing
        self._overwrites = other.standing.intent is not None
        self.ended_at = other.ended_at
        self.decided_at = other.decided_at

    def next_due(self) -> float:
        """Monotonic seconds at which `step` must be called."""
        if self._hand.write is not None:
            return self._clock.monotonic_s() + self._router.capabilities.ask_every_s
        return self._look_at if self.retry.due is None else self.retry.due

    def step(self, silence: Silence) -> None:
        """Do what is due: prove a write, or look at the target and move it."""
        self._silence = silence
        write = self._hand.write
        if write is None or self._overtaken(write):
            self._hand.drop()
            self._reconcile(self._clock.monotonic_s(), tries=CONFLICT_TRIES)
        else:
            self._prove(write)

    def is_over(self) -> bool:
        """Whether the target was let go; that happens some time after the rollout's end."""
        now = self._clock.monotonic_s()
        ended_at = self.ended_at
        if not self.released and ended_at is not None and now - ended_at > GUARD_AFTER_END_S:
            self._release("ended")
        return bool(self.released)

    def _overtaken(self, write: Write) -> bool:
        """Whether less is wanted by now than what waits for its proof."""
        wanted = self.standing.wanted
        return wanted is not None and falls(write.weights_bp, wanted)

    def _reconcile(self, now: float, *, tries: int) -> None:
        """Look, plan, move; after a conflict look again at once."""
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
                self._failed(conflict, direction(self.standing, seen), seen.weights_bp)
        except RouterError as error:
            self._failed(error, direction(self.standing, seen), seen.weights_bp)

    def _consider(self, seen: Observed, at_ms: int, now: float) -> None:
        """Act on what was seen. RouterErrors pass."""
        if self._superseded(seen):
            return
        former = self.standing
        self.standing, drift = notice(lapsed(former, at_ms), seen, at_ms)
        self._teller.look(seen, at_ms, changed=drift is not Drift.NONE)
        if drift is not Drift.NONE and self._fights(seen, drift, now):
            return
        todo = chosen(
            self.standing,
            seen,
            self._silence,
            self._router.capabilities,
            self._spec,
            at_s=now,
            claimed=self._claim.proven,
            overwrites=self._overwrites,
        )
        unproven = former.intent is not None and not differs(seen.weights_bp, former.intent)
        if unproven and todo.move is not Move.LOWER:  # the next step stands on a proven one
            self._await_proof(seen, former.given, now)
        elif todo.move is not Move.KEEP:
            self._move(seen, todo, enforcing=drift is Drift.RAISED)
        else:
            self._keep(seen, todo.reason or drift.sentence, now)

    def _fights(self, seen: Observed, drift: Drift, now: float) -> bool:
        """Tell a foreign change; whether it was undone so often that davy waits."""
        self._meters.drifts.labels(drift).inc()
        self._say(logging.WARNING, "drift", kind=drift, weights=seen.weights_bp)
        if drift is not Drift.RAISED or may_enforce(self.standing, now):
            return False
        self._meters.drifts.labels("war").inc()
        self._say(logging.ERROR, "drift_war", weights=seen.weights_bp)
        self._keep(seen, "drift_war: somebody keeps raising the share; davy waits", now)
        return True

    def _superseded(self, seen: Observed) -> bool:
        """Whether another rollout has taken the target over from us: then it is let go."""
        if seen.fence is None or seen.fence.rollout == self._spec.rollout:
            return False
        if not self.standing.owned:
            return False
        self._release(f"superseded by {seen.fence}")
        return True

    def _keep(self, seen: Observed, reason: str, now: float) -> None:
        """Nothing to write; tell what is there when it is time, or when it is news."""
        self.retry.clear()
        standing = self.standing
        if standing.wanted is not None and not differs(seen.weights_bp, standing.wanted):
            self.decided_at = None
            self._trail.follow(b"")
        if standing.is_settled(seen.weights_bp) and self.ended_at is None:
            self._end(now)
        self._tidy_up(seen)
        news = (reason.partition(":")[0], standing.terminal, seen.revision)
        due = now >= self._look_at and self.ended_at is None
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
        if self.standing.accepted is None:
            return seen
        signed = self._claim.sign(self._router, seen, self.standing.fence)
        if signed is not seen:
            self._teller.signed(signed.revision)
            self.standing = replace(self.standing, owned=True)
        return signed

    def _end(self, now: float) -> None:
        """The rollout's last weights are in force: tidy up, and guard them for a while."""
        self.ended_at = now
        rolled_back = self.standing.wanted == home(self._spec.arms, self.standing.wanted or ())
        outcome = Outcome.ROLLED_BACK if rolled_back else Outcome.PROMOTED
        if self.standing.owned:  # else nothing of ours is there, and it may be another's by now
            self._tidying.begin(outcome)
        self._say(logging.INFO, "ended", outcome=outcome)

    def _tidy_up(self, seen: Observed) -> None:
        error = self._tidying.step()
        if error is None:
            return
        self._say(logging.ERROR, "finalize_failed", error=str(error))
        self._teller.failed(self.standing, seen.weights_bp, f"finalize_failed: {error}")

    def _release(self, why: str) -> None:
        self.released = why
        self._hand.drop()
        self._say(logging.INFO, "released", reason=why)

    # Writing.

    def _move(self, seen: Observed | None, todo: Plan, *, enforcing: bool) -> None:
        """Tell the intent, write, and ask for the proof."""
        told = self._teller.intent(self.standing, todo.weights_bp, wait_s=INTENT_WAIT_S)
        self._claim.make(told)
        if told is None and todo.move is Move.RAISE:
            raise TargetTransient("the log did not take the intent in time; nothing was raised")
        write = Write(
            weights_bp=todo.weights_bp,
            before=None if seen is None else seen.weights_bp,
            move=todo.move,
            began=self._clock.monotonic_s(),
            enforcing=enforcing,
            why=self._why(todo, enforcing=enforcing),
        )
        fence = self._claim.fence(self.standing.fence)
        if todo.move is Move.RAISE and not fence.claim:
            raise TargetConflict(UNCLAIMED)
        self.standing = replace(self.standing, intent=todo.weights_bp, owned=True)
        self._put(write, expect=None if seen is None else seen.revision, fence=fence)
        self._overwrites = False
        self._prove(self._hand.write or write)

    def _put(self, write: Write, *, expect: str | None, fence: Fence) -> None:
        """Write. What may have arrived counts as a raise; what was refused does not."""
        before = self.standing.raised_at
        if write.move is Move.RAISE:
            self.standing = replace(self.standing, raised_at=write.began)
        try:
            self._hand.put(write, expect=expect, fence=fence)
        except (TargetConflict, TargetRejected):
            self.standing = replace(self.standing, raised_at=before)
            raise

    def _why(self, todo: Plan, *, enforcing: bool) -> str:
        if enforcing:
            return "drift_raised: somebody raised the candidates' share; it was undone"
        last = self.standing.accepted
        return todo.reason or (last.why if last is not None else "")

    def _await_proof(self, seen: Observed, before: Segments | None, now: float) -> None:
        """This was written before, perhaps by another process, and was never proven."""
        self.standing = replace(self.standing, given=before, intent=seen.weights_bp)
        self._prove(self._hand.adopt(seen, before or home(self._spec.arms), now))

    def _prove(self, write: Write) -> None:
        """Ask whether the write is in effect, and tell."""
        now = self._clock.monotonic_s()
        try:
            proof = self._hand.proven(now)
        except RouterError as error:
            self._failed(error, write.move, write.before)
            return
        if proof is None:
            return
        standing = replace(self.standing, given=write.weights_bp, intent=None)
        if write.move is Move.RAISE:
            standing = stepped(standing, now)
        self.standing = did_enforce(standing, now) if write.enforcing else standing
        self.retry.clear()
        self._teller.applied(
            self.standing, write.weights_bp, revision=write.revision, reason=write.why
        )
        if self.decided_at is not None and not differs(write.weights_bp, self.standing.wanted):
            self._in_force(now - self.decided_at)
            self.decided_at = None
        took_ms = round((now - write.began) * 1000, 1)
        self._say(
            logging.INFO, "applied", weights=write.weights_bp, took_ms=took_ms, proof=proof.how
        )
        self._look_at = now if self._unfinished(write.weights_bp) else now + self._reconcile_s

    def _in_force(self, took_s: float) -> None:
        """Measure, and tell the trace, how long the accepted decision took."""
        last = self.standing.accepted
        pane_end_ms = 0 if last is None else last.pane_end_ms
        now_ms = self._clock.wall_ms()
        self._meters.in_force(took_s=took_s, pane_end_ms=pane_end_ms, now_ms=now_ms)
        facts: Facts = {"davy.rollout": self._spec.rollout, "davy.seq": self.standing.fence}
        with self._trail.step("davy.apply", facts):
            pass  # the span began when the decision came

    def _unfinished(self, have: Segments) -> bool:
        return self.standing.terminal or differs(have, self.standing.wanted)

    # Failing.

    def _cannot_look(self, error: RouterError, now: float) -> None:
        """Without sight nothing is raised; what must go to nothing is written blindly."""
        wanted, given = self.standing.wanted, self.standing.given
        going_home = wanted is not None and not differs(home(self._spec.arms, wanted), wanted)
        self._look_at = now + self._reconcile_s
        if not going_home or wanted is None or not differs(wanted, given):
            self._failed(error, Move.KEEP, given)
            return
        self._say(logging.WARNING, "blind_rollback", error=str(error))
        try:
            todo = Plan(move=Move.LOWER, weights_bp=wanted)
            self._move(None, todo, enforcing=False)
        except RouterError as failure:
            self._failed(failure, Move.LOWER, given)

    def _failed(self, error: RouterError, move: Move, have: Segments | None) -> None:
        """Try again later; a raise is given up when that will not help.

        The last raise of a rollout is tried for as long as there is hope: no judge decides it anew.
        """
        self._hand.drop()
        self.retry.failed(self._clock.monotonic_s(), error)
        level = logging.ERROR if self.retry.alerting else logging.WARNING
        kind = type(error).__name__
        self._meters.target_errors.labels(kind).inc()
        self._say(level, "failed", move=move, tries=self.retry.tries, kind=kind, error=str(error))
        hopeful = isinstance(error, TargetTransient | TargetConflict)
        last = self.standing.terminal
        if move is Move.RAISE and not (hopeful and (last or self.retry.tries < RAISE_TRIES)):
            self._give_up(error, have)
        elif self.retry.alerting and (last or move is not Move.RAISE):
            self._teller.failed(self.standing, have, f"{move}_retried: {error}")

    def _give_up(self, error: RouterError, have: Segments | None) -> None:
        """Nothing is raised until a newer decision or `resume`; what half arrived is taken back."""
        ceiling = have or self.standing.given or home(self._spec.arms)
        self._teller.failed(self.standing, have, f"raise_given_up: {error}")
        self.standing = replace(self.standing, ceiling=ceiling)
        self.retry.clear()
        self._look_at = self._clock.monotonic_s()

    def _say(self, level: int, event: str, **facts: object) -> None:
        known = {"rollout": self._spec.rollout, "fence": self.standing.fence}
        say(level, f"actuator.{event}", known | facts)

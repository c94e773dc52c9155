"""How is a target changed? The intent is told, then it is written, proven, and told again."""

from __future__ import annotations

import logging
from dataclasses import replace

from streams.actuator.claim import UNCLAIMED, Claim
from streams.actuator.hand import Hand, Write
from streams.actuator.kept import Kept
from streams.actuator.ports import Clock, Fence, Observed, Router, Segments
from streams.actuator.reconcile import Move, Plan, did_enforce
from streams.actuator.standing import Standing, stepped
from streams.actuator.teller import Teller
from streams.actuator.weights import home
from streams.errors import TargetConflict, TargetRejected, TargetTransient

INTENT_WAIT_S = 2.0


class Mover:
    """Changes one target, one write at a time; what is known of it is kept."""

    def __init__(
        self, kept: Kept, router: Router, teller: Teller, claim: Claim, clock: Clock
    ) -> None:
        self._kept, self._teller, self._claim, self._clock = kept, teller, claim, clock
        self._hand = Hand(router)

    @property
    def awaited(self) -> Write | None:
        """The write whose proof is awaited."""
        return self._hand.write

    def drop(self) -> None:
        """Await nothing any more."""
        self._hand.drop()

    def begin(self, todo: Plan, seen: Observed | None, *, enforcing: bool) -> None:
        """Tell the intent and write; the proof is awaited then.

        Args:
            todo: what is to be done.
            seen: what the target had; None: it could not be looked at.
            enforcing: it undoes what somebody else did.

        Raises:
            TargetTransient: the log did not take the intent of a raise.
            TargetConflict: this is not the actuator to raise.
            RouterError: as of `Router.apply`.
        """
        told = self._teller.intent(self._kept.standing, todo.weights_bp, wait_s=INTENT_WAIT_S)
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
        fence = self._claim.fence(self._kept.standing.fence)
        if todo.move is Move.RAISE and not fence.claim:
            raise TargetConflict(UNCLAIMED)
        self._kept.standing = replace(self._kept.standing, intent=todo.weights_bp, owned=True)
        self._put(write, expect=None if seen is None else seen.revision, fence=fence)
        self._kept.overwrites = False

    def _put(self, write: Write, *, expect: str | None, fence: Fence) -> None:
        """Write. What may have arrived counts as a raise; what was refused does not."""
        before = self._kept.standing.raised_at
        if write.move is Move.RAISE:
            self._kept.standing = replace(self._kept.standing, raised_at=write.began)
        try:
            self._hand.put(write, expect=expect, fence=fence)
        except (TargetConflict, TargetRejected):
            self._kept.standing = replace(self._kept.standing, raised_at=before)
            raise

    def _why(self, todo: Plan, *, enforcing: bool) -> str:
        if enforcing:
            return "drift_raised: somebody raised the candidates' share; it was undone"
        last = self._kept.standing.accepted
        return todo.reason or (last.why if last is not None else "")

    def adopt(self, seen: Observed, before: Segments | None, now: float) -> None:
        """Await the proof of what was written before, perhaps by another process."""
        standing = replace(self._kept.standing, given=before, intent=seen.weights_bp)
        self._kept.standing = standing
        self._hand.adopt(seen, before or home(standing.arms), now)

    def prove(self, now: float) -> Write | None:
        """Ask whether the write is in effect; tell it and return it. None: not yet.

        Raises:
            RouterError: as of `Hand.proven`.
        """
        write = self._hand.write
        proof = self._hand.proven(now)
        if write is None or proof is None:
            return None
        self._kept.standing = self._proven(write, now)
        self._teller.applied(
            self._kept.standing, write.weights_bp, revision=write.revision, reason=write.why
        )
        took_ms = round((now - write.began) * 1000, 1)
        self._kept.say(
            logging.INFO, "applied", weights=write.weights_bp, took_ms=took_ms, proof=proof.how
        )
        return write

    def _proven(self, write: Write, now: float) -> Standing:
        """Where the rollout stands once a write is known to be in effect."""
        standing = replace(self._kept.standing, given=write.weights_bp, intent=None)
        if write.move is Move.RAISE:
            standing = stepped(standing, now)
        return did_enforce(standing, now) if write.enforcing else standing

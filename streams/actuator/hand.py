"""How does a write reach the target, and how is it proven? One write at a time.

A write that is not proven in time counts as not done; whoever gave it decides what follows.
"""

from __future__ import annotations

from dataclasses import dataclass

from streams.actuator.ports import (
    Desired,
    Fence,
    Observed,
    Proof,
    Router,
    Segments,
    Verification,
)
from streams.actuator.reconcile import Move
from streams.actuator.weights import rises
from streams.errors import RouterError, TargetRejected, TargetTransient


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """A change of the target's weights."""

    weights_bp: Segments
    before: Segments | None
    """What the target had; None: it could not be looked at."""
    move: Move
    began: float
    """Monotonic seconds."""
    enforcing: bool = False
    """It undoes what somebody else did."""
    why: str = ""
    revision: str = ""


class Hand:
    """Holds the one write whose proof is awaited."""

    def __init__(self, router: Router) -> None:
        self.router = router
        self.write: Write | None = None

    def put(self, write: Write, *, expect: str | None, fence: Fence) -> None:
        """Write to the target and await the proof. RouterErrors as of `Router.apply`."""
        applied = self.router.apply(
            Desired(weights_bp=write.weights_bp), expect=expect, fence=fence
        )
        self.write = Write(
            weights_bp=applied.weights_bp,
            before=write.before,
            move=write.move,
            began=write.began,
            enforcing=write.enforcing,
            why=write.why,
            revision=applied.revision,
        )

    def adopt(self, seen: Observed, before: Segments, now: float) -> Write:
        """Await the proof of a write that an earlier process made."""
        move = Move.RAISE if rises(before, seen.weights_bp) else Move.LOWER
        self.write = Write(
            weights_bp=seen.weights_bp,
            before=before,
            move=move,
            began=now,
            revision=seen.revision,
        )
        return self.write

    def drop(self) -> None:
        """Await nothing any more."""
        self.write = None

    def proven(self, now: float) -> Verification | None:
        """The proof; None: not yet.

        Raises:
            TargetRejected: the target refused the write.
            TargetTransient: no proof came in time.
        """
        write = self.write
        if write is None:
            return None
        found = self._ask(write)
        if found.proof is Proof.HOLDS:
            self.write = None
            return found
        if found.proof is Proof.REJECTED:
            self.write = None
            raise TargetRejected(f"the target refused the weights: {found.how}")
        settles_s = self.router.capabilities.settles_s
        if now < write.began + settles_s:
            return None
        self.write = None
        raise TargetTransient(f"not in effect after {settles_s:g} s: {found.how}")

    def _ask(self, write: Write) -> Verification:
        try:
            return self.router.verify(Desired(weights_bp=write.weights_bp))
        except RouterError as error:
            return Verification(proof=Proof.PENDING, how=str(error))

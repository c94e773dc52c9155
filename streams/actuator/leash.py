"""How is an actor let go whose target does not return? Whatever it still does reaches nobody.

A thread cannot be ended from outside. Once its leash is cut, the router refuses its calls and the
journal its words, so that it can undo nothing that its successor does. Nor does it let a claim
through that is not this process's any more: this is the last look before the touch.
"""

from __future__ import annotations

from streams.actuator.claim import UNCLAIMED
from streams.actuator.facts import RoutingRecord
from streams.actuator.ports import (
    Applied,
    Capabilities,
    Clock,
    Desired,
    Fence,
    Observed,
    Outcome,
    Router,
    Verification,
)
from streams.actuator.teller import Journal
from streams.actuator.tenure import Tenure
from streams.errors import TargetConflict, TargetDenied


class Leash:
    """Holds one actor; cut once and for all."""

    def __init__(self) -> None:
        self.is_cut = False

    def cut(self) -> None:
        """Let the actor go."""
        self.is_cut = True


class LeashedRouter:
    """A router that works until the leash is cut, and takes claims while the tenure holds."""

    def __init__(self, router: Router, leash: Leash, tenure: Tenure, clock: Clock) -> None:
        self._router, self._leash = router, leash
        self._tenure, self._clock = tenure, clock

    @property
    def capabilities(self) -> Capabilities:
        """See Router."""
        return self._router.capabilities

    def observe(self) -> Observed:
        """See Router."""
        return self._held().observe()

    def apply(self, desired: Desired, *, expect: str | None, fence: Fence) -> Applied:
        """See Router; TargetConflict too where the claim has lapsed since it was proven."""
        self._look_at_claim(fence)
        return self._held().apply(desired, expect=expect, fence=fence)

    def sign(self, *, expect: str | None, fence: Fence) -> str:
        """See Router; as `apply`."""
        self._look_at_claim(fence)
        return self._held().sign(expect=expect, fence=fence)

    def verify(self, desired: Desired) -> Verification:
        """See Router."""
        return self._held().verify(desired)

    def finalize(self, outcome: Outcome) -> None:
        """See Router."""
        self._held().finalize(outcome)

    def _look_at_claim(self, fence: Fence) -> None:
        """A raise has a claim; a lowering that is refused with one comes back without."""
        if fence.claim and not self._tenure.holds(self._clock.monotonic_s(), since=0.0):
            raise TargetConflict(UNCLAIMED)

    def _held(self) -> Router:
        if self._leash.is_cut:
            raise TargetDenied("another runner has taken over: this one was stuck for too long")
        return self._router


class LeashedJournal:
    """A journal that listens until the leash is cut."""

    def __init__(self, journal: Journal, leash: Leash) -> None:
        self._journal, self._leash = journal, leash

    def write(self, record: RoutingRecord, *, wait_s: float) -> int | None:
        """See Journal; without a stored intent nothing is raised."""
        return None if self._leash.is_cut else self._journal.write(record, wait_s=wait_s)

    def stored_fence(self, rollout: str) -> int:
        """See Journal."""
        return self._journal.stored_fence(rollout)

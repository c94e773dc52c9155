"""By what right does this actor raise a share? By a record in `routing`, its claim.

Whoever takes a rollout up writes a record; by its offset a later owner's claim is higher. A claim
counts once the group has confirmed this process *after* the record was stored: then no later
owner had begun. It is left on the target, so that nobody who was stopped in the middle of a raise
can finish it there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from streams.actuator.ports import Clock, Fence, Observed, Router
from streams.actuator.tenure import Tenure

UNCLAIMED = "unclaimed: the group has not confirmed yet that this actuator is the one to raise"


@dataclass(slots=True, kw_only=True)
class Claim:
    """One actor's claim."""

    rollout: str
    tenure: Tenure
    clock: Clock
    number: int = 0
    """Offset in `routing` after the record; 0: the log is not known to hold one."""
    made_at: float = 0.0
    """Monotonic seconds after which the log held it."""
    signed: bool = False
    """Whether it was left on the target."""

    def make(self, offset: int | None) -> None:
        """Claim by a record that the log is known to hold at this offset; the first one counts."""
        if not self.number and offset is not None:
            self.number, self.made_at = offset + 1, self.clock.monotonic_s()

    def proven(self) -> bool:
        """Whether raising is this actor's business now; if not, that is asked for."""
        now = self.clock.monotonic_s()
        return bool(self.number) and self.tenure.holds(now, since=self.made_at)

    def fence(self, seq: int) -> Fence:
        """What a write under this decision leaves on the target.

        A claim that is not proven is left nowhere: it could keep the true owner out.
        """
        return Fence(rollout=self.rollout, seq=seq, claim=self.number if self.proven() else 0)

    def sign(self, router: Router, seen: Observed, seq: int) -> Observed:
        """Leave it on the target, once, and nothing else; returns what is seen then.

        RouterErrors as of `Router.sign`.
        """
        fence = self.fence(seq)
        if self.signed or not fence.claim or not _is_news(fence, seen.fence):
            return seen
        revision = router.sign(expect=seen.revision, fence=fence)
        self.signed = True
        return replace(seen, revision=revision, fence=fence)


def _is_news(fence: Fence, there: Fence | None) -> bool:
    if there is None or there.rollout != fence.rollout:
        return True
    return there.claim < fence.claim and not there.forbids(fence)

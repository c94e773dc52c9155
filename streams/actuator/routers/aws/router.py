"""How is traffic moved at a resource of AWS? Look, compare, leave the fence, look again, write.

The APIs take whole documents without a condition, so everything is read just before it is written,
and only weights are changed in it.
"""

from __future__ import annotations

from collections.abc import Sequence

from streams.actuator.ports import (
    Applied,
    Capabilities,
    Desired,
    Fence,
    Observed,
    Outcome,
    Proof,
    Segments,
    Verification,
)
from streams.actuator.routers.aws.fences import Fences, Turn
from streams.actuator.routers.aws.split import Look, Split
from streams.actuator.routers.files import revision_of
from streams.actuator.weights import complaint, matches, measured, single, units
from streams.errors import TargetConflict, TargetRejected, TargetTransient
from streams.spec.model import ALL_SEGMENT


class AwsRouter:
    """See Router."""

    def __init__(
        self, split: Split, fences: Fences, can: Capabilities, arms: Sequence[str]
    ) -> None:
        self._split, self._fences = split, fences
        self._can, self._arms = can, tuple(arms)

    @property
    def capabilities(self) -> Capabilities:
        """See Router."""
        return self._can

    def observe(self) -> Observed:
        """See Router; while a change is under way every arm counts as not ready."""
        look = self._split.look()
        fence = self._fences.read(look.arn)
        return Observed(
            weights_bp=_seen(look),
            revision=_revision(look, fence),
            fence=fence,
            unready=self._arms if look.busy else self._split.unready(look),
            note=f"{look.how}; {look.busy}" if look.busy else look.how,
        )

    def apply(self, desired: Desired, *, expect: str | None, fence: Fence) -> Applied:
        """See Router; the fence is left before the weights are written.

        Raises:
            TargetTransient: also where a change is under way, which takes no other beside it.
        """
        if problem := complaint(desired.weights_bp, self._arms):
            raise TargetRejected(problem)
        wanted = units(single(desired.weights_bp), self._can.largest_weight, self._can.total)
        with self._fences.turn() as turn:
            look, _ = self._signed(turn, expect, fence)
            if look.busy:
                raise TargetTransient(look.busy)
            turn.check()
            self._split.write(look, wanted)
        seen = self._split.look()
        there = self._fences.read(seen.arn)
        _check(there, fence)  # a newer writer may have come while this one wrote
        return Applied(revision=_revision(seen, there), weights_bp={ALL_SEGMENT: measured(wanted)})

    def sign(self, *, expect: str | None, fence: Fence) -> str:
        """See Router."""
        with self._fences.turn() as turn:
            look, there = self._signed(turn, expect, fence)
        return _revision(look, there)

    def _signed(self, turn: Turn, expect: str | None, fence: Fence) -> tuple[Look, Fence]:
        """Compare, leave the fence, and compare again: what was seen, and the fence there now.

        An older fence found again is no conflict: AWS may show a tag some time after it was set.
        """
        look = self._split.look()
        there = turn.read(look.arn)
        if expect is not None and expect != _revision(look, there):
            raise TargetConflict(f"{look.arn}: changed since it was looked at")
        _check(there, fence)
        after = fence.after(there)
        if after == there:
            return look, after
        turn.leave(look.arn, after)
        again = self._split.look()
        if again.setting != look.setting:
            raise TargetConflict(f"{look.arn}: changed while the fence was left")
        _check(turn.read(look.arn), fence)
        return again, after

    def verify(self, desired: Desired) -> Verification:
        """See Router; AWS is asked what is set there, which is as far as it tells."""
        look = self._split.look()
        seen = _seen(look)
        how = "; ".join(
            filter(None, (f"{look.how}: {dict(look.shares_bp)}", look.busy, look.failed))
        )
        if look.failed:
            return Verification(proof=Proof.REJECTED, how=how)
        same = matches(seen, desired.weights_bp, self._can.largest_weight, self._can.total)
        proof = Proof.HOLDS if same and not look.busy else Proof.PENDING
        return Verification(proof=proof, how=how)

    def finalize(self, outcome: Outcome) -> None:
        """Nothing to tidy up: the fence stays, it keeps out who comes late."""


def _seen(look: Look) -> Segments:
    return {ALL_SEGMENT: look.shares_bp}


def _revision(look: Look, fence: Fence | None) -> str:
    return revision_of(look.arn, look.setting, str(fence))


def _check(there: Fence | None, fence: Fence) -> None:
    """Raise TargetConflict if a newer writer was there."""
    if there is not None and there.forbids(fence):
        raise TargetConflict(f"stale: the target carries {there}, this write is {fence}")

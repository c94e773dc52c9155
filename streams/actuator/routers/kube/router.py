"""How is traffic moved by the rules of an object? Look, patch under guards, look again.

Every write is one JSON Patch: it tests the resource version and the names that were seen, changes
weights and what is davy's own, and leaves the fence. What raises a share is first sent as a dry
run: permission, validation and admission say no before anything is in force, and fields that a
cluster does not know would be seen to be missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from typing import Protocol

from streams.actuator.audience import Audience
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
from streams.actuator.routers.files import revision_of
from streams.actuator.routers.foreign import understood
from streams.actuator.routers.kube.client import Address, KubeClient
from streams.actuator.routers.kube.dialect import Dialect
from streams.actuator.routers.kube.endpoints import Endpoints
from streams.actuator.routers.kube.notes import Notes
from streams.actuator.routers.kube.patches import TRIES, Json, Operation, unchanged
from streams.actuator.routers.kube.rules import Rules
from streams.actuator.routers.whose import Whose
from streams.actuator.weights import complaint, differs, home, matches, rises, settled
from streams.errors import TargetConflict, TargetRejected
from streams.spec.model import BASELINE, MIRROR


class Controller(Protocol):
    """Who carries an object's rules out, as far as the object shows it."""

    def proof(self, found: Json) -> Verification:
        """Whether it has taken the object as it is."""
        ...

    def unresolved(self, found: Json) -> str:
        """Why requests to some arm would fail; empty where nothing says so."""
        ...

    def check_copies(self, client: KubeClient, found: Json, copied_bp: Mapping[str, int]) -> None:
        """TargetRejected unless it can copy these shares of requests to candidates."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesRouter:
    """See Router; what is not common to all kinds of objects is passed in."""

    client: KubeClient
    address: Address
    dialect: Dialect
    controller: Controller
    notes: Notes
    endpoints: Endpoints
    arms: Sequence[str]
    audience: Audience
    capabilities: Capabilities
    whose: Whose = field(default_factory=Whose)

    def observe(self) -> Observed:
        """See Router; a backend that is missing or has no endpoint makes its arm unready."""
        found = self.client.get(self.address)
        with self._understood():
            why = self.controller.unresolved(found)
            weights, fence = self._rules(found).weights(), self.notes.fence(found)
        self.whose.look(fence)
        candidates = tuple(arm for arm in self.arms if arm != BASELINE) if why else ()
        return Observed(
            weights_bp=weights,
            revision=self._revision(found),
            fence=fence,
            unready=tuple(dict.fromkeys((*candidates, *self.endpoints.unready()))),
            note=why or str(self.address),
        )

    def apply(self, desired: Desired, *, expect: str | None, fence: Fence) -> Applied:
        """See Router."""
        weights = desired.weights_bp
        if problem := complaint(weights, self.arms):
            raise TargetRejected(problem)
        self.whose.write(fence)
        given = settled(weights, self.capabilities.largest_weight, self.capabilities.total)

        def patch(found: Json) -> list[Operation]:
            rules = self._rules(found)
            steps = [*rules.patch(given), *self._noted(found, given, fence)]
            if rises(rules.weights(), given):
                self._rehearse(found, steps, given)
            return steps

        after = self._write(patch, expect, fence)
        return Applied(revision=self._revision(after), weights_bp=given)

    def sign(self, *, expect: str | None, fence: Fence) -> str:
        """See Router; one annotation."""
        self.whose.write(fence)
        return self._revision(
            self._write(lambda found: self.notes.sign(found, fence), expect, fence)
        )

    def verify(self, desired: Desired) -> Verification:
        """See Router; the object is read back, and its controller's word on it."""
        found = self.client.get(self.address)
        with self._understood():
            have, can = self._rules(found).weights(), self.capabilities
            if not matches(have, desired.weights_bp, can.largest_weight, can.total):
                return Verification(proof=Proof.PENDING, how=f"{self.address} has {dict(have)}")
            why = self.controller.unresolved(found)
            if why and rises(home(self.arms), desired.weights_bp):
                return Verification(proof=Proof.PENDING, how=why)
            return self.controller.proof(found)

    def finalize(self, outcome: Outcome) -> None:
        """See Router; the fence stays, so that nobody who comes late can write.

        What another rollout has taken over is left to it.
        """

        def patch(found: Json) -> list[Operation]:
            if not self.whose.may_tidy(self.notes.fence(found)):
                return []
            rules = self._rules(found)
            at_home = not rises(home(self.arms), rules.weights())
            if outcome is Outcome.ROLLED_BACK and at_home:
                return [*(rules.stripped() or ()), *self.notes.rest(found)]
            return self.notes.leave(found) if rules.own else self.notes.rest(found)

        self._write(patch, None, None)

    def _write(
        self, patch: Callable[[Json], list[Operation]], expect: str | None, fence: Fence | None
    ) -> Json:
        """Read, guard, patch; again where only what is none of davy's business has changed."""
        for _ in range(TRIES - 1):
            found = self._guarded(expect, fence)
            with suppress(TargetConflict):
                return self._patched(found, patch)
        return self._patched(self._guarded(expect, fence), patch)

    def _patched(self, found: Json, patch: Callable[[Json], list[Operation]]) -> Json:
        with self._understood():
            steps = patch(found)
            return self.client.patch(self.address, [unchanged(found), *steps]) if steps else found

    def _guarded(self, expect: str | None, fence: Fence | None) -> Json:
        """The object, if it may be written to; a conflict of this kind does not pass by itself."""
        found = self.client.get(self.address)
        if expect is not None and expect != self._revision(found):
            raise TargetConflict(f"{self.address}: changed since it was looked at")
        with self._understood():
            there = self.notes.fence(found)
        if fence is not None and there is not None and there.forbids(fence):
            raise TargetConflict(f"stale: {self.address} carries {there}, this write is {fence}")
        return found

    def _rehearse(self, found: Json, steps: Sequence[Operation], given: Segments) -> None:
        """Ask the API server what would come of it; nothing is in force yet."""
        copied = {a: s for a, s in given.get(MIRROR, {}).items() if a != BASELINE and s}
        if copied:
            self.controller.check_copies(self.client, found, copied)
        after = self.client.patch(self.address, [unchanged(found), *steps], dry_run=True)
        would = self._rules(after).weights()
        if differs(would, given):
            raise TargetRejected(
                f"{self.address}: the API server would make {dict(would)} of {dict(given)}; does "
                "an admission webhook change it, or is its kind of an older version?"
            )

    def _noted(self, found: Json, weights: Segments, fence: Fence) -> list[Operation]:
        """The fence; and that davy is at work, where a candidate has anything or rules are told."""
        if rises(home(self.arms), weights) or self.audience.rules:
            return self.notes.begin(found, fence, weights)
        return self.notes.rest(found, fence)

    def _rules(self, found: Json) -> Rules:
        with self._understood():
            noted = self.notes.weights(found)
            return Rules.read(found, str(self.address), self.dialect, self.audience, noted)

    def _revision(self, found: Json) -> str:
        with self._understood():
            return revision_of(self._rules(found).state(), str(self.notes.fence(found)))

    def _understood(self) -> AbstractContextManager[None]:
        advice = "is it of the version that davy knows?"
        return understood(
            str(self.address), "object as expected", error=TargetRejected, advice=advice
        )

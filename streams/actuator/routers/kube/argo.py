"""How does a Rollout of Argo's get on? davy lets it go on, holds it, or aborts it.

Argo moves the traffic, step by step, and asks nobody but its own pauses. So this target is a gate:
a wanted share becomes the largest step that is not above it, lowering means aborting, and what was
let go on arrives when Argo's pods are ready. Source: Argo Rollouts v1.10, and the patches that its
kubectl plugin makes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from streams.actuator.audience import Audience
from streams.actuator.ports import (
    Applied,
    Capabilities,
    Desired,
    Fence,
    FenceKind,
    Kind,
    Observed,
    Outcome,
    Proof,
    Segments,
    Verification,
)
from streams.actuator.routers import options as read
from streams.actuator.routers.declared import About, Check, declared
from streams.actuator.routers.foreign import understood
from streams.actuator.routers.kube import client as kube
from streams.actuator.routers.kube.access import OPTIONS as ACCESS
from streams.actuator.routers.kube.access import read_access
from streams.actuator.routers.kube.argo_rollout import Place
from streams.actuator.routers.kube.argo_sight import Sight
from streams.actuator.routers.kube.argo_turns import Part, Turn, parts, released, turn
from streams.actuator.routers.kube.marks import Marks, check_fence, leave
from streams.actuator.routers.kube.patches import Json, again, unchanged
from streams.actuator.routers.whose import Whose
from streams.actuator.weights import complaint, single
from streams.errors import RouterError, TargetConflict, TargetRejected
from streams.spec.model import ALL_SEGMENT, BASELINE, FULL_BP

ROUTER = "argo-rollouts"
OPTIONS = ("name", "namespace", "skip_steps", *ACCESS)
ROLLOUTS = kube.Kind(group="argoproj.io", version="v1alpha1", name="Rollout", plural="rollouts")
ASK_EVERY_S = 0.25
SETTLES_S = 60.0
CAN = Capabilities(
    kind=Kind.GATE,
    largest_weight=FULL_BP,
    fence=FenceKind.NATIVE,
    survives_restart=True,
    settles_s=SETTLES_S,
    ask_every_s=ASK_EVERY_S,
)


class ArgoRouter:
    """See Router. One Rollout, one candidate."""

    def __init__(
        self, client: kube.KubeClient, address: kube.Address, candidate: str, *, skips: bool
    ) -> None:
        self._client, self._address, self._candidate = client, address, candidate
        self._skips = skips
        self._opened_bp: int | None = None
        """How far the last write let the candidate go."""
        self._whose = Whose()

    @property
    def capabilities(self) -> Capabilities:
        """See Router."""
        return CAN

    def observe(self) -> Observed:
        """What Argo says that it has set, and how far one turn would lead."""
        found = self._client.get(self._address)
        marks = Marks.of(found)
        self._whose.look(marks.fence)
        sight = self._sight(found, marks.subject)
        reason = sight.reason()
        return Observed(
            weights_bp=self._weights(sight.share_bp()),
            revision=sight.revision,
            fence=marks.fence,
            unready=(self._candidate,) if reason else (),
            reach_bp=sight.reach_bp(skips=self._skips),
            upcoming_bp=sight.place.upcoming_bp() if sight.ours else None,
            note="; ".join(filter(None, (f"status, step {sight.place.index}", reason))),
        )

    def apply(self, desired: Desired, *, expect: str | None, fence: Fence) -> Applied:
        """See Router: one turn; `weights_bp` are what there is, more comes when Argo is ready."""
        if problem := complaint(desired.weights_bp, (BASELINE, self._candidate)):
            raise TargetRejected(problem)
        self._whose.write(fence)
        want = single(desired.weights_bp)[self._candidate]
        sight = self._guarded(expect, fence)
        which = self._turn(sight, want)
        after = self._sign(sight, fence)
        for part in parts(which, after.found, after.place, held=after.held):
            after = self._patched(part, after)
        self._opened_bp = _opened_bp(which, sight.place)
        given = 0 if which is Turn.ABORT else sight.share_bp()
        return Applied(revision=after.revision, weights_bp=self._weights(given))

    def sign(self, *, expect: str | None, fence: Fence) -> str:
        """See Router; notes the candidate too, if one is under way."""
        self._whose.write(fence)
        return self._sign(self._guarded(expect, fence), fence).revision

    def verify(self, desired: Desired) -> Verification:
        """See Router; what was let go on may have come further already."""
        seen, want = self.observe(), single(desired.weights_bp)[self._candidate]
        have = seen.weights_bp[ALL_SEGMENT][self._candidate]
        holds = want <= have <= max(want, self._opened_bp or 0)
        how = f"{seen.note}: {have / 100:g} %"
        return Verification(proof=Proof.HOLDS if holds else Proof.PENDING, how=how)

    def finalize(self, outcome: Outcome) -> None:
        """See Router: a candidate that was taken back is aborted, and davy's pause is lifted.

        What another rollout has taken over is left to it.
        """
        again(lambda: self._take_leave(outcome))

    def _take_leave(self, outcome: Outcome) -> None:
        found = self._client.get(self._address)
        marks = Marks.of(found)
        if not self._whose.may_tidy(marks.fence):
            return
        sight = self._sight(found, marks.subject)
        stands = sight.ours and not sight.place.aborted and not sight.share_bp()
        if outcome is Outcome.ROLLED_BACK and stands:
            for part in parts(Turn.ABORT, found, sight.place, held=sight.held):
                seen = unchanged(sight.found)  # an abort tests no fence where none was seen
                sight = self._patched(replace(part, operations=(seen, *part.operations)), sight)
        if operations := released(sight.found):
            self._client.patch(self._address, operations)

    def _turn(self, sight: Sight, want_bp: int) -> Turn:
        """What to say; nothing to a Rollout that rolls out something else."""
        try:
            if sight.ours:
                return turn(sight.place, want_bp, held=sight.held, skips=self._skips)
        except RouterError as error:
            raise type(error)(f"{self._address}: {error}") from error
        if want_bp < sight.share_bp():
            raise TargetRejected(
                f"{self._address}: the candidate was promoted, and nothing is left to abort; go "
                "back with `kubectl argo rollouts undo`"
            )
        if want_bp > sight.share_bp():
            raise TargetConflict(f"{self._address}: {sight.reason()}")
        return Turn.KEEP

    def _guarded(self, expect: str | None, fence: Fence) -> Sight:
        """The Rollout as the rollout that writes sees it."""
        found = self._client.get(self._address)
        marks = Marks.of(found)
        if expect is not None and expect != self._sight(found, marks.subject).revision:
            raise TargetConflict(f"{self._address}: changed since it was looked at")
        check_fence(str(self._address), marks.fence, fence)
        return self._sight(found, marks.subject_for(fence.rollout))

    def _sign(self, sight: Sight, fence: Fence) -> Sight:
        """Leave fence and candidate: what follows tests that they are still there."""
        subject = sight.noted or (sight.place.candidate if sight.place.underway else "")
        operations = leave(sight.found, fence, subject)
        if not operations:
            return sight
        found = self._client.patch(self._address, [unchanged(sight.found), *operations])
        return self._sight(found, subject)

    def _patched(self, part: Part, before: Sight) -> Sight:
        found = self._client.patch(self._address, part.operations, subresource=part.subresource)
        return self._sight(found, before.noted)

    def _sight(self, found: Json, noted: str) -> Sight:
        where, advice = str(self._address), "is it Argo's, and of a version that davy knows?"
        with understood(where, "Rollout", error=TargetRejected, advice=advice):
            return Sight.of(found, noted)

    def _weights(self, share_bp: int) -> Segments:
        return {ALL_SEGMENT: {BASELINE: FULL_BP - share_bp, self._candidate: share_bp}}


def _opened_bp(which: Turn, place: Place) -> int | None:
    """How far a turn lets the candidate go; None where it goes no further."""
    match which:
        case Turn.PROMOTE:
            return place.next_bp()
        case Turn.FULL:
            return FULL_BP
        case _:
            return None


@declared(
    About(
        target="steps of a Rollout: go on, hold, abort",
        can=CAN,
        counterpart="Argo Rollouts 1.10 on kube-apiserver 1.35",
        checks=(Check.GATE,),
    )
)
def open_argo(
    options: Mapping[str, Any],
    arms: Sequence[str],
    audience: Audience,  # noqa: ARG001 - it has one weight for all requests
) -> ArgoRouter:
    """The router for these options.

    `name`: the Rollout; `namespace` (default `default`); `skip_steps`: at 100 % skip what is left
    of the steps, Argo's own analyses included; `kubeconfig`, `context`.
    """
    read.check_names(options, known=OPTIONS, router=ROUTER)
    name = read.text(options, "name", router=ROUTER, example="digits")
    namespace = read.optional_text(options, "namespace", router=ROUTER, example="models")
    candidates = [arm for arm in arms if arm != BASELINE]
    if len(candidates) > 1:
        raise read.OptionError(
            f"target.router: a Rollout has one candidate, the spec has {', '.join(candidates)} — "
            "try one at a time, or take another router"
        )
    return ArgoRouter(
        kube.KubeClient(read_access(options, ROUTER)),
        kube.Address(kind=ROLLOUTS, namespace=namespace or "default", name=name),
        candidates[0],
        skips=read.flag(options, "skip_steps", router=ROUTER),
    )

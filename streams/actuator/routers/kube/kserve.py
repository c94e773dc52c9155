"""How is traffic moved between models that KServe serves? One number in an InferenceService.

Each of KServe's three modes splits traffic by a field of its own (`kserve_serverless.py`,
`kserve_standard.py`, `kserve_llm.py`); what is common to them is here. Every write is a guarded
JSON Patch. What KServe's controllers have put in force is read in the status.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from streams.actuator.audience import Audience
from streams.actuator.ports import (
    Applied,
    Capabilities,
    Desired,
    Fence,
    FenceKind,
    Observed,
    Outcome,
    Proof,
    Segments,
    Verification,
)
from streams.actuator.routers.declared import About, Check, declared
from streams.actuator.routers.files import revision_of
from streams.actuator.routers.foreign import understood
from streams.actuator.routers.kube.client import Address, KubeClient
from streams.actuator.routers.kube.kserve_form import Change, Form, Found, View
from streams.actuator.routers.kube.kserve_options import read_options
from streams.actuator.routers.kube.marks import Marks, check_fence, leave
from streams.actuator.routers.kube.patches import Json, Operation, again, unchanged
from streams.actuator.routers.whose import Whose
from streams.actuator.weights import complaint, higher_of, matches, measured, rises, single, units
from streams.errors import TargetConflict, TargetRejected
from streams.spec.model import ALL_SEGMENT, BASELINE, FULL_BP

ASK_EVERY_S = 0.25
SETTLES_S = 30.0
PERCENT = 100
OTHER = "another candidate than the one that the rollout began with"


def _can(total: int) -> Capabilities:
    return Capabilities(
        largest_weight=total,
        total=total,
        fence=FenceKind.NATIVE,
        survives_restart=True,
        settles_s=SETTLES_S,
        ask_every_s=ASK_EVERY_S,
    )


class KServeRouter:
    """See Router; the mode's form says which objects there are and what they mean."""

    def __init__(self, client: KubeClient, namespace: str, form: Form) -> None:
        self._client, self._namespace, self._form = client, namespace, form
        self._whose = Whose()

    @property
    def capabilities(self) -> Capabilities:
        """See Router."""
        return _can(self._form.total)

    def observe(self) -> Observed:
        """The specs' shares and those in the status, the higher where they differ."""
        found = self._read()
        noted = _noted(found)
        self._whose.look(Marks.of(_first(found)).fence)
        view = self._look(found, noted)
        reasons = _reasons(view, noted)
        return Observed(
            weights_bp=self._weights(view),
            revision=self._revision(found),
            fence=_common(found),
            unready=tuple(reasons),
            note="; ".join(["spec and status", *(f"{arm}: {why}" for arm, why in reasons.items())]),
        )

    def apply(self, desired: Desired, *, expect: str | None, fence: Fence) -> Applied:
        """See Router; while there is no candidate only the fence is left."""
        if problem := complaint(desired.weights_bp, self._form.arms):
            raise TargetRejected(problem)
        self._whose.write(fence)
        total = self._form.total
        want = units(single(desired.weights_bp), total, total)
        found, view = self._guarded(expect, fence)
        if view.vacant:
            want = dict(view.asked)
        elif rises(self._weights(view), {ALL_SEGMENT: measured(want)}):
            _check_raise(view, Marks.of(_first(found)).subject_for(fence.rollout))
        changes = [] if view.vacant else self._changes(found, view, want)
        after = self._write(found, view, fence, changes)
        return Applied(revision=self._revision(after), weights_bp={ALL_SEGMENT: measured(want)})

    def sign(self, *, expect: str | None, fence: Fence) -> str:
        """See Router; every object gets the fence, and which candidates they are."""
        self._whose.write(fence)
        found, view = self._guarded(expect, fence)
        return self._revision(self._write(found, view, fence, []))

    def verify(self, desired: Desired) -> Verification:
        """See Router; the controllers must have said that the shares are in force."""
        found = self._read()
        view = self._look(found, _noted(found))
        asked, served = {ALL_SEGMENT: measured(view.asked)}, self._served(view)
        total = self._form.total
        holds = view.agreed and all(
            one is not None and matches(one, desired.weights_bp, total, total)
            for one in (asked, served)
        )
        told = "tells none" if served is None else dict(served[ALL_SEGMENT])
        how = f"spec {asked[ALL_SEGMENT]}, status {told}"
        return Verification(proof=Proof.HOLDS if holds else Proof.PENDING, how=how)

    def finalize(self, outcome: Outcome) -> None:
        """See Router; a promoted candidate becomes what later ones are compared with.

        What another rollout has taken over is left to it.
        """
        if outcome is Outcome.PROMOTED:
            again(self._take_leave)

    def _take_leave(self) -> None:
        found = self._read()
        if not all(self._whose.may_tidy(Marks.of(one).fence) for one in found.values()):
            return
        with self._understood():
            changes = self._form.farewell(found)
        for change in changes:
            guarded = [unchanged(found[change.name]), *change.operations]
            self._client.patch(self._address(change.name), guarded)

    def _guarded(self, expect: str | None, fence: Fence) -> tuple[Found, View]:
        """The objects, and what they show to the rollout that writes."""
        found = self._read()
        if expect is not None and expect != self._revision(found):
            raise TargetConflict(f"{self._form.kind.name} {self._where()}: changed since looked at")
        for name, one in found.items():
            check_fence(str(self._address(name)), Marks.of(one).fence, fence)
        return found, self._look(found, Marks.of(_first(found)).subject_for(fence.rollout))

    def _changes(self, found: Found, view: View, want: Mapping[str, int]) -> list[Change]:
        with self._understood():
            return self._form.changes(found, view.asked, want)

    def _write(self, found: Found, view: View, fence: Fence, changes: list[Change]) -> Found:
        """Patch every object once: what is to be changed first, and in its order."""
        subject = Marks.of(_first(found)).subject_for(fence.rollout) or view.subject
        rest = found.keys() - {change.name for change in changes}
        after = dict(found)
        for change in [*changes, *(Change(name=name, operations=()) for name in sorted(rest))]:
            one = found[change.name]
            operations = [*leave(one, fence, subject), *change.operations]
            if operations:
                after[change.name] = self._patched(change.name, one, operations)
        return after

    def _patched(self, name: str, seen: Json, operations: Sequence[Operation]) -> Json:
        """Patch an object that is as it was seen; a status that was written since is no change.

        In a group the first patch alone has controllers write the status of the others.
        """
        address, known = self._address(name), [seen]

        def patch() -> Json:
            one = known.pop() if known else self._client.get(address)
            if _said(one) != _said(seen):
                raise TargetConflict(f"{address}: changed since it was looked at")
            return self._client.patch(address, [unchanged(one), *operations])

        return again(patch)

    def _look(self, found: Found, noted: str) -> View:
        with self._understood():
            return self._form.look(found, noted)

    def _weights(self, view: View) -> Segments:
        asked, served = {ALL_SEGMENT: measured(view.asked)}, self._served(view)
        return asked if served is None else higher_of(asked, served)

    def _served(self, view: View) -> Segments | None:
        """Parts of the total in basis points: shares that are too many are not made less."""
        if view.served is None:
            return None
        total = self._form.total
        return {ALL_SEGMENT: {a: part * FULL_BP // total for a, part in view.served.items()}}

    def _revision(self, found: Found) -> str:
        """Changes with specs, candidates and fences; not with how far controllers have come."""
        view = self._look(found, _noted(found))
        fences = [str(Marks.of(found[name]).fence) for name in self._form.names]
        return revision_of(json.dumps(view.asked), view.subject, *fences)

    def _read(self) -> Found:
        return {name: self._client.get(self._address(name)) for name in self._form.names}

    def _address(self, name: str) -> Address:
        return Address(kind=self._form.kind, namespace=self._namespace, name=name)

    def _where(self) -> str:
        return f"{self._namespace}/{', '.join(self._form.names)}"

    def _understood(self) -> Any:
        what, advice = self._form.kind.name, "is it KServe's, and of a version that davy knows?"
        return understood(self._where(), what, error=TargetRejected, advice=advice)


def _said(one: Json) -> object:
    """What people and davy say of an object; its status is its controller's."""
    return one["spec"], one["metadata"].get("annotations")


def _first(found: Found) -> Any:
    return next(iter(found.values()))


def _noted(found: Found) -> str:
    """Which candidates the rollout that wrote last began with."""
    return Marks.of(_first(found)).subject


def _reasons(view: View, noted: str) -> dict[str, str]:
    """Arm -> why its share is not raised."""
    changed = noted and view.subject and noted != view.subject
    others = {arm: OTHER for arm in view.asked if changed and arm != BASELINE}
    return others | dict(view.unready)


def _check_raise(view: View, noted: str) -> None:
    """TargetConflict where the candidates are others, or cannot take more: look again."""
    if reasons := _reasons(view, noted):
        told = "; ".join(f"{arm}: {why}" for arm, why in reasons.items())
        raise TargetConflict(f"not raised: {told}")


def _common(found: Found) -> Fence | None:
    """The fence that all objects carry; None where a write of several was not finished."""
    fences: Iterable[Fence | None] = {Marks.of(one).fence for one in found.values()}
    first, *others = fences
    return None if others else first


@declared(
    About(
        target="canaryTrafficPercent of an InferenceService on Knative",
        variant="mode: serverless",
        can=_can(PERCENT),
        counterpart="kube-apiserver 1.35, its controller played",
        checks=(Check.CONTRACT,),
    ),
    About(
        target="canary[].trafficPercent of an InferenceService",
        variant="mode: standard",
        can=_can(PERCENT),
        counterpart="kube-apiserver 1.35, its controller played",
        checks=(Check.CONTRACT,),
    ),
    About(
        target="weights of a group of LLMInferenceServices",
        variant="mode: llm",
        can=_can(FULL_BP),
        counterpart="kube-apiserver 1.35, its controller played",
        checks=(Check.CONTRACT,),
    ),
)
def open_kserve(
    options: Mapping[str, Any],
    arms: Sequence[str],
    audience: Audience,  # noqa: ARG001 - KServe tells no requests apart
) -> KServeRouter:
    """The router for these options; see `kserve_options.py`."""
    chosen = read_options(options, arms)
    return KServeRouter(KubeClient(chosen.access), chosen.namespace, chosen.form)

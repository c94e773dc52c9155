"""What is said to a Rollout so that its candidate gets this share? One of five turns, as patches.

A turn is never given twice: each patch tests which candidate it is about, and one that lets a
Rollout go on tests at which step it stands and that nothing has changed since it was looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from streams.actuator.routers.kube.argo_rollout import Place
from streams.actuator.routers.kube.marks import FENCE
from streams.actuator.routers.kube.patches import (
    Json,
    Operation,
    drop,
    expect,
    pointer,
    put,
    set_meta,
    unchanged,
)
from streams.errors import TargetConflict, TargetRejected
from streams.spec.model import FULL_BP

HELD = "davy.dev/held"
"""Annotation: davy paused it as a whole, so davy may let it go on."""
PAUSED = pointer("spec", "paused")


class Turn(StrEnum):
    """What can be said to a Rollout."""

    KEEP = "keep"
    HOLD = "hold"  # pause it as a whole: its own steps would go further than is wanted
    PROMOTE = "promote"  # let it go on from where it waits, once
    FULL = "promote full"  # let it go all the way, past what is left of its steps
    ABORT = "abort"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One patch of a turn, of the object or of its status."""

    operations: tuple[Operation, ...]
    subresource: str = ""


def turn(place: Place, want_bp: int, *, held: bool, skips: bool) -> Turn:
    """The turn that brings the candidate nearer to a share, and never above it.

    Args:
        place: Where the Rollout stands, its candidate being ours.
        want_bp: The share.
        held: davy paused it as a whole.
        skips: Whether steps that are left may be skipped when everything is wanted.

    Raises:
        TargetRejected: the share cannot be had, now or ever.
        TargetConflict: it is on its way and cannot be let go on now.
    """
    if want_bp < place.weight_bp:
        return Turn.KEEP if place.aborted and not place.full else Turn.ABORT
    if want_bp == place.weight_bp:
        return Turn.HOLD if place.upcoming_bp() > want_bp else Turn.KEEP
    if place.aborted:
        raise TargetRejected("it was aborted, and what was aborted is never promoted")
    if not (held if place.paused else place.waits):
        raise TargetConflict(f"it does not wait at a gate (step {place.index})")
    if want_bp == FULL_BP and skips and not place.last_gate():
        return Turn.FULL
    if want_bp < place.next_bp():
        raise TargetRejected(
            f"its next step gives {place.next_bp() / 100:g} %, more than {want_bp / 100:g} %"
        )
    return Turn.PROMOTE


def parts(which: Turn, found: Json, place: Place, *, held: bool) -> list[Part]:
    """The patches of a turn, in their order."""
    match which:
        case Turn.KEEP:
            return []
        case Turn.HOLD:
            note = set_meta(found, "annotations", HELD, "true")
            return [
                Part(operations=(unchanged(found), *_at(found, place), put(PAUSED, True), *note))
            ]
        case Turn.PROMOTE:
            let_go = drop(pointer("status", "pauseConditions"))
            status = _status(unchanged(found), *_at(found, place), let_go)
            return [status] * place.waits + _resumed(found, place) * held
        case Turn.FULL:
            everything = put(pointer("status", "promoteFull"), True)
            status = _status(unchanged(found), *_at(found, place), everything)
            return [status, *_resumed(found, place) * held]
        case Turn.ABORT:
            stop = [put(pointer("status", "abort"), True)]
            if place.full:  # that word is stronger than an abort
                stop.append(put(pointer("status", "promoteFull"), False))
            return [_status(*_ours(found, place), *stop)]
        case _:
            assert_never(which)


def released(found: Json) -> list[Operation]:
    """Take back davy's own pause of the whole; nothing where there is none."""
    note = set_meta(found, "annotations", HELD, None)
    return [unchanged(found), put(PAUSED, False), *note] if note else []


def _resumed(found: Json, place: Place) -> list[Part]:
    note = set_meta(found, "annotations", HELD, None)
    return [Part(operations=(*_at(found, place), put(PAUSED, False), *note))]


def _status(*operations: Operation) -> Part:
    return Part(operations=operations, subresource="status")


def _ours(found: Json, place: Place) -> list[Operation]:
    """It is about this candidate still, and nobody has left a newer fence."""
    fence = (found["metadata"].get("annotations") or {}).get(FENCE)
    signed = [expect(pointer("metadata", "annotations", FENCE), str(fence))] if fence else []
    return [*signed, expect(pointer("status", "currentPodHash"), place.candidate)]


def _at(found: Json, place: Place) -> list[Operation]:
    return [*_ours(found, place), expect(pointer("status", "currentStepIndex"), place.index)]

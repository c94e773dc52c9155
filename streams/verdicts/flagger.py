"""What does Flagger get that asks its webhooks? `POST /flagger/<kind of hook>`.

Yes is 200, `not yet` 425, no 412; whatever else there is is an error, and for Flagger a no too.
"""

from __future__ import annotations

import logging
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from streams.actuator.lines import say
from streams.spec.units import UnitError
from streams.verdicts.answers import Answer, Hook, Problem
from streams.verdicts.argo import PROBLEMS
from streams.verdicts.asking import Answered, NoVerdict, ask
from streams.verdicts.desk import Desk, said
from streams.verdicts.facts import Known, Question, Result, Ruling
from streams.verdicts.hooks import (
    MEANINGS,
    TELLING,
    HookType,
    Meaning,
    asked_bp,
    next_step,
    steps_of,
)
from streams.verdicts.ruling import applied_bp, just_raised, unknown_share

YES, NO, NOT_YET = 200, 412, 425
SETTLE_S = 2.0
"""After a yes, weights that were told earlier than this do not show yet what came of it."""
FRESH_S = 6.0
"""Weights that were told longer ago may be those before a raise that another server has granted:
more than an actuator takes from look to look, less than Flagger's interval."""
ANSWERS: dict[int | str, dict[str, Any]] = {
    NO: {"model": Answer, "description": "No: the candidate failed, or there is no reason to."},
    NOT_YET: {"model": Answer, "description": "Not yet."},
}


class Noted(BaseModel):
    """News was taken in."""

    noted: str


class Gates:
    """When which rollout was granted a raise last; the start counts as one."""

    def __init__(self, now: float) -> None:
        self._start = now
        self._granted: dict[str, float] = {}

    def doubt(self, known: Known, now: float) -> Ruling | None:
        """Why no raise is granted now; None where weights were told lately and since the last."""
        if known.standing.terminal:
            return None
        if known.routed_at is None or now - known.routed_at > FRESH_S:
            return unknown_share()
        since = self._granted.get(known.spec.rollout, self._start)
        return None if known.routed_at > since + SETTLE_S else just_raised()

    def grant(self, known: Known, now: float) -> None:
        """A raise was granted."""
        self._granted[known.spec.rollout] = now


def flagger_router(desk: Desk) -> APIRouter:
    """One path for each kind of hook."""
    router, gates = APIRouter(tags=["flagger"]), Gates(desk.clock())

    @router.post("/flagger/{kind}", response_model=Answer | Noted, responses=PROBLEMS | ANSWERS)
    def hook(kind: HookType, body: Hook) -> JSONResponse:
        """Answer a hook of this kind; `metadata.rollout` or `metadata.service` says of what."""
        if kind in TELLING:
            return _noted(desk, kind, body)
        return _answered(desk, gates, kind, body)

    return router


def _noted(desk: Desk, kind: HookType, body: Hook) -> JSONResponse:
    who = f"{body.namespace}/{body.name}"
    facts = {"canary": who, "phase": body.phase, "checksum": body.checksum}
    message = body.metadata.get("eventMessage", "")
    say(logging.INFO, f"verdicts.flagger_{kind}", facts | ({"message": message} if message else {}))
    desk.ledger.note(kind, who, body.checksum, status=YES, answer="noted", code="noted")
    return said(YES, Noted(noted=kind))


def _answered(desk: Desk, gates: Gates, kind: HookType, body: Hook) -> JSONResponse:
    who, meaning = f"{body.namespace}/{body.name}", MEANINGS[kind]
    try:
        answered = _asked(desk, kind, meaning, body)
    except UnitError as error:
        problem = Problem(code="bad_weight", reason=f"metadata.weight or metadata.steps: {error}")
        return said(422, problem)
    except NoVerdict as no:
        return desk.refuse(no, kind, who, body.checksum)
    ruling = answered.ruling
    if kind is HookType.CONFIRM_TRAFFIC_INCREASE and ruling.result is Result.PASSED:
        ruling = _granted(gates, answered)
    status = _status(meaning, ruling)
    return desk.answer(answered, ruling, status=status, via=kind, who=who, revision=body.checksum)


def _asked(desk: Desk, kind: HookType, meaning: Meaning, body: Hook) -> Answered:
    """Who has named the checksum beside the hook vouches for it."""
    told, now = body.metadata, desk.clock()
    vouched = told.get("checksum", "")
    rollout = told.get("rollout", "")
    question = Question(
        rollout=rollout,
        service="" if rollout else told.get("service", ""),
        revision=body.checksum,
        weight_bp=asked_bp(told.get("weight", ""), meaning.weight_bp),
    )

    steps = steps_of(told) if kind is HookType.CONFIRM_TRAFFIC_INCREASE else ()

    def rule(known: Known, arm: str, weight_bp: int, at: float) -> Ruling:
        if steps:
            weight_bp = next_step(steps, applied_bp(known, arm, at) or 0)
        return meaning.rule(known, arm, weight_bp, at)

    return ask(
        question,
        desk.rollouts,
        desk.log,
        rule,
        now,
        also_called=(vouched,) if vouched else (),
        any_revision=meaning.any_revision,
    )


def _granted(gates: Gates, answered: Answered) -> Ruling:
    doubt = gates.doubt(answered.known, answered.now)
    if doubt is None:
        gates.grant(answered.known, answered.now)
    return doubt or answered.ruling


def _status(meaning: Meaning, ruling: Ruling) -> int:
    if ruling.result is meaning.yes:
        return YES
    undecided = ruling.result is Result.UNDECIDED and meaning.yes is Result.PASSED
    return NOT_YET if undecided else NO

"""What does a controller that asks get? `/v1/verdict`, made for Argo Rollouts' `web` metrics.

Argo takes anything but 2xx for an error, counts errors, and aborts after five in a row. So a
question that cannot be answered is an error, and what is not decided yet is not one.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from streams.spec.model import FULL_BP, LONGEST_WORDS
from streams.spec.units import UnitError
from streams.verdicts.answers import Answer, Problem, Wanted
from streams.verdicts.asking import NoVerdict, ask
from streams.verdicts.desk import Desk, said
from streams.verdicts.facts import Question
from streams.verdicts.hooks import asked_bp
from streams.verdicts.ruling import may_have

VIA = "verdict"
Word = Annotated[str, Query(max_length=LONGEST_WORDS)]
Share = Annotated[
    str,
    Query(max_length=16, description="The share asked for: `25` or `25%`; all of it if left out."),
]
PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The body is no JSON."},
    401: {"description": "Who asks is not known."},
    404: {"model": Problem, "description": "There is no such rollout."},
    409: {"model": Problem, "description": "The revision is missing or another one."},
    422: {"model": Problem, "description": "The question makes no sense."},
    503: {"model": Problem, "description": "The log was not read to its end."},
}


def argo_router(desk: Desk) -> APIRouter:
    """`GET` and `POST /v1/verdict`, and `/v1/asked`."""
    router = APIRouter(tags=["verdict"])

    @router.get("/v1/verdict", response_model=Answer, responses=PROBLEMS)
    def verdict(
        rollout: Word = "",
        service: Word = "",
        hash: Word = "",  # noqa: A002 - the name of the parameter
        weight: Share = "",
    ) -> JSONResponse:
        """May the candidate have this share? pass, fail or undecided."""
        return _answered(desk, Wanted(rollout=rollout, service=service, hash=hash, weight=weight))

    @router.post("/v1/verdict", response_model=Answer, responses=PROBLEMS)
    def posted(
        body: Wanted | None = None,
        rollout: Word = "",
        service: Word = "",
        hash: Word = "",  # noqa: A002 - the name of the parameter
        weight: Share = "",
    ) -> JSONResponse:
        """The same; what the URL leaves out is taken from the body."""
        told = body or Wanted()
        return _answered(
            desk,
            Wanted(
                rollout=rollout or told.rollout,
                service=service or told.service,
                hash=hash or told.hash,
                weight=weight or told.weight,
            ),
        )

    @router.get("/v1/asked")
    def asked() -> list[dict[str, str | int]]:
        """Who asked lately, for which revision, and what was answered; the newest first."""
        return [asdict(each) for each in desk.ledger.last()]

    return router


def _answered(desk: Desk, wanted: Wanted) -> JSONResponse:
    who = wanted.rollout or wanted.service
    try:
        weight_bp = asked_bp(wanted.weight, FULL_BP)
    except UnitError as error:
        return said(422, Problem(code="bad_weight", reason=f"weight: {error}"))
    question = Question(
        rollout=wanted.rollout, service=wanted.service, revision=wanted.hash, weight_bp=weight_bp
    )
    try:
        answered = ask(question, desk.rollouts, desk.log, may_have, desk.clock())
    except NoVerdict as no:
        return desk.refuse(no, VIA, who, wanted.hash)
    ruling = answered.ruling
    return desk.answer(answered, ruling, status=200, via=VIA, who=who, revision=wanted.hash)

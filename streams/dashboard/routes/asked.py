"""What do all routes share? Parameters, and how refusals are documented."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Path, Query, Request

from streams.dashboard.answers.common import Trouble
from streams.dashboard.orders import NoAnswer
from streams.serving.door import ACTOR
from streams.spec.model import LONGEST_WORDS

Id = Annotated[str, Path(max_length=LONGEST_WORDS, description="The rollout's id.")]
Word = Annotated[str, Query(max_length=LONGEST_WORDS)]
Segment = Annotated[str, Query(max_length=LONGEST_WORDS, description="`all`, or a slice.")]
Limit = Annotated[int, Query(ge=1, le=200, description="How many at most.")]
Before = Annotated[int | None, Query(ge=0, description="`next` of the page before.")]

TROUBLES: dict[int | str, dict[str, Any]] = {
    401: {"description": "Who asks is not known."},
    404: {"model": Trouble, "description": "There is no such rollout, or nothing of it."},
    421: {"model": Trouble, "description": "The server was asked under a strange name."},
    422: {"model": Trouble, "description": "The question makes no sense."},
    503: {"model": Trouble, "description": "The log was not read to its end."},
}


def without(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Documented refusals but these."""
    return {status: told for status, told in TROUBLES.items() if status not in statuses}


def user_of(request: Request) -> str:
    """Who was authenticated; empty where nobody is asked."""
    return str(getattr(request.state, ACTOR, ""))


def nothing(code: str, reason: str, where: str, advice: str) -> NoAnswer:
    """There is nothing of the kind."""
    trouble = Trouble(code=code, reason=reason, where=where, advice=advice)
    return NoAnswer(HTTPStatus.NOT_FOUND, trouble)

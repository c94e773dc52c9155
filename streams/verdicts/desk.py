"""What do the routers need to answer? The board, who fills it, and the ledger of answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from fastapi.responses import JSONResponse
from pydantic import BaseModel

from streams.verdicts.answers import Problem, answer_of
from streams.verdicts.asking import Answered, Cause, Log, NoVerdict, Rollouts
from streams.verdicts.facts import Ruling
from streams.verdicts.ledger import Ledger

STATUS = {
    Cause.NOT_READ: 503,
    Cause.UNKNOWN_ROLLOUT: 404,
    Cause.WRONG_REVISION: 409,
    Cause.SEVERAL_MEANT: 409,
    Cause.NOBODY_NAMED: 422,
}
RETRY_S = "5"


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where questions are answered."""

    rollouts: Rollouts
    log: Log
    ledger: Ledger
    clock: Callable[[], float] = time.monotonic

    def refuse(self, no: NoVerdict, via: str, who: str, revision: str) -> JSONResponse:
        """No verdict, as an error that no controller takes for one."""
        status = STATUS[no.cause]
        self.ledger.note(via, who, revision, status=status, answer=no.cause, code=no.cause)
        return said(status, Problem(code=no.cause, reason=no.sentence))

    def answer(
        self,
        answered: Answered,
        ruling: Ruling,
        *,
        status: int,
        via: str,
        who: str,
        revision: str,
    ) -> JSONResponse:
        """A verdict."""
        result, code = ruling.result.value, ruling.code
        self.ledger.note(via, who, revision, status=status, answer=result, code=code)
        return said(status, answer_of(answered, ruling))


def said(status: int, body: BaseModel) -> JSONResponse:
    """A JSON response that nobody keeps."""
    headers = {"Cache-Control": "no-store"}
    if status == STATUS[Cause.NOT_READ]:
        headers["Retry-After"] = RETRY_S
    return JSONResponse(body.model_dump(mode="json"), status, headers)

"""What does a person say? A command, from our own page or from a program that does as it does."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, Request

from streams.dashboard.answers.common import Trouble
from streams.dashboard.answers.story import CommandSent, CommandWanted
from streams.dashboard.orders import NoAnswer, command_of
from streams.dashboard.origin import HEADER, strangeness
from streams.dashboard.pen import Pen
from streams.dashboard.routes.asked import TROUBLES, Id, user_of
from streams.dashboard.window import Window
from streams.errors import LogError, RegistryError

Token = Annotated[str, Header(alias=HEADER, max_length=128, description="`Session.token`.")]
REFUSALS = TROUBLES | {
    400: {"model": Trouble, "description": "The body is no JSON."},
    403: {"model": Trouble, "description": "Not from our page, or this server only looks."},
    409: {"model": Trouble, "description": "It cannot be asked of this rollout now."},
    503: {"model": Trouble, "description": "The log was not read, or the command not written."},
}


def steering_router(window: Window) -> APIRouter:
    """`POST /rollouts/{rollout}/commands`."""
    router = APIRouter(responses=REFUSALS)

    @router.post("/rollouts/{rollout}/commands", status_code=HTTPStatus.ACCEPTED)
    def command(
        rollout: Id, wanted: CommandWanted, request: Request, token: Token = ""
    ) -> CommandSent:
        """Write a command; what comes of it the next decisions tell."""
        pen = _pen(window, request, token)
        known = window.known(rollout)
        if unread := window.log.unread(known.partition):
            raise _not_written(unread, "the log", "ask again in some seconds")
        found = command_of(known, wanted, user_of(request), time.time_ns() // 1_000_000)
        try:
            where = pen.write(found, known.partition)
        except (LogError, RegistryError) as error:
            raise _not_written(str(error), "commands", _ADVICE) from error
        return CommandSent(
            rollout=rollout,
            command=wanted.command,
            stage=found.stage,
            actor=found.actor,
            reason=found.reason,
            at_s=found.at_ms / 1000,
            where=where,
        )

    return router


def _pen(window: Window, request: Request, token: str) -> Pen:
    """Who writes, if this request may ask for it."""
    if window.pen is None:
        raise _forbidden("read_only", "this dashboard only looks", _LOOKS)
    if strange := strangeness({**request.headers, HEADER: token}, request.cookies):
        raise _forbidden("strange_origin", strange, _PROGRAM)
    return window.pen


def _forbidden(code: str, reason: str, advice: str) -> NoAnswer:
    trouble = Trouble(code=code, reason=reason, where="the request's headers", advice=advice)
    return NoAnswer(HTTPStatus.FORBIDDEN, trouble)


def _not_written(reason: str, where: str, advice: str) -> NoAnswer:
    trouble = Trouble(code="not_written", reason=reason, where=where, advice=advice)
    return NoAnswer(HTTPStatus.SERVICE_UNAVAILABLE, trouble)


_ADVICE = (
    "look at the audit trail before you ask again; commands need role `operator` beside `page` "
    "(davy acls)"
)
_LOOKS = "start it without --read-only, or use `davy rollout`"
_PROGRAM = (
    "reload the page; a program asks /api/v1/session, and sends the cookie, the header and `Origin`"
)

"""Who asks, how far was the log read, and what is new?"""

from __future__ import annotations

import threading
import time
from http import HTTPStatus
from importlib import metadata
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from streams.dashboard.answers.common import Session, Trouble
from streams.dashboard.events import MOST, Listeners
from streams.dashboard.orders import NoAnswer
from streams.dashboard.origin import COOKIE, token_of
from streams.dashboard.routes.asked import TROUBLES, user_of, without
from streams.dashboard.window import Window
from streams.spec.model import LONGEST_WORDS

STREAM = "text/event-stream"
Of = Annotated[
    str | None, Query(max_length=LONGEST_WORDS, description="One rollout; all if left out.")
]


def session_router(window: Window, stopping: threading.Event) -> APIRouter:
    """`/session` and `/events`."""
    router, listeners = APIRouter(), Listeners()

    @router.get("/session", responses=without(404, 422, 503))
    def session(request: Request, response: Response) -> Session:
        """Who asks, and the token that commands need; it is set as a cookie too."""
        token = token_of(request.cookies)
        schemes = (request.url.scheme, request.headers.get("x-forwarded-proto"))
        response.set_cookie(
            COOKIE, token, httponly=True, samesite="strict", secure="https" in schemes
        )
        return Session(
            actor=user_of(request) or None,
            token=token,
            may_command=window.pen is not None,
            version=metadata.version("davy"),
            now_s=time.time(),
            reading=window.reading(),
        )

    @router.get(
        "/events",
        response_class=StreamingResponse,
        responses=TROUBLES | {200: {"content": {STREAM: {"schema": {"type": "string"}}}}},
    )
    async def events(rollout: Of = None) -> StreamingResponse:
        """Server-sent events: `session` (Reading) and `changed` (Changed)."""
        if listeners.full:
            raise _too_many()
        told = listeners.stream(window, rollout, stopping)
        return StreamingResponse(told, media_type=STREAM, headers={"X-Accel-Buffering": "no"})

    return router


def _too_many() -> NoAnswer:
    trouble = Trouble(
        code="too_many_listeners",
        reason=f"{MOST} pages listen already, and the server has to answer others too",
        where="/api/v1/events",
        advice="close some, or start another dashboard: they share nothing",
    )
    return NoAnswer(HTTPStatus.SERVICE_UNAVAILABLE, trouble)

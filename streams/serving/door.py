"""Who may ask an ASGI app, and how much may he say? The same guard as of the small server."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streams.serving.access import Guard

BODY_BYTES = 64 * 1024
"""No question is longer."""
NOWHERE = "::"
"""The address of a peer that has none."""
ACTOR = "actor"
"""In the request's state: the name of who asks, empty where nobody is asked."""


class Door:
    """Middleware: asks who it is before the app sees the request, and bounds its body."""

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        self._app, self._guard = app, guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): raw.decode("latin-1") for name, raw in scope["headers"]}
        peer = (scope["client"] or (NOWHERE,))[0]
        # Off the loop: a password that is not known yet is hashed, which takes long on purpose.
        who = await run_in_threadpool(self._guard.who, peer, headers)
        if who is None:
            challenge = self._guard.challenge
            wanted = {"WWW-Authenticate": challenge} if challenge else {}
            refusal = PlainTextResponse("401 Unauthorized\n", 401, wanted)
            await refusal(scope, receive, send)
            return
        scope["state"] = {**scope.get("state", {}), ACTOR: who}
        body = await _body(receive)
        if body is None:
            await PlainTextResponse("413 Content Too Large\n", 413)(scope, receive, send)
            return
        await self._app(scope, _replayed(body, receive), send)


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None where it is too long."""
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return body  # gone; whoever answers finds that out
        body += bytes(message.get("body", b""))
        if len(body) > BODY_BYTES:
            return None
        if not message.get("more_body", False):
            return body


def _replayed(body: bytes, receive: Receive) -> Receive:
    told = False

    async def replay() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay

"""How does a model on KServe publish what it answers? Its payload logger tells this ASGI app.

    app = Bridge(Publisher.from_env(model_version="told by each url"))

    logger: {mode: all, url: http://davy-bridge:8480/v2}     # of the predictor; v2 is its version

A URL for each version, because nothing else in an event tells which revision answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Callable

from streams.publisher.asgi import Receive, Scope, Send, Service
from streams.publisher.cloudevents import NotAnEvent, event_of
from streams.publisher.payloads import Payloads, Rules
from streams.publisher.request import now_ms

__all__ = ["Bridge", "Rules"]

logger = logging.getLogger(__name__)

MAX_BODY = 2**20
"""A larger answer is published without its class."""
READ_S = 10.0
"""How long a sender may take for one event."""
TICK_S = 1.0
FLUSH_S = 5.0


class Bridge:
    """An ASGI app: events are sent to `/VERSION`, and `/` tells what became of them.

    It answers before anything is published: KServe's logger holds requests up when nobody takes
    its events.
    """

    def __init__(
        self,
        publisher: Service,
        rules: Rules | None = None,
        *,
        wall_ms: Callable[[], int] = now_ms,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make one for each service: a publisher has one."""
        self._publisher = publisher
        self._payloads = Payloads(publisher, rules or Rules())
        self._wall_ms = wall_ms
        self._clock_s = clock_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        match scope["type"], scope.get("method"):
            case "lifespan", _:
                await self._live(receive, send)
            case "http", "POST":
                await _answer(send, *await self._take(scope, receive))
            case "http", "GET":
                self._tick()
                await _answer(send, 200, json.dumps(self._payloads.counts()))
            case "http", _:
                await _answer(send, 405, "events are sent with POST")
            case _:
                await send({"type": "websocket.close", "code": 1000})

    async def _take(self, scope: Scope, receive: Receive) -> tuple[int, str]:
        """Code and text of the answer to one event."""
        headers = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in scope["headers"]]
        try:
            async with asyncio.timeout(READ_S):
                body = await _body(receive)
            version = scope["path"].removeprefix(scope.get("root_path", "")).removeprefix("/")
            event = event_of(headers, body)
            self._payloads.hear(version, event, now_ms=self._wall_ms(), clock_s=self._clock_s())
        except (NotAnEvent, TimeoutError) as failure:
            self._payloads.refuse()
            return 400, str(failure) or f"the event did not come within {READ_S:g} s"
        return 200, ""

    def _tick(self) -> None:
        self._payloads.overdue(now_ms=self._wall_ms(), clock_s=self._clock_s())

    async def _tick_for_ever(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            try:
                self._tick()
            except Exception:
                logger.exception("what is overdue was not looked for this time")

    async def _live(self, receive: Receive, send: Send) -> None:
        """Connect at the start, look for what is overdue, deliver what waits at the end."""
        await receive()
        self._publisher.start()
        ticking = asyncio.create_task(self._tick_for_ever())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        ticking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await ticking
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self._publisher.flush, FLUSH_S)
        await send({"type": "lifespan.shutdown.complete"})


async def _body(receive: Receive) -> bytes | None:
    """What was sent; None where it was more than is kept."""
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise NotAnEvent("the sender went away")
        size += len(message.get("body", b""))
        if size <= MAX_BODY:
            parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts) if size <= MAX_BODY else None


async def _answer(send: Send, code: int, text: str) -> None:
    body = text.encode() + b"\n" if text else b""
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": code, "headers": headers})
    await send({"type": "http.response.body", "body": body})

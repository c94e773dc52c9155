"""How does an ASGI service (FastAPI, Starlette, any) publish every answer it gives?

    app.add_middleware(PredictionMiddleware, publisher=publisher, paths=("/predict",))

A handler adds what only it knows: `request.state.davy.predicted_class = "7"`,
`request.state.davy.segments["country"] = "SG"`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Protocol, TypeAlias

from streams.publisher.facts import Status
from streams.publisher.request import Answer, Sink, Stopwatch, now_ms, status_of
from streams.publisher.served import (
    NOT_PREDICTIONS,
    SERVER_ERROR,
    TARGETED,
    Served,
    failed_status,
    request_id,
)

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

TARGETED_HEADER = TARGETED.encode("ascii")


class Service(Sink, Protocol):
    """What the middleware needs of a Publisher."""

    def start(self) -> None:
        """Connect in the background."""
        ...

    def flush(self, deadline_s: float) -> bool:
        """Deliver what waits, within the deadline."""
        ...


class PredictionMiddleware:
    """Publishes one prediction per HTTP request under `paths`; changes nothing but two headers.

    Latency is the time until the complete answer was handed to the server, streams included.

    | what happened | status |
    |---|---|
    | answered, code below 500 (a refused input, 4xx, is an answer) | OK |
    | answered 504 | TIMEOUT |
    | answered another 5xx | ERROR |
    | the handler raised TimeoutError, also where a 500 was made of it | TIMEOUT |
    | the handler was cancelled: somebody's deadline ended it | TIMEOUT |
    | the client went away before the answer was complete: it gave up waiting | TIMEOUT |
    | the handler raised anything else, or ended without a complete answer | ERROR |

    A handler that sets `request.state.davy.status` overrules all of them.
    """

    def __init__(
        self,
        app: App,
        publisher: Service,
        *,
        paths: Sequence[str] = ("/",),
        exclude: Sequence[str] = NOT_PREDICTIONS,
        request_id_header: str = "x-request-id",
        version: str | None = None,
        flush_s: float = 5.0,
    ) -> None:
        """Wrap an app.

        Args:
            app: the application.
            publisher: where predictions go.
            paths: what is a prediction: these paths and everything below them.
            exclude: what is none all the same.
            request_id_header: read, and given back; without one the id is random.
            version: told in the answer's `x-model-version`; None leaves the header out.
            flush_s: deadline of the flush at the app's shutdown.
        """
        self._app = app
        self._publisher = publisher
        self._served = Served(paths=tuple(paths), exclude=tuple(exclude))
        self._id_header = request_id_header.lower().encode("latin-1")
        self._version = None if version is None else version.encode("latin-1", "replace")
        self._flush_s = flush_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, self._around_life(send))
        elif scope["type"] == "http" and self._is_prediction(scope):
            await self._measure(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _measure(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = Answer(request_id=_request_id(scope, self._id_header), segments=_targeted(scope))
        state = scope.setdefault("state", {})
        state["davy"] = answer
        exchange = Exchange(answer, self._publisher, receive, send, self._headers(answer))
        try:
            await self._app(scope, exchange.receive, exchange.send)
        except BaseException as error:
            exchange.end(error)
            raise
        exchange.end(None)

    def _headers(self, answer: Answer) -> list[tuple[bytes, bytes]]:
        found = [(self._id_header, str(answer.request_id).encode("latin-1"))]
        return found if self._version is None else [*found, (b"x-model-version", self._version)]

    def _is_prediction(self, scope: Scope) -> bool:
        return self._served.holds(scope.get("method", "GET"), scope["path"])

    def _around_life(self, send: Send) -> Send:
        """Connect once the app is up; deliver what waits before it is down."""

        async def told(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                self._publisher.start()
            elif message["type"] in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(None, self._publisher.flush, self._flush_s)
            await send(message)

        return told


class Exchange:
    """One request and its answer, watched from both sides; publishes exactly once."""

    def __init__(
        self,
        answer: Answer,
        sink: Sink,
        receive: Receive,
        send: Send,
        headers: Sequence[tuple[bytes, bytes]],
    ) -> None:
        self._answer = answer
        self._sink = sink
        self._receive = receive
        self._send = send
        self._headers = headers
        self._watch = Stopwatch()
        self._code: int | None = None
        self._gone = False
        self._completed: tuple[float, int] | None = None
        self._published = False

    async def receive(self) -> Message:
        """Pass on, and notice a client that goes away."""
        message = await self._receive()
        if message["type"] == "http.disconnect" and self._completed is None:
            self._gone = True
        return message

    async def send(self, message: Message) -> None:
        """Pass on, with the headers; the last part of the body stops the watch."""
        if message["type"] == "http.response.start":
            self._code = message["status"]
            message = {**message, "headers": _with(message.get("headers", ()), self._headers)}
        try:
            await self._send(message)
        except OSError:  # the server's word for a client that is gone
            self._gone = self._completed is None
            raise
        if _is_last(message):
            self._completed = (self._watch.elapsed_ms(), now_ms())
            # A failure waits for the handler's exception, which says whether it was a timeout; an
            # answer does not wait: background tasks may run for long after it.
            if self._code is not None and self._code < SERVER_ERROR:
                self._publish(Status.OK)

    def end(self, error: BaseException | None) -> None:
        """The app has returned or raised."""
        if self._published:
            return
        if self._gone:
            self._publish(Status.TIMEOUT)
        elif error is not None:
            self._publish(status_of(error))
        else:
            self._publish(failed_status(self._code if self._completed else None))

    def _publish(self, status: Status) -> None:
        self._published = True
        latency_ms, completed_at_ms = self._completed or (self._watch.elapsed_ms(), now_ms())
        self._sink.answered(
            self._answer, latency_ms=latency_ms, status=status, completed_at_ms=completed_at_ms
        )


def _is_last(message: Message) -> bool:
    match message["type"]:
        case "http.response.body":
            return not message.get("more_body", False)
        case "http.response.zerocopysend":
            return not message.get("more_body", False)
        case "http.response.pathsend":
            return True
        case _:
            return False


def _request_id(scope: Scope, header: bytes) -> str:
    headers = scope.get("headers", ())
    return request_id(bytes(value).decode("latin-1") for name, value in headers if name == header)


def _targeted(scope: Scope) -> dict[str, object]:
    """What davy's router says of the request: only where a rollout has targeting rules."""
    found = [value for name, value in scope.get("headers", ()) if name == TARGETED_HEADER]
    return {"targeted": found[0].decode("latin-1")} if len(found) == 1 else {}


def _with(
    headers: Sequence[tuple[bytes, bytes]], more: Sequence[tuple[bytes, bytes]]
) -> list[tuple[bytes, bytes]]:
    """The app's headers, and those of ours that it did not set itself."""
    found = list(headers)
    names = {bytes(name).lower() for name, _ in found}
    return found + [pair for pair in more if pair[0] not in names]

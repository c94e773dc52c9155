"""How does a WSGI service (Flask, Django, Bottle, any) publish every answer it gives?

    app = PredictionMiddleware(app, publisher, paths=["/predict"])      # Flask: app.wsgi_app = ...

A handler adds what only it knows: `environ["davy.answer"].predicted_class = "7"`; frameworks hand
the environ on (Flask's `request.environ`, Django's `request.META`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from types import TracebackType
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

Environ: TypeAlias = dict[str, Any]
Headers: TypeAlias = list[tuple[str, str]]
Write: TypeAlias = Callable[[bytes], object]
Trouble: TypeAlias = (
    tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]
)


class StartResponse(Protocol):
    """What a server hands an app (PEP 3333)."""

    def __call__(self, status: str, headers: Headers, exc_info: Trouble | None = None, /) -> Write:
        """Begin the answer."""
        ...


ANSWER = "davy.answer"
App: TypeAlias = Callable[[Environ, StartResponse], Iterable[bytes]]


class PredictionMiddleware:
    """Publishes one prediction per HTTP request under `paths`; changes nothing but two headers.

    Latency is the time until the server has taken the complete answer, streams included. Status
    is that of the ASGI middleware: OK below 500, TIMEOUT for 504, TimeoutError and a client that
    went away before the end, ERROR for the rest; `environ["davy.answer"].status` overrules it.
    """

    def __init__(
        self,
        app: App,
        publisher: Sink,
        *,
        paths: Sequence[str] = ("/",),
        exclude: Sequence[str] = NOT_PREDICTIONS,
        request_id_header: str = "x-request-id",
        version: str | None = None,
    ) -> None:
        """Wrap an app.

        Args:
            app: the application.
            publisher: where predictions go; it connects at the first, or at `publisher.start()`.
            paths: what is a prediction: these paths and everything below them.
            exclude: what is none all the same.
            request_id_header: read, and given back; without one the id is random.
            version: told in the answer's `x-model-version`; None leaves the header out.
        """
        self._app = app
        self._publisher = publisher
        self._served = Served(paths=tuple(paths), exclude=tuple(exclude))
        self._id_header = request_id_header
        self._version = version

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        if not self._served.holds(environ.get("REQUEST_METHOD", "GET"), path):
            return self._app(environ, start_response)
        targeted = _header(environ, TARGETED)
        answer = Answer(
            request_id=request_id(_header(environ, self._id_header)),
            segments={"targeted": targeted[0]} if targeted else {},
        )
        environ[ANSWER] = answer
        exchange = Exchange(answer, self._publisher, start_response, self._headers(answer))
        try:
            return exchange.body(self._app(environ, exchange.start))
        except BaseException as error:
            exchange.end(error)
            raise

    def _headers(self, answer: Answer) -> Headers:
        found = [(self._id_header, str(answer.request_id))]
        return found if self._version is None else [*found, ("x-model-version", self._version)]


class Exchange:
    """One request and its answer; publishes exactly once."""

    def __init__(
        self, answer: Answer, sink: Sink, start_response: StartResponse, headers: Headers
    ) -> None:
        self._answer = answer
        self._sink = sink
        self._start_response = start_response
        self._headers = headers
        self._watch = Stopwatch()
        self._code: int | None = None
        self._published = False

    def start(self, status: str, headers: Headers, exc_info: Trouble | None = None, /) -> Write:
        """Pass on, with our headers; an app may begin anew after a failure."""
        self._code = int(status[:3]) if status[:3].isdecimal() else None
        names = {name.lower() for name, _ in headers}
        told = [*headers, *(pair for pair in self._headers if pair[0].lower() not in names)]
        if exc_info is None:
            return self._start_response(status, told)
        return self._start_response(status, told, exc_info)

    def body(self, parts: Iterable[bytes]) -> Body:
        """The app's answer, watched; one whose length is known keeps it."""
        return KnownBody(parts, self) if isinstance(parts, Collection) else Body(parts, self)

    def complete(self) -> None:
        """The server has taken all of the answer."""
        answered = self._code is not None and self._code < SERVER_ERROR
        self._publish(Status.OK if answered else failed_status(self._code))

    def end(self, error: BaseException | None) -> None:
        """The app raised; without an error: the server closed the answer before its end."""
        self._publish(Status.TIMEOUT if error is None else status_of(error))

    def _publish(self, status: Status) -> None:
        if self._published:
            return
        self._published = True
        self._sink.answered(
            self._answer,
            latency_ms=self._watch.elapsed_ms(),
            status=status,
            completed_at_ms=now_ms(),
        )


class Body:
    """An answer's parts on their way to the server."""

    def __init__(self, parts: Iterable[bytes], exchange: Exchange) -> None:
        self._inner = parts
        self._parts = iter(parts)
        self._exchange = exchange

    def __iter__(self) -> Iterator[bytes]:
        """Itself: an answer is read once."""
        return self

    def __next__(self) -> bytes:
        """The next part; the end, or what was raised in its stead, is published."""
        try:
            return next(self._parts)
        except StopIteration:
            self._exchange.complete()
            raise
        except BaseException as error:
            self._exchange.end(error)
            raise

    def close(self) -> None:
        """The server is done with it (PEP 3333 has it say so in any case)."""
        try:
            close = getattr(self._inner, "close", None)
            if close is not None:
                close()
        finally:
            self._exchange.end(None)


class KnownBody(Body):
    """A list or tuple; servers tell a Content-Length by its len, and may not ask past its end."""

    def __init__(self, parts: Collection[bytes], exchange: Exchange) -> None:
        super().__init__(parts, exchange)
        self._count = self._left = len(parts)

    def __len__(self) -> int:
        """How many parts the app gave."""
        return self._count

    def __next__(self) -> bytes:
        """See Body."""
        part = super().__next__()
        self._left -= 1
        return part

    def close(self) -> None:
        """See Body; complete where every part was taken."""
        if self._left <= 0:
            self._exchange.complete()
        super().close()


def _header(environ: Environ, name: str) -> list[str]:
    value = environ.get(f"HTTP_{name.upper().replace('-', '_')}")
    return [] if value is None else [str(value)]

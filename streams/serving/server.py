"""How does a process answer over HTTP without being held up by whoever asks?

A thread and an event loop of its own: it answers while the main loop is busy, and no client can
hold that up. One request a connection, GET and HEAD alone, everything within `REQUEST_S`; h11
reads the request, asyncio the socket. Of too many connections the oldest is let go.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Self

import h11

from streams.errors import SettingsError
from streams.http_settings import HttpSettings
from streams.serving.access import Guard, open_guard

logger = logging.getLogger(__name__)

REQUEST_S = 5.0
"""From the first byte of a connection to the last."""
HEAD_BYTES = 8192
CONNECTIONS = 64
READ_BYTES = 4096
STOP_S = 5.0
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a page says."""

    status: HTTPStatus
    body: bytes = b""
    kind: str = TEXT
    headers: tuple[tuple[str, str], ...] = ()


Page = Callable[[], Answer]


class StatusServer:
    """Serves some pages on one address. Use as a context manager."""

    def __init__(self, http: HttpSettings, pages: Mapping[str, Page], *, usual_port: int) -> None:
        """Take the address; nobody is answered before `__enter__`.

        Raises:
            SettingsError: the address cannot be had, or the passwords cannot be read.
        """
        self._guard: Guard = open_guard(http)
        self._pages = dict(pages)
        self._socket = listen(http, usual_port)
        self.url = url_of(self._socket)
        """Where it listens."""
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._open: dict[asyncio.Task[None], None] = {}
        self._thread = threading.Thread(target=self._run, name="status-server", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        logger.info("health, readiness and metrics at %s", self.url)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(STOP_S)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connected, sock=self._socket, limit=HEAD_BYTES)
        async with server:
            await self._stopping.wait()
            for task in list(self._open):
                task.cancel()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            return
        if len(self._open) >= CONNECTIONS:
            next(iter(self._open)).cancel()
        self._open[task] = None
        try:
            async with asyncio.timeout(REQUEST_S):
                await self._converse(reader, writer)
        except (OSError, TimeoutError, asyncio.CancelledError):
            writer.transport.abort()  # too slow, gone, or one too many: nothing is owed to it
        finally:
            self._open.pop(task, None)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES)
        method = b""
        try:
            request = await _request(talk, reader)
        except h11.RemoteProtocolError as error:
            answer = Answer(status=HTTPStatus(error.error_status_hint))
        else:
            if request is None:
                return
            method = request.method
            answer = self._answer(request, writer.get_extra_info("peername")[0])
        writer.write(_rendered(talk, answer, method))
        await writer.drain()

    def _answer(self, request: h11.Request, peer: str) -> Answer:
        headers = {name.decode(): value.decode("latin-1") for name, value in request.headers}
        if not self._guard.admits(peer, headers):
            challenge = self._guard.challenge
            wanted = (("WWW-Authenticate", challenge),) if challenge else ()
            return Answer(status=HTTPStatus.UNAUTHORIZED, headers=wanted)
        page = self._pages.get(request.target.partition(b"?")[0].decode("latin-1"))
        if page is None:
            return Answer(status=HTTPStatus.NOT_FOUND)
        if request.method not in {b"GET", b"HEAD"}:
            allowed = (("Allow", "GET, HEAD"),)
            return Answer(status=HTTPStatus.METHOD_NOT_ALLOWED, headers=allowed)
        try:
            return page()
        except Exception:
            logger.exception("%s cannot be answered", request.target.decode("latin-1"))
            return Answer(status=HTTPStatus.INTERNAL_SERVER_ERROR)


async def _request(talk: h11.Connection, reader: asyncio.StreamReader) -> h11.Request | None:
    """The head of the request; None where the client says nothing more. Its body is not read."""
    while True:
        event = talk.next_event()
        if isinstance(event, h11.Request):
            return event
        if event is not h11.NEED_DATA:
            return None
        talk.receive_data(await reader.read(READ_BYTES))


def _rendered(talk: h11.Connection, answer: Answer, method: bytes) -> bytes:
    body = answer.body or f"{answer.status.value} {answer.status.phrase}\n".encode()
    headers = [
        ("Content-Type", answer.kind),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
        ("Connection", "close"),
        *answer.headers,
    ]
    status, phrase = answer.status.value, answer.status.phrase
    parts = [talk.send(h11.Response(status_code=status, headers=headers, reason=phrase))]
    if method != b"HEAD":
        parts.append(talk.send(h11.Data(data=body)))
    parts.append(talk.send(h11.EndOfMessage()))
    return b"".join(part or b"" for part in parts)


def listen(http: HttpSettings, usual_port: int) -> socket.socket:
    """Take the address of the settings, or another port where the usual one is taken.

    Raises:
        SettingsError: the port that is asked for cannot be had.
    """
    host = str(http.bind)
    try:
        return _bound(host, usual_port if http.port is None else http.port)
    except OSError as error:
        if http.port is not None:
            raise SettingsError(
                f"http.port: {host}:{http.port} cannot be had: {error.strerror}; choose another "
                "one, 0 for any, or leave it out"
            ) from error
    logger.info("http: port %d is taken, so another one is used (http.port sets it)", usual_port)
    return _bound(host, 0)


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    taken = socket.create_server((host, port), family=family, backlog=CONNECTIONS)
    # Connections inherit it. Without it the second part of an answer waits for the client to
    # acknowledge the first, which he puts off for 40 ms.
    taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return taken


def url_of(listening: socket.socket) -> str:
    """Where it listens."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

"""How does an HTTP server fail its clients? A proxy in front of a real one that fails on request.

It runs in a thread of the test, passes on what no fault is for (long answers piece by piece, so
watches work), and remembers what was asked.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import threading
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self, assert_never

import aiohttp
from aiohttp import web
from yarl import URL

from streams.demo.processes import HOST, free_port

STARTS_S = 10.0
ENDS_S = 1.0
BETWEEN_HOPS = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "host"}
LARGEST_BODY = 1 << 24


class Kind(StrEnum):
    """What becomes of a request."""

    THROUGH = "through"
    ANSWER = "answer"
    HANG = "hang"
    CUT = "cut"
    LOSE = "lose"
    DELAY = "delay"


@dataclass(slots=True, kw_only=True)
class Fault:
    """What becomes of the next requests of a kind."""

    kind: Kind
    method: str = ".*"
    path: str = ".*"
    times: int | None = None
    """How often; None: until `heal`."""
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay_s: float = 0.0

    def hits(self, method: str, path: str) -> bool:
        """Whether it is for such a request, and not spent."""
        return self.times != 0 and bool(
            re.fullmatch(self.method, method) and re.search(self.path, path)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request that came, and what became of it."""

    method: str
    path: str
    """With the query."""
    headers: Mapping[str, str]
    body: bytes
    kind: Kind


class FaultProxy:
    """A server at `url` in front of `upstream`. Use as a context manager, or `stop` it.

    Faults take `method` and `path` (regular expressions; the path is searched, with its query) and
    `times`. The one given first is used first; what none is for passes.
    """

    def __init__(
        self,
        upstream: str,
        *,
        authority: Path | None = None,
        identity: tuple[Path, Path] | None = None,
    ) -> None:
        """Begin to pass on.

        Args:
            upstream: Base URL of the real server.
            authority: The certificate that signed the server's, where it speaks TLS.
            identity: Certificate and key to speak TLS with; plain HTTP without.
        """
        port = free_port()
        self.url = f"{'https' if identity else 'http'}://{HOST}:{port}"
        self.asked: list[Asked] = []
        """What came, in order; a request is here before it is answered."""
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._upstream = upstream.rstrip("/")
        self._trust = ssl.create_default_context(cafile=authority) if authority else True
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._held = asyncio.Event()
        self._wait(self._start(port, identity))

    def answer(
        self,
        status: int,
        *,
        method: str = ".*",
        path: str = ".*",
        times: int | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> None:
        """Answer with this status and pass nothing on; the body is Kubernetes' if none is given."""
        made = kubernetes_status(status) if body is None else body
        told = {"Content-Type": "application/json", **(headers or {})}
        self._add(
            Fault(
                kind=Kind.ANSWER,
                method=method,
                path=path,
                times=times,
                status=status,
                headers=told,
                body=made,
            )
        )

    def hang(self, *, method: str = ".*", path: str = ".*", times: int | None = None) -> None:
        """Take the request and do not answer; `heal` and `stop` cut it."""
        self._add(Fault(kind=Kind.HANG, method=method, path=path, times=times))

    def cut(self, *, method: str = ".*", path: str = ".*", times: int | None = None) -> None:
        """Cut the connection; the server never hears of the request."""
        self._add(Fault(kind=Kind.CUT, method=method, path=path, times=times))

    def lose_answer(
        self, *, method: str = ".*", path: str = ".*", times: int | None = None
    ) -> None:
        """Cut the connection once the server has done what was asked."""
        self._add(Fault(kind=Kind.LOSE, method=method, path=path, times=times))

    def delay(
        self, delay_s: float, *, method: str = ".*", path: str = ".*", times: int | None = None
    ) -> None:
        """Pass the request on so much later."""
        self._add(Fault(kind=Kind.DELAY, method=method, path=path, times=times, delay_s=delay_s))

    def heal(self) -> None:
        """Pass on whatever comes from now on, and cut what hangs."""
        with self._lock:
            self._faults.clear()
        self._wait(self._let_go())

    def stop(self) -> None:
        """End it with all its connections."""
        self._wait(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def _next(self, method: str, path: str) -> Fault:
        with self._lock:
            for fault in self._faults:
                if fault.hits(method, path):
                    fault.times = None if fault.times is None else fault.times - 1
                    return fault
        return Fault(kind=Kind.THROUGH)

    def _wait(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(STARTS_S)

    async def _start(self, port: int, identity: tuple[Path, Path] | None) -> None:
        self._session = aiohttp.ClientSession(
            auto_decompress=False, timeout=aiohttp.ClientTimeout(total=None)
        )
        app = web.Application(client_max_size=LARGEST_BODY)
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(
            app, handler_cancellation=True, shutdown_timeout=ENDS_S, access_log=None
        )
        await self._runner.setup()
        context = None
        if identity:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(*identity)
        await web.TCPSite(self._runner, HOST, port, ssl_context=context).start()

    async def _let_go(self) -> None:
        self._held.set()
        self._held = asyncio.Event()

    async def _end(self) -> None:
        await self._let_go()
        await self._runner.cleanup()
        await self._session.close()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        fault = self._next(request.method, request.raw_path)
        self.asked.append(
            Asked(
                method=request.method,
                path=request.raw_path,
                headers=dict(request.headers),
                body=body,
                kind=fault.kind,
            )
        )
        match fault.kind:
            case Kind.THROUGH | Kind.DELAY:
                await asyncio.sleep(fault.delay_s)
                return await self._passed(request, body)
            case Kind.ANSWER:
                return web.Response(status=fault.status, headers=fault.headers, body=fault.body)
            case Kind.LOSE:
                async with self._asking(request, body) as got:
                    await got.read()
            case Kind.HANG:
                await self._held.wait()
            case Kind.CUT:
                pass
            case _:
                assert_never(fault.kind)
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    async def _passed(self, request: web.Request, body: bytes) -> web.StreamResponse:
        async with self._asking(request, body) as got:
            answer = web.StreamResponse(status=got.status, headers=_kept(got.headers))
            await answer.prepare(request)
            async for piece in got.content.iter_any():
                await answer.write(piece)
            await answer.write_eof()
        return answer

    def _asking(self, request: web.Request, body: bytes) -> Any:
        return self._session.request(
            request.method,
            URL(self._upstream + request.raw_path, encoded=True),
            headers=_kept(request.headers),
            data=body,
            ssl=self._trust,
            allow_redirects=False,
        )


def kubernetes_status(code: int) -> bytes:
    """The body with which a Kubernetes API server says no."""
    reasons = {409: "Conflict", 422: "Invalid", 429: "TooManyRequests", 504: "Timeout"}
    phrase = HTTPStatus(code).phrase
    said = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": f"{phrase}, as a test asked for",
        "reason": reasons.get(code, phrase.replace(" ", "")),
        "code": code,
    }
    return json.dumps(said).encode()


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers that are for the other end, not for this hop."""
    return {name: value for name, value in headers.items() if name.lower() not in BETWEEN_HOPS}

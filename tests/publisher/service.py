"""A service for the middleware, a memory for what it publishes, and requests by hand."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import FastAPI, HTTPException, Request
from starlette.responses import StreamingResponse

from streams.publisher import Answer, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    answer: Answer
    latency_ms: float
    status: Status
    completed_at_ms: int


@dataclass(slots=True)
class Memory:
    """The port's other implementation: keeps what it is told."""

    published: list[Published] = field(default_factory=list)
    started: int = 0
    flushed: list[float] = field(default_factory=list)
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    def answered(
        self, answer: Answer, *, latency_ms: float, status: Status, completed_at_ms: int
    ) -> bool:
        self.heard.set()
        self.published.append(
            Published(
                answer=answer,
                latency_ms=latency_ms,
                status=status,
                completed_at_ms=completed_at_ms,
            )
        )
        return True

    def start(self) -> None:
        self.started += 1

    def flush(self, deadline_s: float) -> bool:
        self.flushed.append(deadline_s)
        return True


def service() -> FastAPI:
    """A service with one path for each way in which a request can end."""
    app = FastAPI()

    @app.get("/predict")
    async def predict(request: Request) -> dict[str, str]:
        request.state.davy.predicted_class = "7"
        request.state.davy.score = 0.5
        request.state.davy.segments["country"] = "SG"
        return {"class": "7"}

    @app.get("/code/{code}")
    async def code(code: int) -> None:
        raise HTTPException(code)

    @app.get("/late")
    async def late() -> None:
        async with asyncio.timeout(0.001):
            await asyncio.sleep(60)

    @app.get("/broken")
    async def broken() -> None:
        raise ZeroDivisionError

    @app.get("/overruled")
    async def overruled(request: Request) -> None:
        request.state.davy.status = "ERROR"

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            for _ in range(3):
                yield b"part"
                await asyncio.sleep(0.02)

        return StreamingResponse(parts())

    @app.get("/health")
    async def health() -> None:
        return None

    return app


def client(app: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://service")


START = {"type": "http.response.start", "status": 200, "headers": []}


def get(path: str) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [],
    }


async def hang() -> dict[str, Any]:
    """Nothing ever comes."""
    return await asyncio.get_running_loop().create_future()


async def swallow(_: Any) -> None:
    """A client that takes everything."""

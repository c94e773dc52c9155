"""A small model behind HTTP, with davy's SDK and without: `served PORT [BOOTSTRAP PREFIX]`.

A classifier of handwritten digits answers in some hundred microseconds: what the SDK takes shows.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from streams.demo.faults import Fault
from streams.demo.models import Answer, Model
from streams.demo.processes import HOST
from streams.publisher import Publisher

Told = Callable[[Answer, float], None]


def app(model: Model, told: Told, publisher: Publisher | None) -> Starlette:
    """`POST /predict` answers; `told` hears of each answer and the milliseconds it took."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        if publisher is not None:
            publisher.close()
            print("lost", publisher.counters().lost, flush=True)

    async def predict(request: Request) -> Response:
        began = time.perf_counter()
        pixels = np.array(json.loads(await request.body())["pixels"], dtype=np.int64)
        answer = model.predict(pixels)
        told(answer, (time.perf_counter() - began) * 1000)
        return JSONResponse({"digit": answer.digit, "score": answer.score})

    routes = [Route("/predict", predict, methods=["POST"])]
    return Starlette(routes=routes, lifespan=lifespan)


def publishing(publisher: Publisher) -> Told:
    """Each answer goes to davy."""
    numbers = itertools.count()

    def told(answer: Answer, latency_ms: float) -> None:
        publisher.prediction(
            request_id=next(numbers),
            latency_ms=latency_ms,
            predicted_class=answer.digit,
            score=answer.score,
        )

    return told


def main() -> None:
    """Serve until SIGTERM."""
    port, *where = sys.argv[1:]
    model, publisher = Model("v1", Fault.NONE), None
    if where:
        publisher = Publisher(
            bootstrap=where[0], prefix=where[1], service="digits", model_version="v1"
        )
    told: Told = (lambda *_: None) if publisher is None else publishing(publisher)
    service = app(model, told, publisher)
    uvicorn.run(service, host=HOST, port=int(port), log_level="warning", access_log=False)


if __name__ == "__main__":
    main()

"""What does one model server of the demo do?

A real HTTP service: it takes an image, asks a feature store, answers with a digit, and publishes
each answer through the SDK. Its fault, if any, sits in the code that serves, from the first
request on.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from streams.demo.counts import FAULT_HEADER, VERSION_HEADER
from streams.demo.digits import Pixels, digits
from streams.demo.faults import VERSIONS, Fault
from streams.demo.models import Answer, Model
from streams.demo.people import REQUEST_ID, SERVICE
from streams.demo.processes import HOST
from streams.publisher import Publisher

PIXELS = 64
MEDIAN_S = 0.04
SPREAD = 0.25


class FeatureStore:
    """Stands for the remote call that real models wait for: lognormal, median 40 ms.

    A dozen processes share few cores in a demo; without it, latency would be the scheduler's alone.
    """

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)

    async def fetch(self) -> None:
        """Wait for one answer."""
        await asyncio.sleep(MEDIAN_S * self._dice.lognormvariate(0.0, SPREAD))


def pixels_of(body: bytes) -> Pixels:
    """The image in a request's JSON; ValueError where it is none."""
    pixels = np.array(json.loads(body)["pixels"], dtype=np.int64)
    if pixels.shape != (PIXELS,) or pixels.min() < 0:
        raise ValueError(f"pixels: {PIXELS} whole numbers from 0 to 16, please")
    return pixels


class DigitService:
    """One version of the model behind HTTP."""

    def __init__(self, model: Model, publisher: Publisher) -> None:
        self._model = model
        self._publisher = publisher
        self._features = FeatureStore(seed=len(model.version))
        self._answered = 0
        self._before: Answer | None = None
        """The answer to the question before."""

    async def predict(self, request: Request) -> Response:
        """POST /predict: a digit, or 500 where the model's code failed."""
        started = time.perf_counter()
        pixels = pixels_of(await request.body())
        for _ in range(self._model.feature_calls):
            await self._features.fetch()
        answer = self._answer(pixels)
        self._publish(request, answer, latency_ms=(time.perf_counter() - started) * 1000)
        return self._respond(answer, request.headers[REQUEST_ID])

    async def health(self, _: Request) -> Response:
        """GET /health: the model is loaded."""
        return JSONResponse({"version": self._model.version})

    def _answer(self, pixels: Pixels) -> Answer | None:
        try:
            answer = self._model.predict(pixels)
        except IndexError:
            return None
        before, self._before = self._before or answer, answer
        self._answered += 1
        mixed_up = self._model.fault is Fault.ACCURACY and self._answered % 2 == 0
        return before if mixed_up else answer

    def _publish(self, request: Request, answer: Answer | None, *, latency_ms: float) -> None:
        self._publisher.prediction(
            request_id=request.headers[REQUEST_ID],
            latency_ms=latency_ms,
            status="ERROR" if answer is None else "OK",
            predicted_class=None if answer is None else answer.digit,
            score=None if answer is None else answer.score,
        )

    def _respond(self, answer: Answer | None, request_id: str) -> Response:
        fault = self._model.fault
        headers = {VERSION_HEADER: self._model.version, REQUEST_ID: request_id}
        if answer is None or fault not in (Fault.NONE, Fault.ERRORS):
            headers[FAULT_HEADER] = fault
        if answer is None:
            return JSONResponse({"error": "the model failed"}, status_code=500, headers=headers)
        body = {"digit": answer.digit, "score": answer.score}
        if fault is not Fault.CONVERSION:
            body["offer"] = f"a poster of the {answer.digit}"
        return JSONResponse(body, headers=headers)


def create_app(model: Model, publisher: Publisher) -> Starlette:
    """The web application of one version; closes the publisher at shutdown."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        publisher.close()

    service = DigitService(model, publisher)
    routes = [
        Route("/predict", service.predict, methods=["POST"]),
        Route("/health", service.health),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


def main() -> None:
    """Read the command line, train, warm up and serve until SIGTERM."""
    parser = argparse.ArgumentParser(description="One model server of the demo.")
    parser.add_argument("--version", choices=VERSIONS, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--fault", type=Fault, choices=list(Fault), default=Fault.NONE)
    args = parser.parse_args()
    held = digits()
    fit = Model(args.version, Fault.NONE).accuracy(held.held_pixels, held.held_labels)
    print(f"{args.version}: {fit:.1%} of held-out digits are right; fault: {args.fault}")
    given = {"bootstrap": args.bootstrap, "service": SERVICE, "model_version": args.version}
    publisher = Publisher.from_env(**given)  # the registry, if any, is the environment's
    app = create_app(Model(args.version, args.fault), publisher)
    uvicorn.run(app, host=HOST, port=args.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()

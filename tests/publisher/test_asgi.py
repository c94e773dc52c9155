"""The middleware on real FastAPI apps: what is published, and that nothing else changes."""

import asyncio
import time
from typing import Any

import pytest

from streams.publisher import Publisher, Status
from streams.publisher.asgi import TARGETED_HEADER, PredictionMiddleware
from streams.spec import targeting
from tests.publisher.arrivals import Read
from tests.publisher.service import START, Memory, client, get, hang, service, swallow


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture(params=["inside", "outermost"])
def app(request: pytest.FixtureRequest, memory: Memory) -> Any:
    """The middleware where FastAPI puts it, and around everything."""
    found = service()
    if request.param == "outermost":
        return PredictionMiddleware(found, memory, version="v2")
    found.add_middleware(PredictionMiddleware, publisher=memory, version="v2")
    return found


class TestStatus:
    @pytest.mark.parametrize(
        ("path", "code", "status"),
        [
            ("/predict", 200, Status.OK),
            ("/code/422", 422, Status.OK),
            ("/code/500", 500, Status.ERROR),
            ("/code/503", 503, Status.ERROR),
            ("/code/504", 504, Status.TIMEOUT),
            ("/late", 500, Status.TIMEOUT),
            ("/broken", 500, Status.ERROR),
            ("/no-such-path", 404, Status.OK),
        ],
    )
    async def test_how_a_request_ended(
        self, app: Any, memory: Memory, path: str, code: int, status: Status
    ) -> None:
        """One prediction per request, with the status of the table, wherever we stand."""
        async with client(app) as http:
            assert (await http.get(path)).status_code == code
        assert [p.status for p in memory.published] == [status]

    async def test_the_handler_overrules(self, app: Any, memory: Memory) -> None:
        """A handler that answered with a fallback may call it an error."""
        async with client(app) as http:
            await http.get("/overruled")
        assert memory.published[0].answer.status == "ERROR"

    async def test_a_cancelled_handler(self, memory: Memory) -> None:
        """Somebody's deadline ended it; the cancellation goes on its way."""
        reached = asyncio.Event()

        async def app(*_: Any) -> None:
            reached.set()
            await hang()

        task = asyncio.create_task(PredictionMiddleware(app, memory)(get("/"), hang, swallow))
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert [p.status for p in memory.published] == [Status.TIMEOUT]

    @pytest.mark.parametrize("goes", ["between", "while"])
    async def test_a_client_that_goes_away(self, memory: Memory, goes: str) -> None:
        """It gave up waiting, whether we heard of it or ran into it."""

        async def app(_: Any, receive: Any, send: Any) -> None:
            await send(START)
            if goes == "between":
                assert (await receive())["type"] == "http.disconnect"
            else:
                await send({"type": "http.response.body", "body": b"x", "more_body": True})

        async def gone() -> dict[str, Any]:
            return {"type": "http.disconnect"}

        async def refuse(message: Any) -> None:
            if message["type"] == "http.response.body":
                raise OSError("connection lost")

        watched = PredictionMiddleware(app, memory)
        try:
            await watched(get("/predict"), gone, refuse)
        except OSError:
            assert goes == "while"
        assert [p.status for p in memory.published] == [Status.TIMEOUT]

    async def test_an_app_that_does_not_finish(self, memory: Memory) -> None:
        """An answer without an end is an error."""

        async def app(_: Any, __: Any, send: Any) -> None:
            await send(START)

        await PredictionMiddleware(app, memory)(get("/predict"), hang, swallow)
        assert [p.status for p in memory.published] == [Status.ERROR]


class TestTime:
    async def test_streams_count_to_their_end(self, app: Any, memory: Memory) -> None:
        """Three parts with two pauses of 20 ms between them and one behind."""
        async with client(app) as http:
            assert (await http.get("/stream")).content == b"part" * 3
        (found,) = memory.published
        assert 55 < found.latency_ms < 5000
        assert abs(found.completed_at_ms - time.time() * 1000) < 5000

    async def test_background_tasks_do_not_delay(self, memory: Memory) -> None:
        """An answer is published when it is complete, not when its background tasks are."""

        async def app(_: Any, __: Any, send: Any) -> None:
            await send(START)
            await send({"type": "http.response.body", "body": b"done"})
            await hang()

        task = asyncio.create_task(PredictionMiddleware(app, memory)(get("/"), hang, swallow))
        await memory.heard.wait()
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert [p.status for p in memory.published] == [Status.OK]


class TestRequestId:
    async def test_it_is_taken_and_given_back(self, app: Any, memory: Memory) -> None:
        """The id of the header is the prediction's, and the answer names it and the version."""
        async with client(app) as http:
            answer = await http.get("/predict", headers={"X-Request-Id": "abc-1"})
        assert answer.headers["x-request-id"] == "abc-1"
        assert answer.headers["x-model-version"] == "v2"
        assert memory.published[0].answer.request_id == "abc-1"

    @pytest.mark.parametrize("bad", ["", "two words", "x" * 129, "caf\u00e9"])
    async def test_nonsense_is_replaced(self, app: Any, memory: Memory, bad: str) -> None:
        """A header that is no id is not carried any further."""
        async with client(app) as http:
            answer = await http.get("/predict", headers={"x-request-id": bad.encode("latin-1")})
        given = answer.headers["x-request-id"]
        assert len(given) == 32
        assert memory.published[0].answer.request_id == given


class TestPaths:
    @pytest.mark.parametrize(
        ("paths", "path", "published"),
        [
            (("/",), "/predict", 1),
            (("/",), "/health", 0),
            (("/predict",), "/predict", 1),
            (("/predict",), "/predictor", 0),
            (("/code",), "/code/200", 1),
            (("/code/",), "/predict", 0),
        ],
    )
    async def test_only_what_is_a_prediction(
        self, memory: Memory, paths: tuple[str, ...], path: str, published: int
    ) -> None:
        """Named paths and what lies below them, but no health checks."""
        inner = service()
        inner.add_api_route("/predictor", lambda: None)
        async with client(PredictionMiddleware(inner, memory, paths=paths)) as http:
            await http.get(path)
        assert len(memory.published) == published

    async def test_preflights_are_none(self, app: Any, memory: Memory) -> None:
        """OPTIONS and HEAD ask about the service, not the model."""
        async with client(app) as http:
            await http.options("/predict")
        assert memory.published == []


class TestLife:
    async def test_connects_first_and_delivers_last(self, memory: Memory) -> None:
        """The publisher starts with the app and is flushed at its end."""
        told: list[str] = []
        asked = iter(["lifespan.startup", "lifespan.shutdown"])

        async def receive() -> dict[str, Any]:
            return {"type": next(asked)}

        async def send(message: Any) -> None:
            told.append(message["type"])

        watched = PredictionMiddleware(service(), memory, flush_s=3)
        await watched({"type": "lifespan", "state": {}}, receive, send)
        assert told == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
        assert (memory.started, memory.flushed) == (1, [3])


class TestTargeted:
    def test_the_header_is_the_routers(self) -> None:
        """The SDK stands alone, so it says the name a second time."""
        assert TARGETED_HEADER.decode() == targeting.TARGETED_HEADER

    async def test_what_the_router_says_is_passed_on(self, app: Any, memory: Memory) -> None:
        """Beside the handler's own segments; without rules there is no such word."""
        async with client(app) as http:
            await http.get("/predict", headers={"X-Davy-Targeted": "yes"})
            await http.get("/predict")
        told = [prediction.answer.segments for prediction in memory.published]
        assert told == [{"targeted": "yes", "country": "SG"}, {"country": "SG"}]


class TestAllTheWay:
    async def test_from_request_to_log(self, publisher: Publisher, read: Read) -> None:
        """What a handler said about its answer lies in the log."""
        app = service()
        app.add_middleware(PredictionMiddleware, publisher=publisher)
        async with client(app) as http:
            given = (await http.get("/predict")).headers["x-request-id"]
        (arrived,) = read("predictions", 1)
        assert arrived.key == given
        assert arrived.record["predicted_class"] == "7"
        assert arrived.record["score"] == 0.5
        assert arrived.record["segments"] == {"country": "SG"}
        assert arrived.record["status"] == "OK"

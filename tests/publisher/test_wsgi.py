"""The middleware around WSGI apps: what is published, and that nothing else changes."""

import threading
import urllib.request
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.error import HTTPError
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from streams.publisher import Publisher, Status
from streams.publisher.wsgi import PredictionMiddleware
from tests.publisher.arrivals import Read
from tests.publisher.service import Memory

CODES = {"/ok": "200 OK", "/refused": "422 Refused", "/down": "503 Down", "/late": "504 Late"}


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """A service with one path for each way in which a request can end."""
    path = environ["PATH_INFO"]
    if path == "/slow":
        raise TimeoutError
    if path == "/broken":
        raise ZeroDivisionError
    if path == "/overruled":
        environ["davy.answer"].status = "ERROR"
    elif "davy.answer" in environ:
        environ["davy.answer"].predicted_class = "7"
        environ["davy.answer"].segments["country"] = "SG"
    start_response(CODES.get(path, "200 OK"), [("Content-Type", "text/plain")])
    return stream(path) if path.startswith("/stream") else [b"seven"]


def stream(path: str) -> Iterator[bytes]:
    yield b"part"
    if path == "/stream/broken":
        raise ZeroDivisionError
    yield b"part"


@pytest.fixture
def memory() -> Memory:
    return Memory()


def environ(path: str, **more: str) -> dict[str, Any]:
    found: dict[str, Any] = {"SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": ""}
    found |= more
    setup_testing_defaults(found)
    return found


def answer(served: Any, told: dict[str, Any]) -> tuple[str, dict[str, str], bytes]:
    """What a server that keeps to PEP 3333 gets: status, headers, body."""
    heard: list[Any] = []

    def start_response(status: str, headers: Any, *_: Any) -> Any:
        heard[:] = [status, dict(headers)]
        return lambda _: None

    parts = served(told, start_response)
    try:
        body = b"".join(parts)
    finally:
        parts.close()
    return heard[0], heard[1], body


class TestStatus:
    @pytest.mark.parametrize(
        ("path", "status"),
        [
            ("/ok", Status.OK),
            ("/refused", Status.OK),
            ("/stream", Status.OK),
            ("/down", Status.ERROR),
            ("/late", Status.TIMEOUT),
        ],
    )
    def test_how_a_request_ended(self, memory: Memory, path: str, status: Status) -> None:
        """One prediction per request, by the answer's code, within the rules of WSGI."""
        served = validator(PredictionMiddleware(validator(app), memory))
        answer(served, environ(path))
        assert [p.status for p in memory.published] == [status]

    @pytest.mark.parametrize(
        ("path", "error", "status"),
        [
            ("/slow", TimeoutError, Status.TIMEOUT),
            ("/broken", ZeroDivisionError, Status.ERROR),
            ("/stream/broken", ZeroDivisionError, Status.ERROR),
        ],
    )
    def test_a_handler_that_raises(
        self, memory: Memory, path: str, error: type[Exception], status: Status
    ) -> None:
        """It is published, and the exception goes on its way."""
        with pytest.raises(error):
            answer(PredictionMiddleware(app, memory), environ(path))
        assert [p.status for p in memory.published] == [status]

    def test_the_handler_overrules(self, memory: Memory) -> None:
        """A handler that answered with a fallback may call it an error."""
        answer(PredictionMiddleware(app, memory), environ("/overruled"))
        assert memory.published[0].answer.status == "ERROR"

    def test_a_client_that_goes_away(self, memory: Memory) -> None:
        """The server closes an answer that it has not read to its end."""
        parts = PredictionMiddleware(app, memory)(environ("/stream"), lambda *_: lambda _: None)
        assert next(iter(parts)) == b"part"
        parts.close()
        parts.close()
        assert [p.status for p in memory.published] == [Status.TIMEOUT]

    def test_a_list_that_was_taken_is_complete(self, memory: Memory) -> None:
        """A server that knows the length need not ask for more than there is."""
        parts = PredictionMiddleware(app, memory)(environ("/ok"), lambda *_: lambda _: None)
        assert len(parts) == 1
        assert next(iter(parts)) == b"seven"
        parts.close()
        assert [p.status for p in memory.published] == [Status.OK]

    def test_an_answer_begun_anew(self, memory: Memory) -> None:
        """The code that the server took last counts."""

        def twice(_: Any, start_response: Any) -> Iterable[bytes]:
            start_response("200 OK", [])
            error = ZeroDivisionError()
            start_response("500 Broken", [], (type(error), error, None))
            return [b""]

        status, _, _ = answer(PredictionMiddleware(twice, memory), environ("/ok"))
        assert status == "500 Broken"
        assert [p.status for p in memory.published] == [Status.ERROR]


class TestHeaders:
    def test_ids_are_taken_and_given_back(self, memory: Memory) -> None:
        """The id of the header is the prediction's; the answer names it and the version."""
        served = PredictionMiddleware(app, memory, version="v2")
        _, headers, _ = answer(served, environ("/ok", HTTP_X_REQUEST_ID="r-1"))
        assert (headers["x-request-id"], headers["x-model-version"]) == ("r-1", "v2")
        assert memory.published[0].answer.request_id == "r-1"

    def test_nonsense_is_replaced(self, memory: Memory) -> None:
        """A header that is no id is not carried any further."""
        served = PredictionMiddleware(app, memory)
        _, headers, _ = answer(served, environ("/ok", HTTP_X_REQUEST_ID="two words"))
        assert len(headers["x-request-id"]) == 32
        assert memory.published[0].answer.request_id == headers["x-request-id"]

    def test_what_the_router_says_is_passed_on(self, memory: Memory) -> None:
        """Beside the handler's own segments."""
        answer(PredictionMiddleware(app, memory), environ("/ok", HTTP_X_DAVY_TARGETED="yes"))
        assert memory.published[0].answer.segments == {"targeted": "yes", "country": "SG"}


class TestPaths:
    @pytest.mark.parametrize(
        ("told", "published"),
        [
            (environ("/predict"), 1),
            (environ("/7", SCRIPT_NAME="/predict"), 1),
            (environ("/predictor"), 0),
            (environ("/predict", REQUEST_METHOD="OPTIONS"), 0),
        ],
        ids=["path", "mounted", "another", "preflight"],
    )
    def test_only_what_is_a_prediction(
        self, memory: Memory, told: dict[str, Any], published: int
    ) -> None:
        """What is none gets the app as it is."""
        served = PredictionMiddleware(app, memory, paths=["/predict"])
        assert b"".join(served(told, lambda *_: lambda _: None)) == b"seven"
        assert len(memory.published) == published


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its signature
        """Keep quiet."""


@pytest.fixture
def server(publisher: Publisher) -> Iterator[str]:
    """A real server, on a real publisher; its address."""
    served: WSGIServer = make_server(
        "127.0.0.1", 0, PredictionMiddleware(app, publisher), handler_class=Quiet
    )
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{served.server_port}"
    served.shutdown()
    thread.join()
    served.server_close()


class TestAllTheWay:
    def test_from_request_to_log(self, server: str, read: Read) -> None:
        """What a handler said lies in the log; the server still knows the answer's length."""
        with urllib.request.urlopen(f"{server}/ok", timeout=10) as response:
            assert response.headers["content-length"] == "5"
            given = response.headers["x-request-id"]
        with pytest.raises(HTTPError) as failure:
            urllib.request.urlopen(f"{server}/down", timeout=10)
        failure.value.close()
        found = {each.key: each.record for each in read("predictions", 2)}
        told = found.pop(given)
        assert (told["predicted_class"], told["status"]) == ("7", "OK")
        assert told["segments"] == {"country": "SG"}
        assert [record["status"] for record in found.values()] == ["ERROR"]

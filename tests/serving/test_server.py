"""The server answers three pages to whom it may, whatever its clients and its process do."""

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter

from streams.errors import SettingsError
from streams.http_settings import HttpSettings
from streams.serving import server as serving
from streams.serving.server import Answer, StatusServer
from streams.serving.status import Status, pages

ANY = HttpSettings(port=0)


class Process:
    """What a process tells of itself."""

    def __init__(self) -> None:
        self.status = Status(unready=())
        self.registry = CollectorRegistry()
        self.folded = Counter("davy_folded", "Events.", registry=self.registry)

    def server(self, settings: HttpSettings = ANY) -> StatusServer:
        return StatusServer(settings, pages(lambda: self.status, self.registry), usual_port=0)


@pytest.fixture
def process() -> Process:
    return Process()


@pytest.fixture
def server(process: Process) -> Iterator[StatusServer]:
    with process.server() as server:
        yield server


def port_of(server: StatusServer) -> int:
    return int(server.url.rpartition(":")[2])


def said(server: StatusServer, text: bytes) -> bytes:
    """What comes back for these bytes until the server hangs up."""
    with socket.create_connection(("127.0.0.1", port_of(server)), timeout=20) as client:
        client.sendall(text)
        found = b""
        while part := client.recv(4096):
            found += part
        return found


class TestPages:
    def test_well(self, server: StatusServer, process: Process) -> None:
        process.folded.inc(3)
        for path in ("/healthz", "/readyz?verbose"):
            answer = httpx.get(server.url + path)
            assert (answer.status_code, answer.text) == (200, "ok\n")
        metrics = httpx.get(f"{server.url}/metrics")
        assert "davy_folded_total 3.0" in metrics.text
        assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")

    def test_not_ready_is_alive(self, server: StatusServer, process: Process) -> None:
        process.status = Status(unready=("the broker does not answer", "predictions-0: loading"))
        assert httpx.get(f"{server.url}/healthz").status_code == 200
        answer = httpx.get(f"{server.url}/readyz")
        assert answer.status_code == 503
        assert answer.text == "the broker does not answer\npredictions-0: loading\n"

    def test_dead_is_neither(self, server: StatusServer, process: Process) -> None:
        process.status = Status(dead=("predictions-0: stalled",), unready=())
        for path in ("/healthz", "/readyz"):
            answer = httpx.get(server.url + path)
            assert (answer.status_code, answer.text) == (503, "predictions-0: stalled\n")

    def test_nothing_else(self, server: StatusServer) -> None:
        for path in ("/", "/metrics/", "/healthz/..", "/%2e%2e/etc/passwd", "/favicon.ico"):
            assert httpx.get(server.url + path).status_code == 404

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"])
    def test_looking_only(self, server: StatusServer, method: str) -> None:
        answer = httpx.request(method, f"{server.url}/healthz")
        assert answer.status_code == 405
        assert answer.headers["allow"] == "GET, HEAD"

    def test_head_says_the_length_and_no_body(self, server: StatusServer) -> None:
        answer = said(server, b"HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"content-length: 3" in head.lower()
        assert body == b""

    def test_an_error_in_a_page_is_logged_and_not_told(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        def broken() -> Answer:
            raise RuntimeError("the inside")

        with StatusServer(ANY, {"/healthz": broken}, usual_port=0) as server:
            answer = httpx.get(f"{server.url}/healthz")
        assert answer.status_code == HTTPStatus.INTERNAL_SERVER_ERROR
        assert answer.text == "500 Internal Server Error\n"
        assert "the inside" in caplog.text


class TestAuthentication:
    @pytest.fixture
    def server(self, tmp_path: Path, process: Process) -> Iterator[StatusServer]:
        file = tmp_path / "passwords"
        file.write_text("ada:lovelace\n")
        with process.server(HttpSettings(port=0, basic_auth_file=file)) as server:
            yield server

    @pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/none"])
    def test_missing_or_wrong_is_401_on_every_path(self, server: StatusServer, path: str) -> None:
        answers = [
            httpx.get(server.url + path),
            httpx.get(server.url + path, auth=("ada", "wrong")),
            httpx.get(server.url + path, auth=("eve", "lovelace")),
            httpx.post(server.url + path, auth=("eve", "lovelace")),
        ]
        assert {(a.status_code, a.text) for a in answers} == {(401, "401 Unauthorized\n")}
        assert answers[0].headers["www-authenticate"] == 'Basic realm="davy", charset="UTF-8"'

    def test_right_is_answered(
        self, server: StatusServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("DEBUG")
        assert httpx.get(f"{server.url}/healthz", auth=("ada", "lovelace")).status_code == 200
        assert "lovelace" not in caplog.text


class TestBadClients:
    @pytest.mark.parametrize(
        ("text", "status"),
        [
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
            (b"GET /healthz\r\n\r\n", b"400"),
            (b"GET /healthz HTTP/1.1\r\n\r\n", b"400"),  # no Host
            (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 5000, b"431"),
            (b"GET /" + b"a" * 100_000, b"431"),
        ],
    )
    def test_what_is_no_request_is_refused(
        self, server: StatusServer, text: bytes, status: bytes
    ) -> None:
        with socket.create_connection(("127.0.0.1", port_of(server)), timeout=20) as client:
            client.sendall(text[:9000])
            assert client.recv(4096).split()[1] == status

    def test_a_body_is_not_read(self, server: StatusServer) -> None:
        request = b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n"
        assert said(server, request).startswith(b"HTTP/1.1 200")

    def test_slow_clients_hold_nobody_up_and_are_let_go(
        self, server: StatusServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Slowloris: more half requests than there may be, each fed byte by byte."""
        monkeypatch.setattr(serving, "REQUEST_S", 1.0)
        slow = [socket.create_connection(("127.0.0.1", port_of(server))) for _ in range(80)]
        try:
            began = time.monotonic()
            for client in slow:
                client.sendall(b"GET /healthz HT")
            assert httpx.get(f"{server.url}/healthz").status_code == 200
            assert time.monotonic() - began < 1.0
            assert _fed_until_let_go(slow[-1]) < 5.0
        finally:
            for client in slow:
                client.close()

    def test_a_client_that_does_not_read_is_let_go(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(serving, "REQUEST_S", 0.5)
        huge = Answer(status=HTTPStatus.OK, body=b"x" * (64 << 20))
        with StatusServer(ANY, {"/huge": lambda: huge}, usual_port=0) as server:
            client = socket.create_connection(("127.0.0.1", port_of(server)), timeout=20)
            with client:
                client.sendall(b"GET /huge HTTP/1.1\r\nHost: x\r\n\r\n")
                time.sleep(1.0)  # longer than it may take: that is what is tested
                assert _received(client) < len(huge.body)


def _received(client: socket.socket) -> int:
    """Bytes until the server hangs up."""
    count = 0
    try:
        while part := client.recv(1 << 20):
            count += len(part)
    except ConnectionResetError:
        pass
    return count


def _fed_until_let_go(client: socket.socket) -> float:
    """Seconds until the server hangs up on a client that sends a byte now and then."""
    began = time.monotonic()
    client.settimeout(0.1)
    while time.monotonic() - began < 20:
        try:
            client.sendall(b"T")
            if not client.recv(1):
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - began


def test_it_answers_while_the_main_loop_is_busy(server: StatusServer) -> None:
    """A fold is one long call of Python and native code; the server has a thread of its own."""
    stop, answers = threading.Event(), []

    def probe() -> None:
        while not stop.is_set():
            began = time.monotonic()
            assert httpx.get(f"{server.url}/healthz").status_code == 200
            answers.append(time.monotonic() - began)

    prober = threading.Thread(target=probe)
    prober.start()
    end = time.monotonic() + 2.0
    while time.monotonic() < end:
        sum(range(100_000))
    stop.set()
    prober.join()
    assert len(answers) >= 3
    assert max(answers) < 2.0


def test_no_part_of_an_answer_waits_for_the_one_before() -> None:
    """Connections inherit from the listener what asyncio sets on its own sockets alone."""
    with serving.listen(HttpSettings(port=0), 0) as listening:
        with socket.create_connection(listening.getsockname()[:2]):
            connection, _ = listening.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


class TestAddress:
    def test_the_usual_port_or_any_free_one(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level("INFO")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with StatusServer(HttpSettings(), {}, usual_port=port) as server:
                assert port_of(server) != port
                assert httpx.get(server.url).status_code == 404
        assert f"port {port} is taken" in caplog.text
        assert server.url in caplog.text

    def test_a_port_that_was_asked_for_and_is_taken_is_told(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(SettingsError, match=rf"http.port: 127.0.0.1:{port} cannot be had"):
                StatusServer(HttpSettings(port=port), {}, usual_port=0)

    def test_ipv6(self) -> None:
        with StatusServer(HttpSettings(bind="::1", port=0), {}, usual_port=0) as server:
            connection = http.client.HTTPConnection("::1", port_of(server))
            connection.request("GET", "/")
            assert connection.getresponse().status == 404
            connection.close()

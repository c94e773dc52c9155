"""Where the broker, the registry or the topic is missing, callers do not notice; we count."""

import logging
import socket
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from streams.demo.broker import start_tansu
from streams.demo.processes import free_port, wait_until
from streams.errors import PartError
from streams.publisher import Publisher
from streams.publisher.drafts import OUTCOMES, Draft
from streams.publisher.facts import Drop, Tally
from streams.publisher.lane import ANSWER_S, Lane
from streams.publisher.options import Options
from streams.settings import Settings
from streams.topics import create_topics
from tests.publisher.arrivals import Read

ENOUGH = 2_000
OUTCOME = {
    "outcome_id": "o",
    "request_id": "r",
    "unit": None,
    "service": "s",
    "occurred_at": 1,
    "metric": "label",
    "label": "7",
    "value": None,
}
AUTO_AND_FIXED = pytest.mark.parametrize("idempotence", ["auto", "on", "off"])


def timed(publisher: Publisher, count: int) -> list[float]:
    """Seconds that each of `count` calls took."""
    found = []
    for index in range(count):
        began = time.perf_counter()
        publisher.prediction(request_id=index, latency_ms=1.0, predicted_class="7", score=0.5)
        found.append(time.perf_counter() - began)
    return found


@pytest.fixture
def deaf() -> Iterator[str]:
    """An address that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


class TestBrokerDown:
    @AUTO_AND_FIXED
    def test_calls_stay_short_and_losses_are_counted(self, idempotence: str) -> None:
        """The buffer holds what it may, the rest is dropped by name, no call waits."""
        publisher = Publisher(
            bootstrap=f"127.0.0.1:{free_port()}",
            service="s",
            model_version="v",
            buffer_records=500,
            idempotence=idempotence,
        )
        seconds = timed(publisher, ENOUGH)
        assert_short(seconds)
        counters = publisher.counters()
        # librdkafka's own queue has the same bound, and may hold as many again.
        assert 500 <= counters.waiting <= 1000
        assert counters.dropped == {"buffer_full": ENOUGH - counters.taken}
        assert_closes_in_time(publisher, 0.5)
        wait_until(lambda: publisher.counters().waiting == 0, what="its end", deadline_s=5.0)
        after = publisher.counters()
        assert after.delivered == 0
        assert after.dropped["undelivered"] == counters.taken  # type: ignore[index]
        assert after.lost == ENOUGH

    def test_nothing_waits_after_the_end(self) -> None:
        """What librdkafka complains of after the last record is no record."""
        options = Options(
            bootstrap=f"127.0.0.1:{free_port()}", service="s", model_version="v", idempotence="on"
        )
        tally = Tally()
        lane = Lane(options, {OUTCOMES: 1}, tally)
        assert lane.send(Draft(topic=OUTCOMES, record=OUTCOME, size=1))
        wait_until(lambda: lane.waiting > 1, what="a complaint of librdkafka", deadline_s=10.0)
        lane.give_up()
        with pytest.raises(PartError):
            wait_until(lambda: lane.waiting > 0, what="another complaint", deadline_s=2.0)
        assert (lane.delivered, tally.dropped()) == (0, {Drop.UNDELIVERED: 1})

    @pytest.mark.parametrize("idempotence", ["auto", "off"])
    def test_a_broker_that_never_answers(self, deaf: str, idempotence: str) -> None:
        """A connection without answers is no better, and no worse."""
        publisher = Publisher(
            bootstrap=deaf, service="s", model_version="v", idempotence=idempotence
        )
        assert_short(timed(publisher, ENOUGH))
        assert_closes_in_time(publisher, 0.5)
        assert publisher.counters().lost == ENOUGH

    def test_bytes_are_bounded_too(self) -> None:
        """Long texts fill the buffer before its count of records does."""
        publisher = Publisher(
            bootstrap="127.0.0.1:1", service="s", model_version="v", buffer_bytes=100_000
        )
        for index in range(1000):
            publisher.prediction(request_id=index, latency_ms=1.0, predicted_class="é" * 256)
        assert 50 < publisher.counters().taken < 65
        publisher.close(0)

    def test_a_log_line_tells_and_does_not_repeat(self, caplog: pytest.LogCaptureFixture) -> None:
        """One warning names losses, address and trouble; the next may come in `report_s`."""
        caplog.set_level(logging.WARNING, logger="davy.publisher")
        address = f"127.0.0.1:{free_port()}"

        def lines() -> list[str]:
            return [text for text in caplog.messages if address in text]

        publisher = Publisher(bootstrap=address, service="s", model_version="v", buffer_records=10)
        timed(publisher, 30)
        wait_until(lambda: bool(lines()), what="a warning", deadline_s=15)
        timed(publisher, 30)
        assert not publisher.flush(1.0)
        (line,) = lines()
        assert f"20 buffer_full lost, 10 waiting for {address}; last trouble: no broker" in line
        publisher.close(0)

    def test_a_full_queue_is_asked_again_long_before_the_tick(
        self, tmp_path: Path, prefix: str
    ) -> None:
        """What librdkafka had no room for goes when it has, however long a tick is."""
        port = free_port()
        publisher = Publisher(
            bootstrap=f"127.0.0.1:{port}",
            service="s",
            model_version="v",
            prefix=prefix,
            idempotence="off",
            tick_ms=600_000.0,
            kafka={"queue.buffering.max.messages": 20},
        )
        timed(publisher, 50)
        assert not publisher.flush(0.5)  # whatever a first tick took, librdkafka is full now
        running = start_tansu(tmp_path, port=port)
        try:
            create_topics(Settings(bootstrap=running.bootstrap, prefix=prefix))
            wait_until(lambda: not publisher._buffer, what="room for the rest", deadline_s=20.0)
            assert publisher.flush(20.0)
            assert publisher.counters().delivered == 50
        finally:
            publisher.close(1.0)
            running.part.stop()

    def test_records_wait_for_the_broker(self, tmp_path: object, prefix: str) -> None:
        """What was published before the broker was there is delivered when it is."""
        port = free_port()
        publisher = Publisher(
            bootstrap=f"127.0.0.1:{port}", service="s", model_version="v", prefix=prefix
        )
        timed(publisher, 100)
        running = start_tansu(tmp_path, port=port)  # type: ignore[arg-type]
        try:
            create_topics(Settings(bootstrap=running.bootstrap, prefix=prefix))
            assert publisher.flush(20)
            assert (publisher.counters().delivered, publisher.counters().lost) == (100, 0)
        finally:
            publisher.close(1)
            running.part.stop()


class TestRefusal:
    def test_a_topic_that_is_missing(
        self, kafka: str, prefix: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The broker's word ends in the counters and, with advice, in the log."""
        publisher = Publisher(
            bootstrap=kafka,
            service="s",
            model_version="v",
            prefix=f"{prefix}absent-",
            kafka={"topic.metadata.propagation.max.ms": 10, "message.timeout.ms": 1000},
        )
        publisher.prediction(request_id="r", latency_ms=1)
        assert publisher.flush(20)
        counters = publisher.counters()
        assert (counters.delivered, counters.dropped) == (0, {"rejected": 1})
        publisher.close()
        assert "davy topics create" in caplog.text

    def test_a_record_larger_than_the_broker_takes(self, topics: Settings) -> None:
        """It is counted, and the records around it arrive."""
        publisher = Publisher(
            bootstrap=topics.bootstrap,
            service="s",
            model_version="v",
            prefix=topics.prefix,
            kafka={"message.max.bytes": 1000},
        )
        big = {f"segment-{index}": "x" * 200 for index in range(20)}
        publisher.prediction(request_id="before", latency_ms=1)
        publisher.prediction(request_id="big", latency_ms=1, segments=big)
        publisher.prediction(request_id="after", latency_ms=1)
        assert publisher.flush(10)
        assert publisher.counters().delivered == 2
        assert publisher.counters().dropped == {"too_big": 1}
        publisher.close()


class TestRegistryDown:
    def test_records_wait_for_the_registry(self, topics: Settings, read: Read) -> None:
        """Until the ids are known nothing is written; then everything is, with those ids."""
        address = ("127.0.0.1", free_port())
        publisher = Publisher(
            bootstrap=topics.bootstrap,
            service="s",
            model_version="v",
            prefix=topics.prefix,
            registry=f"http://user:secret@127.0.0.1:{address[1]}",
        )
        timed(publisher, 50)
        assert not publisher.flush(0.3)
        assert publisher.counters().waiting == 50
        server = ThreadingHTTPServer(address, Ids)
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            assert publisher.flush(15)
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
            publisher.close()
        assert {arrived.schema_id for arrived in read("predictions", 50)} == {4711}


class Ids(BaseHTTPRequestHandler):
    """A registry that knows every schema, for those who name the password."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        known = self.headers["Authorization"] == "Basic dXNlcjpzZWNyZXQ="
        body = b'{"id": 4711}' if known else b"{}"
        self.send_response(200 if known else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its signature
        """Keep quiet."""


def assert_short(seconds: list[float]) -> None:
    """Hardly a call above a millisecond, and none as long as the shortest wait for a broker."""
    assert sorted(seconds)[int(0.99 * len(seconds))] < 0.001
    assert max(seconds) < ANSWER_S


def assert_closes_in_time(publisher: Publisher, deadline_s: float) -> None:
    began = time.monotonic()
    assert not publisher.close(deadline_s)
    assert time.monotonic() - began < deadline_s + 0.5

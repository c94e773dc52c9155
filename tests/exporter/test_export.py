"""Real pages over HTTP become samples on the topic; bad targets cost nothing but themselves."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

import httpx
import pytest
from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server

from streams.exporter.export import Exporter, Plan, export, targets_of
from streams.exporter.pages import Reading
from streams.exporter.scrape import Failure, Target, scrape
from streams.exporter.shares import Whose
from tests.agents.pipeline import Pipeline

if TYPE_CHECKING:
    from streams.demo.processes import Parts
    from tests.conftest import Broker

HOST = "127.0.0.1"
CADVISOR = (Path(__file__).parent / "cadvisor.txt").read_bytes()


@contextmanager
def serving(answer: bytes, *, status: int = 200, hang: bool = False) -> Iterator[str]:
    """A server with one answer, or one that never ends its answer."""
    done = Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(answer) + (1 if hang else 0)))
            self.end_headers()
            self.wfile.write(answer)
            if hang:
                self.wfile.flush()
                done.wait(20)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((HOST, 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://{HOST}:{server.server_port}/metrics"
    finally:
        done.set()
        server.shutdown()
        server.server_close()


@contextmanager
def process_page() -> Iterator[str]:
    """A real exposition of this very process."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    server, thread = start_http_server(0, HOST, registry)
    try:
        yield f"http://{HOST}:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def free_port() -> int:
    with socket.socket() as found:
        found.bind((HOST, 0))
        return int(found.getsockname()[1])


async def asked(url: str, timeout_s: float = 5.0) -> dict[str, Reading] | Failure:
    async with httpx.AsyncClient() as client:
        return await scrape(client, Target(url=url), timeout_s)


class TestScrape:
    async def test_a_real_exposition(self) -> None:
        with process_page() as url:
            found = await asked(url)
        assert isinstance(found, dict)
        ((pod, reading),) = found.items()
        assert pod == url.split("/")[2]
        assert reading.cpu_s is not None
        assert reading.cpu_s > 0
        assert reading.memory is not None
        assert reading.memory > 1e6

    async def test_what_is_wrong_with_a_target_has_a_name(self) -> None:
        found = await asked(f"http://{HOST}:{free_port()}/metrics")
        assert isinstance(found, Failure)
        assert found.code == "down"
        with serving(b"x", status=503) as url:
            assert getattr(await asked(url), "code", "") == "down"
        with serving(b"<html>\xff</html>") as url:
            assert getattr(await asked(url), "code", "") == "garbage"
        with serving(b"process_cpu_seconds_total 1\n", hang=True) as url:
            found = await asked(url, 0.3)
        assert found == Failure(code="slow", detail="no whole answer within 0.3 s")


@pytest.mark.flow
class TestExport:
    async def test_samples_of_good_targets_arrive_whatever_the_others_do(
        self, broker: Broker, prefix: str, parts: Parts
    ) -> None:
        """A process, a node with two pods, and three targets that answer badly or not at all."""
        pipeline = Pipeline(broker.bootstrap, prefix, parts)
        with (
            process_page() as process,
            serving(CADVISOR) as node,
            serving(b"{}") as garbage,
            serving(b"", hang=True) as slow,
        ):
            down = f"http://{HOST}:{free_port()}/metrics"
            plan = Plan(
                targets=targets_of([f"v3={process}", node, garbage, slow, down]),
                whose=Whose(
                    service="digits",
                    patterns=(("digits-v1-*", "v1"), ("digits-v2-*", "v2")),
                    cpu_limit=64.0,
                    memory_limit=64e9,
                ),
                every_s=0.2,
                timeout_s=0.5,
            )

            async def until_seen() -> None:
                def there() -> bool:
                    return len(pipeline.read("resources")) >= 6

                await asyncio.to_thread(pipeline.eventually, there, what="samples of three pods")

            counts = await export(pipeline.settings, plan, until_seen)
        samples = [record for _, record in pipeline.read("resources")]
        by_pod = {sample["pod"]: sample for sample in samples}
        assert set(by_pod) == {process.split("/")[2], "ml/digits-v1-a", "ml/digits-v2-b"}
        assert {sample["model_version"] for sample in samples} == {"v1", "v2", "v3"}
        assert by_pod["ml/digits-v1-a"]["memory"] == pytest.approx(0.8)
        assert by_pod["ml/digits-v2-b"]["gpu"] == pytest.approx(0.7)
        assert 0 < by_pod[process.split("/")[2]]["memory"] < 1
        assert counts["delivered"] == counts["published"] == len(samples)
        assert min(counts["garbage"], counts["slow"], counts["down"]) >= 2

    async def test_what_tells_nothing_is_said(
        self, broker: Broker, prefix: str, parts: Parts, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Patterns that fit no pod, and pods without a limit: no sample comes, so somebody must."""
        pipeline = Pipeline(broker.bootstrap, prefix, parts)
        with serving(CADVISOR) as node:
            for patterns in ((("digits-v3-*", "v3"),), (("digits-v2-*", "v2"),)):
                plan = Plan(
                    targets=targets_of([node]),
                    whose=Whose(service="digits", patterns=patterns),
                    every_s=5.0,
                    timeout_s=2.0,
                )
                exporter = Exporter(pipeline.settings, plan)
                async with httpx.AsyncClient() as client:
                    await exporter.round(client)
                exporter.close()
        first, second = [record.getMessage() for record in caplog.records if record.levelno > 20]
        assert first.startswith(f"{node}: names no pod that --pods gives a version: ml/digits-v1-a")
        assert second == (
            "ml/digits-v2-b: no limit of cpu and memory is known; "
            "give --cpu-limit and --memory-limit"
        )

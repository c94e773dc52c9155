"""Real pages over HTTP become samples on the topic; bad targets cost nothing but themselves."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
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
from streams.serving.pulse import HUNG
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


HANGS = """
import asyncio, time
from streams.exporter.export import Plan, export, targets_of
from streams.exporter.shares import Whose
from streams.http_settings import HttpSettings
from streams.settings import Settings

async def what_hangs():
    time.sleep(600)

settings = Settings(
    bootstrap="127.0.0.1:1", kafka={"log_level": "0"}, hang_s=2.0, http=HttpSettings(port=0)
)
targets = targets_of(["v1=http://127.0.0.1:1/metrics"])
plan = Plan(targets=targets, whose=Whose(service="digits"), every_s=1.0, timeout_s=1.0)
asyncio.run(export(settings, plan, what_hangs))
"""


def test_a_loop_that_hangs_ends_the_process() -> None:
    """With the exit code that says: start it again."""
    ended = subprocess.run(
        [sys.executable, "-c", HANGS], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == HUNG, ended.stderr
    assert "the main loop has not turned for 2 s" in ended.stderr
    assert "what_hangs" in ended.stderr


def test_an_endpoint_that_hangs_is_no_loop_that_does(parts: Parts) -> None:
    """However short `hang_s` is, the endpoint is given up long before."""
    asked = ["--service", "digits", "--every", "1m", "--scrape"]
    env = {"DAVY_HANG_S": "4", "DAVY_BOOTSTRAP": "127.0.0.1:1", "DAVY_HTTP__PORT": "0"}
    davy = [sys.executable, "-m", "streams.cli"]
    with serving(b"", hang=True) as url:
        part = parts.start("exporter", [*davy, "resources", "export", *asked, f"v1={url}"], env=env)
        part.wait_until(
            lambda: "no whole answer within 1 s" in part.log.read_text(),
            what="the endpoint is given up",
            deadline_s=30,
        )
        assert part.stop() == 0


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

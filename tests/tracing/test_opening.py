"""Spans go where OpenTelemetry's variables say; a collector that is away holds nobody up."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from streams.demo.processes import free_port, wait_until
from streams.errors import SettingsError
from streams.extras import lacking
from streams.tracing.opening import ENDING, open_traces, trail_of
from streams.tracing.trail import UNTRACED
from tests.tracing.collector import collecting
from tests.tracing.test_trail import record

EXPORTER = "OTEL_TRACES_EXPORTER"
OFF = """
import sys
import streams.publisher, streams.tracing.opening, streams.agents.context, streams.actuator.reader
from streams.publisher import Publisher
publisher = Publisher(bootstrap="127.0.0.1:1", service="s", model_version="v")
publisher.prediction(request_id="r", latency_ms=1)
publisher.close(0)
names = [name for name in sys.modules if name.partition(".")[0] == "opentelemetry"]
print("imported:", *names)
"""
MISSING = """
import sys
sys.modules["opentelemetry"] = None
from streams.errors import SettingsError
from streams.publisher import Publisher
from streams.tracing.opening import open_traces
for make in (
    lambda: open_traces("worker", wanted=True),
    lambda: Publisher(bootstrap="127.0.0.1:1", service="s", model_version="v", traces=True),
):
    try:
        make()
    except SettingsError as refused:
        print(refused)
"""


def said(program: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def left_running() -> list[str]:
    """Threads of OpenTelemetry, and of its end."""
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if name == ENDING or name.startswith("Otel")]


class TestOff:
    def test_nothing_of_opentelemetry_is_imported(self) -> None:
        assert open_traces("worker", wanted=False) is None
        assert trail_of(None) is UNTRACED
        assert said(OFF) == "imported:\n"

    def test_a_missing_extra_is_named(self) -> None:
        advice = lacking("traces: OpenTelemetry", "otel")
        assert said(MISSING).splitlines() == [advice, advice]


class TestExporter:
    def test_an_unknown_one_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(EXPORTER, "fax")
        with pytest.raises(SettingsError, match=r"no exporter `fax`.*otlp, console or none"):
            open_traces("worker", wanted=True)

    def test_spans_arrive_by_otlp(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """With the process's name, unless another one is given."""
        with collecting() as collector:
            for name, value in collector.env.items():
                monkeypatch.setenv(name, value)
            traces = open_traces("worker", wanted=True)
            trail = trail_of(traces)
            trail.hear([record(7)])
            with trail.step("davy.fold", {"davy.source": "predictions"}):
                pass
            wait_until(lambda: bool(collector.spans), what="a span", deadline_s=10)
            assert traces is not None
            traces.close(5.0)
        (span,) = collector.spans
        assert (span.service, span.name, span.trace) == ("davy-worker", "davy.fold", f"{7:032x}")
        assert (span.parent, span.facts) == (f"{7:016x}", {"davy.source": "predictions"})

    def test_one_that_is_away_holds_up_neither_work_nor_the_end(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{free_port()}")
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        traces = open_traces("worker", wanted=True)
        trail = trail_of(traces)
        began = time.monotonic()
        for number in range(1, 500):
            trail.hear([record(number)])
            with trail.step("davy.fold", {}):
                pass
        assert traces is not None
        traces.close(0.5)
        assert time.monotonic() - began < 5
        wait_until(lambda: not left_running(), what="the end of its threads", deadline_s=10)

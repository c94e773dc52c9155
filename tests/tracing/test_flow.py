"""One trace, from a request in the service to the weights that follow from it."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from streams.publisher import Publisher
from streams.tracing.context import traceparent
from tests.agents.pipeline import Pipeline, spec
from tests.environment import environment_of
from tests.tracing.collector import Collector, Told, collecting

if TYPE_CHECKING:
    from streams.demo.processes import Part, Parts

pytestmark = pytest.mark.timeout(240)
REQUESTS = 40
"""Of a tenth of a second; all to the baseline, as long as nobody gives the candidate a share."""


def actuator(pipeline: Pipeline, env: dict[str, str]) -> Part:
    command = [sys.executable, "-m", "streams.cli", "actuator"]
    told = environment_of(pipeline.settings) | env
    return pipeline.parts.start("actuator", command, env=told)


def serve(publisher: Publisher, tracer: Any, tenth: int) -> None:
    """A service under its own tracing answers the requests of a tenth of a second."""
    with tracer.start_as_current_span("predict"):
        for number in range(REQUESTS):
            publisher.prediction(
                request_id=f"{tenth}-{number}",
                latency_ms=12.5,
                predicted_class=str(number % 4),
            )


def span_of(collector: Collector, span: str) -> Told:
    (found,) = [each for each in collector.spans if each.span == span]
    return found


def test_a_trace_leads_from_a_request_to_the_weights(tansu: str, prefix: str, parts: Parts) -> None:
    """request -> fold -> judge -> apply: each span's parent is the one before, in its trace."""
    requests = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(requests))
    pipeline = Pipeline(tansu, prefix, parts, traces=True, idle_ms=1000)
    pipeline.apply(spec())
    with (
        collecting() as collector,
        Publisher(
            bootstrap=tansu, service="digits", model_version="v1", prefix=prefix, traces=True
        ) as publisher,
    ):
        running = [pipeline.worker(**collector.env), actuator(pipeline, collector.env)]
        pipeline.eventually(
            lambda: len(pipeline.bodies("davy.Activation")) >= 2, what="activation", parts=running
        )
        served = {0}

        def applied() -> bool:
            if (tenth := time.monotonic_ns() // 100_000_000) not in served:
                served.add(tenth)
                serve(publisher, provider.get_tracer("service"), tenth)
            return bool(collector.named("davy.apply"))

        pipeline.eventually(applied, what="weights that follow", parts=running, deadline_s=120)
        apply = collector.named("davy.apply")[0]
        pipeline.eventually(
            lambda: any(span.span == apply.parent for span in collector.spans),
            what="the judge's span",
            parts=running,
        )
    judge = span_of(collector, apply.parent)
    fold = span_of(collector, judge.parent)
    services = [(each.service, each.name) for each in (fold, judge, apply)]
    assert services == [
        ("davy-worker", "davy.fold"),
        ("davy-worker", "davy.judge"),
        ("davy-actuator", "davy.apply"),
    ]
    assert {fold.trace, judge.trace} == {apply.trace}
    published = {
        f"{span.context.span_id:016x}": f"{span.context.trace_id:032x}"
        for span in requests.get_finished_spans()
        if span.context
    }
    assert published[fold.parent] == apply.trace
    assert fold.facts["davy.source"] == "predictions"
    assert judge.facts["davy.rollout"] == apply.facts["davy.rollout"] == "digits-v2"
    decisions = [message for message, _ in pipeline.read("decisions")]
    told = {traceparent(message.headers() or ()).decode() for message in decisions}
    assert f"00-{judge.trace}-{judge.span}" in {text.rpartition("-")[0] for text in told}

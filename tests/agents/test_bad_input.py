"""Bad input lands in dead-letters with a reason, stops nothing and changes no pane."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.agents.pipeline import Pipeline, Traffic, spec
from tests.agents.test_worker import await_activation, await_closed, closed_panes

if TYPE_CHECKING:
    from streams.demo.processes import Parts

pytestmark = [pytest.mark.flow, pytest.mark.timeout(180)]


def bad_values(pipeline: Pipeline, at_ms: int) -> dict[str, list[bytes]]:
    """Reason -> values that must be refused with it."""
    good = {
        "request_id": "bad",
        "service": "digits",
        "model_version": "v2",
        "completed_at": at_ms,
        "latency_ms": 20.0,
        "status": "ERROR",
    }

    def value(**changes: object) -> bytes:
        return pipeline.codec.encode("predictions", good | changes)

    whole = value()
    return {
        "empty": [b""],
        "bad_magic": [b"\x01" + whole[1:], b'{"json": true}'],
        "truncated": [whole[:3], whole[:-2]],
        "unknown_schema": [b"\x00\x00\x0f\x42\x3f" + whole[5:]],
        "trailing_bytes": [whole + b"\x00"],
        "invalid_utf8": [whole.replace(b"digits", b"dig\xff\xfes")],
        "bad_latency": [value(latency_ms=x) for x in (float("nan"), float("inf"), -1.0, 1e308)],
        "bad_time": [value(completed_at=0), value(completed_at=-5)],
        "future": [value(completed_at=at_ms + 10 * 86_400_000)],
        "no_service": [value(service="")],
        "no_version": [value(model_version="")],
        "too_big": [value(request_id="x" * 20_000)],
    }


class TestBadInput:
    def test_every_kind(self, tansu: str, prefix: str, parts: Parts) -> None:
        """Panes with and without bad input between the good are the same, byte for byte."""
        start = time.time_ns() // 1_000_000 - 12_000
        events = list(Traffic(seconds=10.0, rate=100).events(start))
        clean = Pipeline(tansu, f"{prefix}clean-", parts, source_partitions=1)
        dirty = Pipeline(
            tansu, f"{prefix}dirty-", parts, source_partitions=1, max_event_bytes=10_000
        )
        bad = bad_values(dirty, start + 5000)
        for pipeline in (clean, dirty):
            pipeline.apply(spec())
            worker = pipeline.worker(pipeline.settings.prefix)
            await_activation(pipeline, worker)
            for number, event in enumerate(events):
                if pipeline is dirty and number % 50 == 0:
                    for values in bad.values():
                        for value in values:
                            pipeline.produce("predictions", "bad", value)
                pipeline.publish([event])
            await_closed(pipeline, (start + 8000) // 1000, worker)
        assert [*closed_panes(dirty).values()] == [*closed_panes(clean).values()]
        letters = dirty.raw("dead-letters")
        reasons = [dict(m.headers() or [])["reason"].decode() for m in letters]
        times = sum(1 for number in range(len(events)) if number % 50 == 0)
        expected = {reason: len(values) * times for reason, values in bad.items()}
        assert {reason: reasons.count(reason) for reason in expected} == expected
        assert len(letters) == sum(expected.values())
        first = dict(letters[0].headers() or [])
        assert first["topic"].decode() == dirty.settings.topic("predictions")
        assert first["advice"]

    def test_unknown_and_late_are_counted(self, tansu: str, prefix: str, parts: Parts) -> None:
        """Events of nobody's version and late events are no error: counted, not folded."""
        pipeline = Pipeline(tansu, prefix, parts, source_partitions=1)
        pipeline.apply(spec())
        worker = pipeline.worker()
        await_activation(pipeline, worker)
        start = time.time_ns() // 1_000_000 - 12_000
        events = list(Traffic(seconds=10.0, rate=50).events(start))
        strangers = [event | {"model_version": "v9", "score": 1.5} for event in events[:20]]
        pipeline.publish(strangers)
        pipeline.publish(events[:400])
        pipeline.publish([event | {"request_id": "late"} for event in events[:25]])
        pipeline.publish([event | {"service": "else"} for event in events[380:400]])
        pipeline.publish(events[400:])
        await_closed(pipeline, (start + 8000) // 1000, worker)

        def marker() -> dict[str, int]:
            found = [r["body"] for _, r in pipeline.read("cells") if r and "body" in r]
            return next(body for kind, body in reversed(found) if kind == "davy.Marker")

        total = 20 + 400 + 25 + 20 + 100
        pipeline.eventually(
            lambda: marker()["next_offset"] == total, what="all events folded", parts=[worker]
        )
        assert (marker()["late"], marker()["unknown"]) == (25, 40)
        assert marker()["invalid_scores"] == 20
        assert pipeline.bodies("davy.Progress")[-1]["invalid_scores"] == 20
        assert marker()["accepted"] == total - 25
        assert pipeline.raw("dead-letters") == []

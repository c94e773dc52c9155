"""Tests of outcomes: both logs sent in the order of the world's time, and time that goes by."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streams.demo.processes import Part
    from tests.agents.pipeline import Pipeline

Event = dict[str, Any]


def send(pipeline: Pipeline, events: Sequence[tuple[str, Event]], *, at_once: int = 50) -> None:
    """In order, a few at a time: what was said later is received later."""
    for first in range(0, len(events), at_once):
        for topic, event in events[first : first + at_once]:
            pipeline.produce(topic, event["request_id"], pipeline.codec.encode(topic, event))
        pipeline.settle()


def passing(start_ms: int, seconds: int) -> list[tuple[str, Event]]:
    """Predictions of another service: they count nowhere, but time goes on with them."""
    return [
        (
            "predictions",
            {
                "request_id": f"passing-{start_ms + at}",
                "service": "another",
                "model_version": "v1",
                "completed_at": start_ms + at,
                "latency_ms": 1.0,
                "status": "OK",
            },
        )
        for at in range(0, seconds * 1000, 125)
    ]


def go_on(
    pipeline: Pipeline, since_ms: int, enough: Callable[[dict[str, Event]], bool], worker: Part
) -> dict[str, Event]:
    """Let time go by, second by second, until the last decisions (by rollout) are enough.

    The judge takes what was joined with the next pane, and there is none without requests.
    """
    seconds, last = count(), {}

    def there() -> bool:
        send(pipeline, passing(since_ms + 1000 * next(seconds), 1))
        last.update({each["rollout"]: each for each in pipeline.decisions()})
        return bool(last) and enough(last)

    pipeline.eventually(there, what="decisions to stop at", parts=[worker], deadline_s=150)
    return last


def last_progress(pipeline: Pipeline, source: str) -> dict[int, Event]:
    """The last word of each partition on a source."""
    last = {m.key().decode(): m.value() for m in pipeline.raw("panes") if m.partition() == 0}
    return {
        int(key.rpartition("/")[2]): pipeline.codec.decode("panes", value)["body"][1]
        for key, value in last.items()
        if key.startswith(f"progress/{source}/")
    }


def await_closed(
    pipeline: Pipeline, source: str, through: dict[int, int], worker: Part
) -> dict[int, Event]:
    """Until each partition has passed its pane; returns its last word."""

    def there() -> bool:
        told = last_progress(pipeline, source)
        return all(n in told and told[n]["closed_through"] >= p for n, p in through.items())

    pipeline.eventually(there, what=f"{source} through {through}", parts=[worker])
    return last_progress(pipeline, source)


def activations(pipeline: Pipeline) -> list[tuple[int, Event]]:
    """Partition, and from where on a rollout counts."""
    return [
        (record["source_partition"], record["body"][1])
        for _, record in pipeline.read("panes")
        if (record["body"][0], record["source"]) == ("davy.Activation", "predictions")
    ]


def await_activations(pipeline: Pipeline, rollouts: int, worker: Part) -> None:
    """Until every partition counts for all of them."""
    most = rollouts * pipeline.settings.source_partitions
    pipeline.eventually(
        lambda: len(activations(pipeline)) == most, what="activation everywhere", parts=[worker]
    )

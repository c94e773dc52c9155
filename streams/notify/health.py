"""Is `davy notify` alive, and is it ready? Facts of its lanes' loops.

A hook that does not answer is told by metrics, and no reason to start again: the others go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from prometheus_client import Metric
from prometheus_client.registry import Collector

from streams.notify.lane import Lane
from streams.serving.families import counter, gauge
from streams.serving.status import Status
from streams.wire.store import SchemaStore


class Figures(Collector):
    """What lanes tell Prometheus besides the counters; labels are the settings' hooks."""

    def __init__(self, lanes: Sequence[Lane], store: SchemaStore) -> None:
        self._lanes, self._store = lanes, store

    def collect(self) -> Iterable[Metric]:
        """See Collector."""
        text = "Since a broker was connected last."
        silent = [((lane.name,), lane.broker_silent_s) for lane in self._lanes]
        yield gauge("davy_notify_broker_silent_seconds", text, ("hook",), silent)
        text = "Times that the schema registry did not answer, or not with what is needed."
        failures = [((), float(self._store.failures))]
        yield counter("davy_notify_registry_failures", text, (), failures)
        text = "Records on davy's own topics that could not be used."
        skipped = [
            ((lane.name, *what), float(count))
            for lane in self._lanes
            for what, count in sorted(lane.skipped.items())
        ]
        yield counter("davy_notify_skipped_records", text, ("hook", "topic", "reason"), skipped)


def status_of(lanes: Sequence[Lane], hang_s: float) -> Status:
    """Alive and ready, or why not."""
    return Status(dead=tuple(_dead(lanes, hang_s)), unready=tuple(_unready(lanes)))


def _dead(lanes: Sequence[Lane], hang_s: float) -> Iterator[str]:
    for lane in lanes:
        if lane.pulse.age_s > hang_s / 2:
            yield f"the loop of hook {lane.name} has not turned for {lane.pulse.age_s:.0f} s"
        if lane.mute:
            yield f"the thread that tells hook {lane.name} has ended: start `davy notify` again"


def _unready(lanes: Sequence[Lane]) -> Iterator[str]:
    for lane in lanes:
        if not lane.assigned:
            yield f"the group of hook {lane.name} has not spoken yet"
        elif lane.loading:
            yield f"hook {lane.name} is reading the rollouts"

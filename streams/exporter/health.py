"""Is this exporter alive, is it ready, and what are its figures?"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from streams.serving.contact import Contact
from streams.serving.families import counter, gauge
from streams.serving.pulse import Pulse
from streams.serving.status import Status
from streams.settings import Settings
from streams.wire.store import SchemaStore

SILENT_S = 15.0
"""Three statistics of the Kafka client without a connection."""
SAMPLES = ("published", "delivered", "lost")
WITHOUT = ("unmapped", "first", "nothing")
"""Why a pod's figures became no sample: no version, seen for the first time, nothing to compare."""
FAILURES = ("down", "slow", "garbage")


@dataclass(slots=True, kw_only=True)
class Tally:
    """What came of the rounds so far; written by the exporter's loop alone."""

    counts: Counter[str] = field(default_factory=Counter)
    """By the words above."""
    targets: int = 0
    answered: int = 0
    """Targets that answered in the last round."""
    round_at: float = field(default_factory=time.monotonic)
    """When the last round ended, monotonic seconds."""


class Health(Collector):
    """An exporter as others see it."""

    def __init__(self, settings: Settings) -> None:
        self.pulse, self.contact, self.tally = Pulse(), Contact(), Tally()
        self.registry = CollectorRegistry()
        self.store: SchemaStore | None = None
        self._hang_s = settings.hang_s
        ProcessCollector(registry=self.registry)
        self.registry.register(self)

    def status(self) -> Status:
        """Alive and ready, or why not. A target that does not answer is no reason for either."""
        age_s = self.pulse.age_s
        late = age_s > self._hang_s / 2
        dead = (f"the main loop has not turned for {age_s:.0f} s",) if late else ()
        silent_s = self.contact.silent_s
        away = silent_s > SILENT_S
        return Status(
            dead=dead,
            unready=(f"no broker was connected for {silent_s:.0f} s",) if away else (),
        )

    def collect(self) -> Iterable[Metric]:
        """Prometheus' metrics."""
        yield from _rounds(self.tally)
        text = "Since a broker was connected last."
        yield gauge("davy_exporter_broker_silent_seconds", text, (), [((), self.contact.silent_s)])
        text = "Times that the schema registry did not answer, or not with what is needed."
        failures = 0.0 if self.store is None else float(self.store.failures)
        yield counter("davy_exporter_registry_failures", text, (), [((), failures)])


def _rounds(tally: Tally) -> Iterator[Metric]:
    text = "Endpoints that are asked."
    yield gauge("davy_exporter_targets", text, (), [((), float(tally.targets))])
    text = "Endpoints that answered in the last round."
    yield gauge("davy_exporter_targets_answered", text, (), [((), float(tally.answered))])
    text = "Since every endpoint was last asked."
    age_s = max(0.0, time.monotonic() - tally.round_at)
    yield gauge("davy_exporter_round_age_seconds", text, (), [((), age_s)])
    text = "Samples of pods, by what became of them."
    yield counter("davy_exporter_samples", text, ("fate",), _counted(tally, SAMPLES))
    text = "Figures of pods that became no sample: unmapped (no version), first, nothing new."
    yield counter("davy_exporter_skipped_pods", text, ("reason",), _counted(tally, WITHOUT))
    text = "Questions to endpoints that failed: down, slow, garbage."
    yield counter("davy_exporter_scrape_failures", text, ("reason",), _counted(tally, FAILURES))


def _counted(tally: Tally, words: Iterable[str]) -> list[tuple[tuple[str, ...], float]]:
    return [((word,), float(tally.counts[word])) for word in words]

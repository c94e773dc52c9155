"""What does `davy notify` count as it goes?"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.process_collector import ProcessCollector

DELAY_BUCKETS_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0, 3600.0)


class Meters:
    """Counters of one process, by Prometheus' conventions; hooks are those of the settings."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.told = Counter(
            "davy_notify_told",
            "Transitions that a hook has.",
            ("hook", "transition"),
            registry=registry,
        )
        self.failures = Counter(
            "davy_notify_failures",
            "Tries that failed: away (tried again) or refused.",
            ("hook", "kind"),
            registry=registry,
        )
        self.given_up = Counter(
            "davy_notify_given_up",
            "Transitions that a hook never got; the log names each.",
            ("hook",),
            registry=registry,
        )
        self.waiting = Gauge(
            "davy_notify_waiting",
            "Transitions that were read and not told yet.",
            ("hook",),
            registry=registry,
        )
        self.delay = Histogram(
            "davy_notify_delay_seconds",
            "From the writing of a record to its arrival at the hook.",
            ("hook",),
            buckets=DELAY_BUCKETS_S,
            registry=registry,
        )
        self.lost = Counter(
            "davy_notify_lost_records",
            "Records that retention deleted before they were told.",
            ("hook", "topic"),
            registry=registry,
        )

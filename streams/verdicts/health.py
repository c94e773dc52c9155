"""Is this verdict server alive, is it ready, and what are its figures?"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from streams.serving.families import counter, gauge
from streams.serving.pulse import Pulse
from streams.serving.status import Status
from streams.settings import Settings
from streams.verdicts.follower import Follower


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A verdict server as it stands now."""

    log_read: bool = False
    silent: int = 0
    """Partitions whose broker is not heard."""
    judges: Mapping[str, int] = field(default_factory=dict)
    """Whether their judge is heard -> rollouts."""
    skipped: Mapping[tuple[str, str], int] = field(default_factory=dict)
    registry_failures: int = 0


class Health(Collector):
    """A verdict server as others see it."""

    def __init__(self, settings: Settings, registry: CollectorRegistry) -> None:
        self.pulse = Pulse()
        self.registry = registry
        self.follower: Follower | None = None
        self._hang_s = settings.hang_s
        registry.register(self)
        ProcessCollector(registry=registry)

    def status(self) -> Status:
        """Alive and ready, or why not."""
        age_s = self.pulse.age_s
        late = age_s > self._hang_s / 2
        dead = (f"the main loop has not turned for {age_s:.0f} s",) if late else ()
        unread = "starting" if self.follower is None else self.follower.unread()
        return Status(dead=dead, unready=(unread,) if unread else ())

    def collect(self) -> Iterable[Metric]:
        """Prometheus' metrics besides the counter of answers."""
        return families(self._facts())

    def _facts(self) -> Facts:
        follower = self.follower
        if follower is None:
            return Facts()
        now = time.monotonic()
        return Facts(
            log_read=not follower.unread(),
            silent=follower.silent,
            judges=Counter(known.judge(now) for known in follower.board.all()),
            skipped=dict(follower.reader.own.skipped),
            registry_failures=follower.registry_failures,
        )


def families(facts: Facts) -> Iterator[Metric]:
    """All metrics that are facts."""
    text = "1 while the log was read to its end and is followed."
    yield gauge("davy_verdicts_log_read", text, (), [((), float(facts.log_read))])
    text = "Partitions of davy's topics whose broker is not heard."
    yield gauge("davy_verdicts_silent_partitions", text, (), [((), float(facts.silent))])
    rows = [((state,), float(count)) for state, count in sorted(facts.judges.items())]
    text = "Rollouts by whether their judge is heard: live, frozen, rolled_back, ended."
    yield gauge("davy_verdicts_rollouts", text, ("judge",), rows)
    text = "Records on davy's own topics that could not be used."
    counts = [(what, float(count)) for what, count in sorted(facts.skipped.items())]
    yield counter("davy_verdicts_skipped_records", text, ("topic", "reason"), counts)
    text = "Times that the schema registry did not answer, or not with what is needed."
    failures = float(facts.registry_failures)
    yield counter("davy_verdicts_registry_failures", text, (), [((), failures)])

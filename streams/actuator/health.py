"""Is this actuator alive, is it ready, and what are its figures? Facts of its main loop.

A target that does not answer is told, and no reason to start again: the others go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from prometheus_client import Metric
from prometheus_client.registry import Collector

from streams.actuator.meters import Meters
from streams.actuator.ports import Segments
from streams.actuator.runner import Runner
from streams.actuator.standing import Standing
from streams.serving.families import Row, counter, gauge
from streams.serving.pulse import Pulse
from streams.serving.status import Status
from streams.settings import Settings

SILENT_S = 15.0
"""Three statistics of the Kafka client without a connection."""
BP_PER_PERCENT = 100


class Course(IntEnum):
    """How a rollout stands, in Flagger's numbers."""

    RUNNING = 0
    SUCCESSFUL = 1  # promoted, and in force
    FAILED = 2  # rolled back, whether or not the target has followed yet


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutFacts:
    """A rollout whose target is held now."""

    rollout: str
    seq: int
    """Of the last decision accepted."""
    judge: str
    """live, frozen, rolled_back or ended."""
    stuck_s: float
    """How long its target has not returned from a call."""
    tries: int = 0
    """Failures of the target in a row."""
    held: bool = False
    """Whether somebody paused it, or a foreign change froze it."""
    service: str = ""
    course: Course = Course.RUNNING
    applied_bp: Segments = field(default_factory=dict)
    """What the target is known to have had last."""
    wanted_bp: Segments = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActuatorFacts:
    """An actuator as its main loop saw it last."""

    assigned: bool = False
    loading: int = 0
    loaded: int = 0
    broker_at: float = field(default_factory=time.monotonic)
    """When a broker was connected last, monotonic seconds."""
    rollouts: tuple[RolloutFacts, ...] = ()
    registry_failures: int = 0
    skipped: Mapping[tuple[str, str], int] = field(default_factory=dict)


def facts_of(runner: Runner) -> RolloutFacts:
    """What a runner tells."""
    actor = runner.actor
    return RolloutFacts(
        rollout=actor.spec.rollout,
        seq=actor.standing.fence,
        judge=actor.judge,
        stuck_s=runner.stuck_s,
        tries=actor.tries,
        held=bool(actor.standing.paused or actor.standing.drifted),
        service=actor.spec.service,
        course=course_of(actor.standing),
        applied_bp=actor.standing.given or {},
        wanted_bp=actor.standing.wanted or {},
    )


def course_of(standing: Standing) -> Course:
    """How a rollout stands for others."""
    last = standing.accepted
    if last is not None and last.rolled_back:
        return Course.FAILED
    settled = standing.given is not None and standing.is_settled(standing.given)
    return Course.SUCCESSFUL if settled else Course.RUNNING


class Health(Collector):
    """An actuator as others see it."""

    def __init__(self, settings: Settings) -> None:
        self.pulse = Pulse()
        self.meters = Meters()
        self.facts = ActuatorFacts()
        self._hang_s = settings.hang_s
        self.meters.registry.register(self)

    def status(self) -> Status:
        """Alive and ready, or why not."""
        age_s = self.pulse.age_s
        late = age_s > self._hang_s / 2
        dead = (f"the main loop has not turned for {age_s:.0f} s",) if late else ()
        return Status(dead=dead, unready=tuple(_unready(self.facts)))

    def collect(self) -> Iterable[Metric]:
        """Prometheus' metrics besides the counters."""
        facts = self.facts
        yield from _actuator(facts)
        yield from _rollouts(facts.rollouts)


def _unready(facts: ActuatorFacts) -> Iterator[str]:
    if not facts.assigned:
        yield "the group has not spoken yet"
    if facts.loading:
        yield f"{facts.loading} partitions are being loaded"
    silent_s = time.monotonic() - facts.broker_at
    if silent_s > SILENT_S:
        yield f"no broker was connected for {silent_s:.0f} s"


def _actuator(facts: ActuatorFacts) -> Iterator[Metric]:
    silent_s = max(0.0, time.monotonic() - facts.broker_at)
    text = "Since a broker was connected last."
    yield gauge("davy_actuator_broker_silent_seconds", text, (), [((), silent_s)])
    text = "Partitions of this actuator: loading, or loaded and acted on."
    held = [(("loading",), float(facts.loading)), (("loaded",), float(facts.loaded))]
    yield gauge("davy_actuator_partitions", text, ("state",), held)
    text = "Rollouts whose targets are held."
    yield gauge("davy_actuator_rollouts", text, (), [((), float(len(facts.rollouts)))])
    text = "Times that the schema registry did not answer, or not with what is needed."
    failures = float(facts.registry_failures)
    yield counter("davy_actuator_registry_failures", text, (), [((), failures)])
    skipped = [(what, float(count)) for what, count in sorted(facts.skipped.items())]
    text = "Records on davy's own topics that could not be used."
    yield counter("davy_actuator_skipped_records", text, ("topic", "reason"), skipped)


def _rollouts(rollouts: tuple[RolloutFacts, ...]) -> Iterator[Metric]:
    one = ("rollout",)
    text = "Number of the last decision accepted; the fence of the target."
    seqs = [((r.rollout,), float(r.seq)) for r in rollouts]
    yield gauge("davy_actuator_last_decision_seq", text, one, seqs)
    text = "1 for whether the judge is heard: live, frozen, rolled_back, ended."
    judges = [((r.rollout, r.judge), 1.0) for r in rollouts]
    yield gauge("davy_actuator_judge", text, ("rollout", "state"), judges)
    text = "How long a target has not returned from a call."
    stuck = [((r.rollout,), r.stuck_s) for r in rollouts]
    yield gauge("davy_actuator_target_stuck_seconds", text, one, stuck)
    text = "Failures of a target in a row."
    tries = [((r.rollout,), float(r.tries)) for r in rollouts]
    yield gauge("davy_actuator_target_failures_in_a_row", text, one, tries)
    text = "1 where nothing is raised until a person says so: paused, or changed by others."
    held = [((r.rollout,), float(r.held)) for r in rollouts]
    yield gauge("davy_actuator_held", text, one, held)
    yield from _traffic(rollouts)


def _traffic(rollouts: tuple[RolloutFacts, ...]) -> Iterator[Metric]:
    """Names end as those of Flagger's gauges do; until a target is let go, after the end too."""
    text = "0 while a rollout runs, 1 once it is promoted, 2 once it is rolled back."
    courses = [((r.service, r.rollout), float(r.course)) for r in rollouts]
    yield gauge("davy_rollout_status", text, ("service", "rollout"), courses)
    each = ("service", "rollout", "segment", "arm")
    text = "Percent of the requests that an arm is known to get; of copies in segment `mirror`."
    yield gauge("davy_rollout_weight", text, each, _shares(rollouts, lambda r: r.applied_bp))
    text = "Percent of the requests that an arm is to get by the last decision accepted."
    yield gauge("davy_rollout_desired_weight", text, each, _shares(rollouts, lambda r: r.wanted_bp))


def _shares(
    rollouts: Iterable[RolloutFacts], weights: Callable[[RolloutFacts], Segments]
) -> list[Row]:
    return [
        ((r.service, r.rollout, segment, arm), share_bp / BP_PER_PERCENT)
        for r in rollouts
        for segment, shares in sorted(weights(r).items())
        for arm, share_bp in sorted(shares.items())
    ]

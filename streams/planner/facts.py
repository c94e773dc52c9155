"""What is assumed of the traffic, which harm is asked about, and what is foreseen?

Times are seconds, `inf` where it does not happen within the horizon; weights are basis points.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum

from streams.spec.metric_facts import Metric
from streams.spec.model import FULL_BP

Z_P99 = 2.3263478740408408
"""The standard normal quantile at .99."""
HORIZON_S = 30 * 86_400.0
"""What is not shown after 30 days counts as never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """The service as it is today, all arms together; the baseline's behaviour."""

    rps: float
    """Requests per second."""
    p_error: float = 0.002
    """Share of requests that fail, timeouts included."""
    timeout_share: float = 0.1
    """Share of the failures that are timeouts; harm adds none."""
    p50_ms: float = 20.0
    p99_ms: float = 60.0
    """Latencies are lognormal through these two quantiles."""
    classes: int = 10
    """Predicted classes, equally frequent, the same in both arms."""
    pane_s: float = 1.0

    @property
    def sigma(self) -> float:
        """Standard deviation of log latency."""
        return math.log(self.p99_ms / self.p50_ms) / Z_P99


class HarmKind(StrEnum):
    """What gets worse."""

    ERRORS = "errors"
    LATENCY = "latency"


@dataclass(frozen=True, slots=True, kw_only=True)
class Harm:
    """A candidate that is worse by a factor: failures (2.0: twice as many) or latency (1.3)."""

    kind: HarmKind
    factor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How the candidate answers."""

    p_error: float
    slower: float = 1.0

    def with_harm(self, harm: Harm) -> Behaviour:
        """The same candidate with a harm."""
        match harm.kind:
            case HarmKind.ERRORS:
                return replace(self, p_error=self.p_error * harm.factor)
            case HarmKind.LATENCY:
                return replace(self, slower=self.slower * harm.factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """A stage of the plan as one candidate lives it."""

    index: int
    baseline_bp: int
    candidate_bp: int
    lasts_s: float
    """Least time: `min_time`, or until `min_exposures` are there. The last one may last longer."""
    max_time_s: float | None

    def requests(self, rps: float) -> float:
        """Requests of the candidate in this stage's least time."""
        return self.lasts_s * rps * self.candidate_bp / FULL_BP


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """When it has happened in half of the cases, and in nine of ten."""

    half_s: float
    most_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """A harm that begins with a stage, and the stage stays until it is found."""

    harm: Harm
    leg: Leg
    spread: Spread
    by_end: float
    """Chance that it is found within the stage's least time."""
    first: str
    """The metric that mostly finds it first; empty if none does."""
    bad_requests: float
    """Mean number until then, beyond the baseline's (latency: all of the candidate's)."""
    found_s: tuple[float, ...]
    """Seconds of each simulated case, ascending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A candidate that is bad from its first request, through all stages."""

    harm: Harm
    spread: Spread
    bad_requests: float
    bad_requests_most: float
    """Mean, and what is not exceeded in nine of ten cases."""
    found_in: tuple[float, ...]
    """Share of cases found in each stage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """When a guardrail of a good candidate is shown to be harmless, from the stage's begin."""

    metric: Metric
    spread: Spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """A candidate like the baseline, in the last stage before 100 %."""

    leg: Leg
    shown: tuple[Shown, ...]
    """The slowest first."""
    spread: Spread
    """From the stage's begin until every guardrail is shown harmless and its least time is over."""
    in_time: float
    """Chance of that before `max_time`; 1 - never where there is none."""
    earlier_s: float
    """Least time of the stages before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """Something that the plan cannot show, and what to change."""

    problem: str
    change: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """Everything that is foreseen of a rollout."""

    rollout: str
    candidates: int
    traffic: Traffic
    harms: tuple[Harm, ...]
    legs: tuple[Leg, ...]
    detections: tuple[Detection, ...]
    """By stage, then by harm."""
    courses: tuple[Course, ...]
    promotion: Promotion
    advice: tuple[Advice, ...]
    unforeseen: tuple[str, ...]
    """Metrics that the plan says nothing about."""
    cases: int
    """Simulated streams behind each figure."""

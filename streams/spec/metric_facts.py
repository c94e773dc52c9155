"""What may be watched? Metrics as facts: what each looks at and which change is tolerated.

Shares are in [0, 1], margins are relative changes, times are milliseconds.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from streams.spec.fact import Fact, Name

MetricName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}(?::.{1,256})?$")]
"""A name, and behind a colon the class that it is about: `recall:7`."""


class MetricKind(StrEnum):
    """What a metric looks at; each kind has one test (`evidence/README.md`)."""

    ERRORS = "errors"  # share of requests that failed (timeouts included), against the baseline
    TIMEOUTS = "timeouts"  # share of requests that timed out, against the baseline
    SUCCESS = "success"  # share of requests that succeeded, against an absolute floor
    LATENCY = "latency"  # a latency quantile, against the baseline
    LATENCY_SLA = "latency_sla"  # a latency quantile, against an absolute limit
    CLASSES = "classes"  # the mix of predicted classes: JSD in nats, equal weights
    SCORES = "scores"  # the distribution of scores in [0, 1]: the same on fixed bins
    CONFIDENCES = "confidences"  # the distribution of the model's confidence: the same
    MISTAKES = "mistakes"  # share of wrong predictions among the labelled, against the baseline
    ACCURACY = "accuracy"  # share of right predictions among the labelled, against a floor
    RECALL = "recall"  # share of a class's predictions that miss it, against the baseline
    LOG_LOSS = "log_loss"  # mean -log of the probability of what came true, clipped at .001
    BRIER = "brier"  # mean square of what the stated probability lacks
    RATE = "rate"  # share of exposures whose outcome happened, against the baseline
    MEAN = "mean"  # mean of an outcome's value over all exposures, against the baseline
    REFUSALS = "refusals"  # share of answers that a generative model refused, against the baseline
    JUDGE_SCORES = "judge_scores"  # mean of a judge model's scores in [0, 1], against the baseline
    TOKENS_IN = "tokens_in"  # mean of capped prompt lengths, against the baseline
    TOKENS_OUT = "tokens_out"  # mean of capped answer lengths: the same
    PAIRED_ERRORS = "paired_errors"  # errors among requests that both arms answered (shadow)
    PAIRED_TIMEOUTS = "paired_timeouts"  # timeouts among them
    LATENCY_RATIO = "latency_ratio"  # how much longer the candidate took for the same request
    DISAGREEMENT = "disagreement"  # share of them to which the arms gave different classes
    CPU = "cpu"  # share of its limit that a pod uses, against the baseline; never a guardrail
    MEMORY = "memory"  # the same
    GPU = "gpu"  # the same
    CPU_LIMIT = "cpu_limit"  # the same, sustained, against an absolute limit
    MEMORY_LIMIT = "memory_limit"  # the same
    GPU_LIMIT = "gpu_limit"  # the same

    @property
    def is_limit(self) -> bool:
        """Whether it is use against an absolute limit."""
        return self in {self.CPU_LIMIT, self.MEMORY_LIMIT, self.GPU_LIMIT}

    @property
    def resource(self) -> str | None:
        """Whose use it is: cpu, memory or gpu; None where it looks at requests."""
        name = self.value.removesuffix("_limit")
        return name if name in {self.CPU, self.MEMORY, self.GPU} else None


PAIRED = frozenset(
    {
        MetricKind.PAIRED_ERRORS,
        MetricKind.PAIRED_TIMEOUTS,
        MetricKind.LATENCY_RATIO,
        MetricKind.DISAGREEMENT,
    }
)
"""Kinds that look at requests which both arms answered; there are such in shadow mode alone."""

GENERATIVE = frozenset(
    {
        *(MetricKind.REFUSALS, MetricKind.JUDGE_SCORES),
        *(MetricKind.TOKENS_IN, MetricKind.TOKENS_OUT),
    }
)
"""Kinds that only generative models have."""

OF_OUTCOMES = frozenset(
    {
        *(MetricKind.MISTAKES, MetricKind.ACCURACY, MetricKind.RECALL),
        *(MetricKind.LOG_LOSS, MetricKind.BRIER, MetricKind.RATE, MetricKind.MEAN),
    }
)
"""Kinds that are computed from outcomes."""

BY_REQUEST = OF_OUTCOMES | {MetricKind.CLASSES, MetricKind.SCORES, MetricKind.CONFIDENCES}
"""Kinds that count requests where users are the unit; generative ones do so too."""


class Timing(StrEnum):
    """Which time a latency is."""

    REQUEST = "request"  # from arrival to answer
    TTFT = "ttft"  # to the first token
    TPOT = "tpot"  # per output token


class Harm(StrEnum):
    """Which change of a metric is harm."""

    MORE = "more"
    LESS = "less"


class Role(StrEnum):
    """What harm on this metric does: a guardrail rolls back, a signal holds for a human."""

    GUARDRAIL = "guardrail"
    SIGNAL = "signal"


class Metric(Fact):
    """One thing to watch, with the change that is tolerated."""

    name: MetricName
    kind: MetricKind
    role: Role = Role.GUARDRAIL
    margin: Annotated[float, Field(ge=0)] = 0.0
    """Tolerated relative change: +25 % is 0.25 (errors, timeouts, latency)."""
    floor: Annotated[float, Field(ge=0, le=1)] | None = None
    """Absolute floor of a relative rate rule (errors, timeouts); the limit of `success` (0.995)."""
    quantile: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Which latency quantile, 0.99 for p99."""
    timing: Timing = Timing.REQUEST
    """Which time it is a quantile of (latency, latency_sla)."""
    limit_ms: Annotated[float, Field(gt=0)] | None = None
    """Absolute limit of a latency quantile in milliseconds (latency_sla)."""
    threshold: Annotated[float, Field(gt=0)] | None = None
    """JSD limit in nats, as a divergence, equal weights (classes, scores, confidences)."""
    most: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Absolute largest share (disagreement)."""
    outcome: Name | None = None
    """Which outcome it is computed from (labels, business metrics)."""
    label: str | None = None
    """Whose recall it is."""
    harm: Harm = Harm.MORE
    """LESS: `margin` is the fall that is tolerated, -2 % is 0.02 (rate, mean, judge_scores)."""
    limit: Annotated[float, Field(gt=0, le=1)] | None = None
    """Most that pods may use for long, as a share of their own limit (cpu_limit ...)."""
    weight: Annotated[float, Field(gt=0)] = 1.0
    """Share of the error budget, relative to the other metrics."""

    @property
    def generative(self) -> bool:
        """Whether only generative models have it."""
        return self.kind in GENERATIVE or self.timing is not Timing.REQUEST

    @model_validator(mode="after")
    def _may_roll_back(self) -> Self:
        if self.kind.resource and not self.kind.is_limit and self.role is Role.GUARDRAIL:
            raise ValueError(
                f"metrics: {self.name} compares use with the baseline's, which alone never rolls "
                f"back: make it a signal; {self.kind}_limit may be a guardrail"
            )
        return self

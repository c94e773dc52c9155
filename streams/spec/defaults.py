"""What does a rollout get that its author did not ask for?

Each default is written as a person would write it and read by the same parsers as a spec.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from streams.spec.metric_facts import MetricKind, Timing
from streams.spec.model import Mode

ROUTE_NAME = "default"
CANDIDATE_NAME = "candidate"
MODE = "live"
STAGES = ("1% for 2h", "10% for 12h", "100%")
SHADOW_STAGES = ("1% for 15m", "10% for 2h")
# Below this many requests per arm no test says anything: a stratum of evidence, a divergence.
MIN_EXPOSURES = "50"


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricDefault:
    """What `errors: {}` means; None where this kind has no such field."""

    kind: MetricKind
    margin: str | None = None
    floor: str | None = None
    quantile: float | None = None
    threshold: str | None = None
    change: str | None = None
    label: str | None = None
    timing: Timing = Timing.REQUEST
    most: str | None = None
    limit: str | None = None
    weight: str = "1"


ERRORS = MetricDefault(kind=MetricKind.ERRORS, margin="+25%", floor="0.1pp")
TIMEOUTS = MetricDefault(kind=MetricKind.TIMEOUTS, margin="+25%", floor="0.1pp")
SUCCESS = MetricDefault(kind=MetricKind.SUCCESS, floor="99.5%")
CLASSES = MetricDefault(kind=MetricKind.CLASSES, threshold="0.05")
SCORES = MetricDefault(kind=MetricKind.SCORES, threshold="0.05")
CONFIDENCES = MetricDefault(kind=MetricKind.CONFIDENCES, threshold="0.05")


REFUSALS = MetricDefault(kind=MetricKind.REFUSALS, margin="+25%", floor="0.1pp")
JUDGE_SCORES = MetricDefault(kind=MetricKind.JUDGE_SCORES, change="-2%")
TOKENS_IN = MetricDefault(kind=MetricKind.TOKENS_IN, margin="+10%")
TOKENS_OUT = MetricDefault(kind=MetricKind.TOKENS_OUT, margin="+10%")


def use(kind: MetricKind) -> MetricDefault:
    """What pods use, against the baseline: a signal."""
    return MetricDefault(kind=kind, margin="+10%")


def use_limit(kind: MetricKind) -> MetricDefault:
    """What pods use for long, against their own limit."""
    return MetricDefault(kind=kind, limit="80%")


def latency(quantile: float, timing: Timing = Timing.REQUEST) -> MetricDefault:
    """A latency quantile, with its default margin."""
    return MetricDefault(kind=MetricKind.LATENCY, margin="+10%", quantile=quantile, timing=timing)


def latency_sla(quantile: float, timing: Timing = Timing.REQUEST) -> MetricDefault:
    """A latency quantile with an absolute limit, which only the spec can know."""
    return MetricDefault(kind=MetricKind.LATENCY_SLA, quantile=quantile, timing=timing)


def recall(label: str | None = None) -> MetricDefault:
    """The recall of a class, of all that are declared by default."""
    return MetricDefault(kind=MetricKind.RECALL, margin="+5%", label=label)


ACCURACY = MetricDefault(kind=MetricKind.MISTAKES, margin="+5%")
ACCURACY_FLOOR = MetricDefault(kind=MetricKind.ACCURACY)
LOG_LOSS = MetricDefault(kind=MetricKind.LOG_LOSS, margin="+5%")
BRIER = MetricDefault(kind=MetricKind.BRIER, margin="+5%")
RATE = MetricDefault(kind=MetricKind.RATE, change="-2%")
MEAN = MetricDefault(kind=MetricKind.MEAN, change="-2%")

METRICS = MappingProxyType(
    {
        "errors": ERRORS,
        "timeouts": TIMEOUTS,
        "success": SUCCESS,
        "p50": latency(0.50),
        "p95": latency(0.95),
        "p99": latency(0.99),
        "classes": CLASSES,
        "scores": SCORES,
        "confidences": CONFIDENCES,
        "refusals": REFUSALS,
        "judge_scores": JUDGE_SCORES,
        "tokens_in": TOKENS_IN,
        "tokens_out": TOKENS_OUT,
        **{kind.value: use(kind) for kind in (MetricKind.CPU, MetricKind.MEMORY, MetricKind.GPU)},
        **{kind.value: use_limit(kind) for kind in MetricKind if kind.is_limit},
    }
)
# The same requests went to both arms, so these compare answer by answer.
PAIRED_ERRORS = MetricDefault(kind=MetricKind.PAIRED_ERRORS, margin="+25%", floor="0.1pp")
PAIRED_TIMEOUTS = MetricDefault(kind=MetricKind.PAIRED_TIMEOUTS, margin="+25%", floor="0.1pp")
LATENCY_RATIO = MetricDefault(kind=MetricKind.LATENCY_RATIO, margin="+10%", quantile=0.5)
DISAGREEMENT = MetricDefault(kind=MetricKind.DISAGREEMENT, most="5%")
SHADOW_ONLY = MappingProxyType({"latency_ratio": LATENCY_RATIO, "disagreement": DISAGREEMENT})
"""Metrics of shadow mode alone."""
METRICS_OF: MappingProxyType[Mode, MappingProxyType[str, MetricDefault]] = MappingProxyType(
    {
        Mode.LIVE: METRICS,
        Mode.SHADOW: MappingProxyType(
            METRICS | {"errors": PAIRED_ERRORS, "timeouts": PAIRED_TIMEOUTS} | SHADOW_ONLY
        ),
    }
)

GUARDRAILS = ("errors", "p50", "p95", "p99", "success", "classes")
"""Watched unless the spec turns them `off` or moves them to `signals`."""
LABEL_METRICS = MappingProxyType(
    {
        "accuracy": ACCURACY,
        "accuracy_floor": ACCURACY_FLOOR,
        "recall": recall(),
        "log_loss": LOG_LOSS,
        "brier": BRIER,
    }
)
"""What a label outcome can be asked."""
LABEL_GUARDRAIL = "accuracy"
"""Watched where a label outcome is declared, unless the spec says otherwise."""
SHOWN = ("auc", "calibration")
"""Told of every label outcome, tested never."""

DELIVERY = "0s"
PROBABILITY = "confidence"
EXPLICIT = "false"
OUTCOME_SAMPLE = "100%"
SHADOW_GUARDRAILS = ("errors", "latency_ratio", "p95", "p99", "success", "classes")
SHADOW_SIGNALS = ("disagreement",)
GUARDRAILS_OF = MappingProxyType({Mode.LIVE: GUARDRAILS, Mode.SHADOW: SHADOW_GUARDRAILS})
SIGNALS_OF: MappingProxyType[Mode, tuple[str, ...]] = MappingProxyType(
    {Mode.LIVE: (), Mode.SHADOW: SHADOW_SIGNALS}
)

ALPHA_ROLLBACK = "1%"
ALPHA_PROMOTE = "5%"
TIMEOUT = "30s"
ROUTING_LAG = "15s"
REPORT_EVERY = "10s"
LEASE = "30s"
MAX_CLASSES = "64"
UNIT = "request"
MAX_UNITS = "1000000"
OVERDISPERSION = "none"
SEGMENT_BUDGET = "50%"
ON_SEGMENT_HARM = "rollout"

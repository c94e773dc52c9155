"""What does the evidence say of each live rollout, as metrics? From the judge's last decisions.

Names end as those of Flagger's gauges do. Labels are bounded: rollouts that are judged here, and
`MOST_ROWS` verdicts of each, the whole before its slices; what was left out is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client import Metric

from streams.agents.progress import JudgedFacts
from streams.judge.decision_facts import Verdict
from streams.serving.families import Row, gauge
from streams.spec.model import ALL_SEGMENT

MOST_ROWS = 200
ROLLOUT = ("service", "rollout")
VERDICT = (*ROLLOUT, "arm", "segment", "metric")

Labels = tuple[str, ...]
Told = tuple[Labels, Verdict]
"""A verdict with the labels of its rollout."""


def analysis(judged: Iterable[JudgedFacts]) -> Iterator[Metric]:
    """The last decision of each rollout, figure by figure."""
    decided = [(one, one.last) for one in judged if one.last is not None]
    named = [((one.service, one.rollout), last) for one, last in decided]
    text = "Index of the stage that the last decision leaves a rollout in; -1 before the first."
    stages = [(name, float(last.stage)) for name, last in named]
    yield gauge("davy_rollout_stage", text, ROLLOUT, stages)
    text = "Verdicts of the last decision for which there were too many slices to tell."
    left_out = [(name, float(max(0, len(last.verdicts) - MOST_ROWS))) for name, last in named]
    yield gauge("davy_rollout_verdicts_left_out", text, ROLLOUT, left_out)
    told = [(name, verdict) for name, last in named for verdict in _first(last.verdicts)]
    yield from _estimates(told)
    yield from _e_values(told)
    text = "1 for what the evidence says of a metric: harm, no_harm, better, undecided, invalid."
    findings = [((*_labels(one), one[1].finding.value), 1.0) for one in told]
    yield gauge("davy_rollout_metric_finding", text, (*VERDICT, "finding"), findings)
    text = "What entered the test for harm of a metric, by arm: requests or users."
    yield gauge("davy_rollout_metric_exposures", text, VERDICT, _exposures(told))


def _first(verdicts: Iterable[Verdict]) -> Sequence[Verdict]:
    """Those that are told: the whole, then slices by name. Labels must not come twice."""
    once = {(v.candidate, v.segment, v.metric): v for v in verdicts}
    return sorted(once.values(), key=lambda v: (v.segment != ALL_SEGMENT, v.segment))[:MOST_ROWS]


def _estimates(told: Sequence[Told]) -> Iterator[Metric]:
    """In the unit of the verdict: ratio, share, nats or ms."""
    each = (*VERDICT, "unit")
    text = "Candidate against baseline, as the metric is compared; the label `unit` says in what."
    yield gauge("davy_rollout_metric_analysis", text, each, _united(told, lambda v: v.estimate))
    text = "Lower end of the confidence interval that holds at all times."
    yield gauge("davy_rollout_metric_low", text, each, _united(told, lambda v: v.low))
    text = "Upper end of the confidence interval that holds at all times; none while unbounded."
    yield gauge("davy_rollout_metric_high", text, each, _united(told, lambda v: v.high))
    text = "The limit that is tested."
    yield gauge("davy_rollout_metric_margin", text, each, _united(told, lambda v: v.margin))


def _e_values(told: Sequence[Told]) -> Iterator[Metric]:
    """Natural logarithms; harm is shown, and harmlessness, where the limit is reached."""
    text = "Evidence for harm: logarithm of the e-value."
    yield gauge("davy_rollout_log_e_harm", text, VERDICT, _plain(told, lambda v: v.log_e_harm))
    text = "Where evidence for harm takes a candidate back."
    rows = _plain(told, lambda v: v.log_e_harm_threshold)
    yield gauge("davy_rollout_log_e_harm_limit", text, VERDICT, rows)
    text = "Evidence against harm beyond the margin: logarithm of the e-value."
    yield gauge("davy_rollout_log_e_safe", text, VERDICT, _plain(told, lambda v: v.log_e_safe))
    text = "Where evidence against harm is enough for promotion."
    rows = _plain(told, lambda v: v.log_e_safe_threshold)
    yield gauge("davy_rollout_log_e_safe_limit", text, VERDICT, rows)


def _labels(told: Told) -> Labels:
    name, verdict = told
    return (*name, verdict.candidate, verdict.segment, verdict.metric)


def _plain(told: Iterable[Told], figure: Callable[[Verdict], float]) -> list[Row]:
    return [(_labels(one), float(figure(one[1]))) for one in told]


def _united(told: Iterable[Told], figure: Callable[[Verdict], float | None]) -> list[Row]:
    """With the unit; what has no figure is left out."""
    figures = [(one, figure(one[1])) for one in told]
    return [((*_labels(one), one[1].unit), float(f)) for one, f in figures if f is not None]


def _exposures(told: Iterable[Told]) -> list[Row]:
    """Each arm once: the baseline stands in the verdicts of every candidate."""
    found: dict[Labels, float] = {}
    for name, verdict in told:
        for arm, count in verdict.exposures.items():
            labels = (*name, arm, verdict.segment, verdict.metric)
            found[labels] = max(found.get(labels, 0.0), float(count))
    return sorted(found.items())

"""What would Kayenta's judge say of this very rollout? Its answer on per-minute series.

A shadow: told beside davy's decision, never part of it. Series come from the same panes; a mix of
classes has no series, so `classes` is left to davy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from streams.judge.decision_facts import Shadow, ShadowMetric
from streams.judge.facts import PaneInput
from streams.judge.kayenta.canary import judge_canary
from streams.judge.monitors.generative import part_of, times_of
from streams.judge.record import shadow_from_record
from streams.sketches.cell import Cell
from streams.sketches.llm_cell import LlmCell
from streams.sketches.scaled_sums import UNIT
from streams.spec.metric_facts import Harm, Metric, MetricKind
from streams.spec.model import ALL_SEGMENT, BASELINE, RolloutSpec

JUDGE = "NetflixACAJudge-v1.0"
MINUTE_MS = 60_000
MINUTES_KEPT = 240
"""The window that is compared: the last four hours."""
EVERY_MINUTE = 30
"""Up to this many minutes the shadow is judged each minute, then every fifth."""
PACE = 5

Series = list[float | None]


def canary_config(spec: RolloutSpec) -> dict[str, Any]:
    """The canary config that asks Kayenta what the spec asks davy, as JSON values."""
    return {
        "name": spec.rollout,
        "metrics": [
            _metric_config(metric) for metric in spec.request_metrics if _has_series(metric)
        ],
        "classifier": {},
        "judge": {"name": JUDGE, "judgeConfigurations": {}},
    }


def _metric_config(metric: Metric) -> dict[str, Any]:
    canary: dict[str, Any] = {"direction": "increase", "effectSize": {}}
    if metric.kind is MetricKind.SUCCESS:
        canary["direction"] = "decrease"
    elif metric.harm is Harm.LESS:
        canary["direction"] = "decrease"
        canary["effectSize"] = {"allowedDecrease": 1.0 - metric.margin}
    elif metric.kind in {MetricKind.SCORES, MetricKind.CONFIDENCES}:
        canary["direction"] = "either"
    else:
        canary["effectSize"] = {"allowedIncrease": 1.0 + metric.margin}
    return {
        "name": metric.name,
        "groups": [metric.kind.value],
        "analysisConfigurations": {"canary": canary},
    }


def _has_series(metric: Metric) -> bool:
    return metric.kind is not MetricKind.CLASSES and metric.kind.resource is None


class KayentaShadow:
    """Series of one candidate and its baseline, and what was said of them last."""

    def __init__(self, spec: RolloutSpec, candidate: str) -> None:
        self._candidate = candidate
        self._config = canary_config(spec)
        self._metrics = [metric for metric in spec.request_metrics if _has_series(metric)]
        self._minute = -1
        self._open = (Cell(), Cell())
        self._series: list[tuple[Series, Series]] = [([], []) for _ in self._metrics]
        self._minutes = 0
        self.said: Shadow | None = None
        """None while no minute of the candidate is complete, or no metric has a series."""

    def add(self, pane: PaneInput) -> None:
        """The next pane; a new minute closes the one before."""
        minute = pane.start_ms // MINUTE_MS
        if minute != self._minute:
            self._close()
            self._minute = minute
        for cell, arm in zip(self._open, (BASELINE, self._candidate), strict=True):
            if seen := pane.cells.get((ALL_SEGMENT, arm)):
                cell.merge(seen)

    def _close(self) -> None:
        cells, self._open = self._open, (Cell(), Cell())
        if not self._metrics or not (self._minutes or cells[1].exposures):
            return
        self._minutes += 1
        for metric, series in zip(self._metrics, self._series, strict=True):
            for values, cell in zip(series, cells, strict=True):
                values.append(minute_value(metric, cell))
                del values[:-MINUTES_KEPT]
        if self._minutes <= EVERY_MINUTE or self._minutes % PACE == 0:
            self.said = self._judged()

    def _judged(self) -> Shadow:
        control, experiment = (
            {m.name: series[arm] for m, series in zip(self._metrics, self._series, strict=True)}
            for arm in (0, 1)
        )
        result = judge_canary(self._config, control, experiment)
        return Shadow(
            judge=JUDGE,
            candidate=self._candidate,
            minutes=min(self._minutes, MINUTES_KEPT),
            score=result.score,
            classification=result.grade.value,
            reason=result.reason,
            metrics=tuple(
                ShadowMetric(name=m.name, classification=m.label.value, reason=m.reason)
                for m in result.metrics
            ),
        )

    def to_state(self) -> dict[str, Any]:
        """Series, the open minute and the last answer, as JSON values."""
        return {
            "minute": self._minute,
            "open": [cell.to_state(ALL_SEGMENT, "") for cell in self._open],
            "series": self._series,
            "minutes": self._minutes,
            "said": self.said and asdict(self.said),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `to_state` wrote for the same spec."""
        self._minute, self._minutes = state["minute"], state["minutes"]
        baseline, candidate = (Cell.from_state(cell)[2] for cell in state["open"])
        self._open = (baseline, candidate)
        self._series = [(list(before), list(after)) for before, after in state["series"]]
        self.said = shadow_from_record(state["said"]) if state["said"] else None


def minute_value(metric: Metric, cell: Cell) -> float | None:
    """A metric's value of one minute and arm, six digits; None without requests or scores."""
    value = _value(metric, cell) if cell.exposures else None
    return None if value is None else float(f"{value:.6g}")


def _value(metric: Metric, cell: Cell) -> float | None:
    match metric.kind:
        case MetricKind.ERRORS | MetricKind.PAIRED_ERRORS:
            return cell.errors / cell.exposures
        case MetricKind.TIMEOUTS | MetricKind.PAIRED_TIMEOUTS:
            return cell.timeouts / cell.exposures
        case MetricKind.SUCCESS:
            return 1.0 - cell.errors / cell.exposures
        case MetricKind.LATENCY | MetricKind.LATENCY_SLA:
            return times_of(metric.timing)(cell).quantile(metric.quantile or 0.5)
        case MetricKind.SCORES | MetricKind.CONFIDENCES:
            bins = cell.scores if metric.kind is MetricKind.SCORES else cell.confidences
            return bins.quantile(0.5)
        case _:
            return _generative(metric.kind, part_of(cell))


def _generative(kind: MetricKind, part: LlmCell) -> float | None:
    match kind:
        case MetricKind.REFUSALS:
            return part.refused / part.told if part.told else None
        case MetricKind.JUDGE_SCORES:
            return part.judged.total / part.judged.count / UNIT if part.judged.count else None
        case MetricKind.TOKENS_IN | MetricKind.TOKENS_OUT:
            tokens = part.tokens_in if kind is MetricKind.TOKENS_IN else part.tokens_out
            return int(tokens.totals.sum()) / tokens.total if tokens.total else None
        case _:
            return None

"""Which formulas does davy compute with, where is each computed, and where does it stand?

Each has a section of the same name in `streams/evidence/FORMULAS.md`, with function and source.
"""

from __future__ import annotations

import inspect
import pkgutil
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

import streams
from streams.judge.monitors.rates import FREQUENT
from streams.spec.metric_facts import Harm, Metric, MetricKind

PAGE = "streams/evidence/FORMULAS.md"
ROOT = Path(streams.__file__).parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Formula:
    """A formula by name and the public function that computes it."""

    name: str
    function: str
    """Dotted, from `streams` on."""

    @property
    def anchor(self) -> str:
        """What links to its section, as Markdown pages make it from the heading.

        >>> RATE_RATIO.anchor
        'rate-ratio-grid-e-process'
        """
        return re.sub(r"[^\w\- ]", "", self.name.lower()).replace(" ", "-")

    @property
    def link(self) -> str:
        """Page and section."""
        return f"{PAGE}#{self.anchor}"

    @property
    def place(self) -> str:
        """File and line of the function, from where `streams` lies.

        >>> BUDGET.place.rpartition(":")[0]
        'streams/evidence/budget.py'
        """
        return _place(self.function)


@cache
def _place(function: str) -> str:
    found = pkgutil.resolve_name(function)
    file = Path(inspect.getsourcefile(found) or "").relative_to(ROOT).as_posix()
    return f"{file}:{inspect.getsourcelines(found)[1]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Formulas:
    """By which formula each figure of a verdict was computed."""

    test: Formula
    estimate: Formula
    interval: Formula


def _formula(name: str, function: str) -> Formula:
    return Formula(name=name, function=f"streams.{function}")


DECISION = _formula("decision", "judge.policy.rule")
FINDING = _formula("finding", "judge.monitors.watch.Watch.finding")
COUNTS = _formula("counts", "evidence.strata.StratumSums.take")
LIMIT = _formula("limit", "evidence.quantile.effective_margin")
PANES = _formula("panes", "judge.facts.PaneInput")
BUDGET = _formula("error budget", "evidence.budget.split")
STRATA = _formula("strata", "evidence.strata.target_exposures")
LATE_ONSET = _formula("late onset", "evidence.onset.start_block")
DISPERSION = _formula("overdispersion", "evidence.overdispersion.phi_from_blocks")
TURN = _formula("what would have changed it", "replay.witness.fewest")

RATE_RATIO = _formula("rate-ratio grid e-process", "evidence.rates.RatioSums.log_e_harm")
MANTEL_HAENSZEL = _formula("Mantel-Haenszel rate ratio", "evidence.rates.RatioSums.estimate")
RATIO_INTERVAL = _formula("rate-ratio interval", "evidence.rates.RatioSums.interval")
FLOOR = _formula("relative rule with an absolute floor", "evidence.floors.harm_above_both")
TWO_SAMPLE = _formula("two-sample grid e-process", "evidence.two_sample.two_sample_log_factor")
ONE_ARM = _formula("one-arm grid e-process", "evidence.one_arm.OneArmSums.log_e_harm")
SHARE = _formula("share of one arm", "evidence.one_arm.OneArmSums.estimate")
SHARE_INTERVAL = _formula("one-arm interval", "evidence.one_arm.OneArmSums.interval")

FIRST_ERRORS = _formula("first errors of units", "evidence.units.first_errors")

EXCEEDANCES = _formula("exceedances of a frozen quantile", "evidence.quantile.exceedances")
QUANTILES = _formula("quantile ratio", "evidence.quantile.quantile_ratio")
QUANTILE_INTERVAL = _formula(
    "quantile confidence sequences", "evidence.quantile.quantile_ratio_interval"
)
SLA = _formula("quantile limit", "evidence.quantile_limit.quantile_limit_test")
SLA_QUANTILE = _formula(
    "latency quantile of one arm", "sketches.log_histogram.LogHistogram.quantile"
)
SLA_BOUNDS = _formula("quantile bounds of one arm", "evidence.quantile.quantile_bounds")

DIVERGENCE = _formula("Jensen-Shannon divergence", "evidence.jsd.JsdSums.log_e_harm")
JSD = _formula("bias-corrected divergence", "evidence.jsd.JsdSums.estimate")
JSD_INTERVAL = _formula("asymptotic confidence sequence", "evidence.jsd.JsdSums.interval")
EQUALITY = _formula("equality e-process", "evidence.categories.EqualitySums.log_e")

RATIO_OF_MEANS = _formula("bounded mean", "evidence.bounded_mean.BoundedMeanSums.log_e_harm")
MEAN_ESTIMATE = _formula("ratio of means", "evidence.bounded_mean.BoundedMeanSums.estimate")
MEAN_INTERVAL = _formula("interval of means", "evidence.bounded_mean.BoundedMeanSums.interval")
COHORTS = _formula("matured cohorts", "panes.cohorts.CohortClock.complete")
CAPPED = _formula("capped values", "judge.outcomes.readers.CappedReader")
LESS = _formula("less is harm", "judge.monitors.swapped.swapped_margin")
ACCURACY_SHOWN = _formula("figures of an arm", "judge.outcomes.shown.Shown.figures")
AUC = _formula("area under the curve", "evidence.ranking.area_under_curve")
CALIBRATION = _formula("calibration error", "evidence.ranking.calibration_error")
UNBOUNDED_MEAN = _formula("unbounded mean", "evidence.unbounded_mean.UnboundedMeanSums.log_e_harm")
CAPPED_RATIO = _formula(
    "ratio of capped means", "evidence.unbounded_mean.UnboundedMeanSums.estimate"
)
CAPPED_INTERVAL = _formula(
    "interval of capped means", "evidence.unbounded_mean.UnboundedMeanSums.interval"
)
CAP = _formula("cap of values", "judge.monitors.capped.freeze_cap")
PAIRED = _formula("paired e-process", "evidence.paired.PairedSums.log_e_harm")
PAIRED_RATIO = _formula("paired ratio", "evidence.paired.PairedSums.estimate")
PAIRED_INTERVAL = _formula("paired interval", "evidence.paired.PairedSums.interval")
LATENCY_RATIO = _formula("latency ratio", "judge.monitors.paired.RatioReader.read")
RATIO_QUANTILE = _formula("quantile of latency ratios", "judge.monitors.paired.RatioReader.gauge")
DISAGREEMENT = _formula("disagreement", "judge.monitors.paired.DisagreementReader.read")
BLOCKS = _formula("paired blocks", "evidence.paired_blocks.block_mean_log_e")
BLOCK_LENGTH = _formula("length of a block", "evidence.autocorrelation.Autocorrelation.rho")
USE = _formula("use of pods", "evidence.paired_blocks.PairedBlocks.estimate")
USE_INTERVAL = _formula("interval of use", "evidence.paired_blocks.PairedBlocks.interval")

SAMPLE_RATIO = _formula("sample ratio", "evidence.sample_ratio.sample_ratio_log_bayes_factor")
UNITS = _formula("units check", "judge.unit_health.UnitHealth.check")
ROUTING = _formula("routing check", "judge.health.routing_check")
SILENCE = _formula("silence check", "judge.health.Silence.check")
UNCONFIRMED = _formula("unconfirmed check", "judge.health.unconfirmed_check")
LOG = _formula("log check", "judge.log_health.LogHealth.check")
DRIFT = _formula("drift of the baseline", "judge.drift.course.Course.add")
LABEL_COVERAGE = _formula("label coverage", "evidence.label_coverage.LabelCoverageSums.log_e_gap")
LABEL_DELAY = _formula("label delay", "evidence.label_delay.LabelDelaySums.log_e")
LABEL_SILENCE = _formula("label silence", "judge.outcomes.silence.SilenceCheck.check")
FATES = _formula("outcomes told", "panes.cohort_merge.CohortMerge")
MIRRORED_SHARE = _formula("mirrored share", "judge.copies.copied_share_log_e")
UNPAIRED = _formula("answers without a pair", "judge.copies.CopyCheck.watch")
KAYENTA = _formula("Kayenta's judge", "judge.kayenta.canary.judge_canary")

_RATE = Formulas(test=RATE_RATIO, estimate=MANTEL_HAENSZEL, interval=RATIO_INTERVAL)
_SHARE = Formulas(test=ONE_ARM, estimate=SHARE, interval=SHARE_INTERVAL)
_LATENCY = Formulas(test=EXCEEDANCES, estimate=QUANTILES, interval=QUANTILE_INTERVAL)
_SLA = Formulas(test=SLA, estimate=SLA_QUANTILE, interval=SLA_BOUNDS)
_CAPPED = Formulas(test=UNBOUNDED_MEAN, estimate=CAPPED_RATIO, interval=CAPPED_INTERVAL)
_PAIRED = Formulas(test=PAIRED, estimate=PAIRED_RATIO, interval=PAIRED_INTERVAL)
_LATENCY_RATIO = Formulas(test=LATENCY_RATIO, estimate=RATIO_QUANTILE, interval=SLA_BOUNDS)
_DISAGREEMENT = Formulas(test=DISAGREEMENT, estimate=SHARE, interval=SHARE_INTERVAL)
_USE = Formulas(test=BLOCKS, estimate=USE, interval=USE_INTERVAL)
_MIX = Formulas(test=DIVERGENCE, estimate=JSD, interval=JSD_INTERVAL)
_COMPARED = Formulas(test=TWO_SAMPLE, estimate=MANTEL_HAENSZEL, interval=RATIO_INTERVAL)
_MEAN = Formulas(test=RATIO_OF_MEANS, estimate=MEAN_ESTIMATE, interval=MEAN_INTERVAL)

OF_KIND: Mapping[str, Formulas] = MappingProxyType(
    {
        MetricKind.ERRORS: _RATE,
        MetricKind.TIMEOUTS: _RATE,
        MetricKind.SUCCESS: _SHARE,
        MetricKind.LATENCY: _LATENCY,
        MetricKind.LATENCY_SLA: _SLA,
        MetricKind.CLASSES: _MIX,
        MetricKind.SCORES: _MIX,
        MetricKind.CONFIDENCES: _MIX,
        MetricKind.MISTAKES: _COMPARED,
        MetricKind.ACCURACY: _SHARE,
        MetricKind.RECALL: _COMPARED,
        MetricKind.LOG_LOSS: _MEAN,
        MetricKind.BRIER: _MEAN,
        MetricKind.RATE: _COMPARED,
        MetricKind.MEAN: _MEAN,
        MetricKind.REFUSALS: _RATE,
        MetricKind.JUDGE_SCORES: _MEAN,
        MetricKind.TOKENS_IN: _CAPPED,
        MetricKind.TOKENS_OUT: _CAPPED,
        MetricKind.PAIRED_ERRORS: _PAIRED,
        MetricKind.PAIRED_TIMEOUTS: _PAIRED,
        MetricKind.LATENCY_RATIO: _LATENCY_RATIO,
        MetricKind.DISAGREEMENT: _DISAGREEMENT,
        MetricKind.CPU: _USE,
        MetricKind.MEMORY: _USE,
        MetricKind.GPU: _USE,
        MetricKind.CPU_LIMIT: _USE,
        MetricKind.MEMORY_LIMIT: _USE,
        MetricKind.GPU_LIMIT: _USE,
    }
)
"""By metric kind."""

OF_HEALTH: Mapping[str, Formula] = MappingProxyType(
    {
        "sample_ratio": SAMPLE_RATIO,
        "units": UNITS,
        "routing": ROUTING,
        "silence": SILENCE,
        "unconfirmed": UNCONFIRMED,
        "log": LOG,
        "label_coverage": LABEL_COVERAGE,
        "label_delay": LABEL_DELAY,
        "label_silence": LABEL_SILENCE,
        "outcomes": FATES,
        "mirrored_share": MIRRORED_SHARE,
        "unpaired": UNPAIRED,
    }
)
"""By the name of a health check, without the outcome's behind a colon."""
OF_FIGURE: Mapping[str, Formula] = MappingProxyType(
    {
        "accuracy": ACCURACY_SHOWN,
        "coverage": ACCURACY_SHOWN,
        "rate": ACCURACY_SHOWN,
        "mean": ACCURACY_SHOWN,
        "cap": CAPPED,
        "auc": AUC,
        "calibration_error": CALIBRATION,
    }
)
"""By the name of a figure that is shown of an arm."""


_ALSO: Mapping[str, tuple[Formula, ...]] = MappingProxyType(
    {
        MetricKind.LATENCY_SLA: (ONE_ARM, LATE_ONSET),
        MetricKind.SUCCESS: (LATE_ONSET,),
        MetricKind.CLASSES: (EQUALITY,),
        MetricKind.SCORES: (EQUALITY,),
        MetricKind.CONFIDENCES: (EQUALITY,),
        MetricKind.TOKENS_IN: (CAP,),
        MetricKind.TOKENS_OUT: (CAP,),
    }
)


def also_used(metric: Metric) -> tuple[Formula, ...]:
    """What else the test of a metric rests on, as far as its spec tells."""
    return _of_requests(metric) if metric.outcome is None else _of_outcomes(metric)


def _of_requests(metric: Metric) -> tuple[Formula, ...]:
    match metric.kind:
        case MetricKind.LATENCY if metric.quantile is not None:
            return (TWO_SAMPLE if 1 - metric.quantile > FREQUENT else RATE_RATIO, LATE_ONSET)
        case MetricKind.ERRORS | MetricKind.TIMEOUTS | MetricKind.REFUSALS:
            return (FLOOR, ONE_ARM, LATE_ONSET) if metric.floor else (LATE_ONSET,)
        case MetricKind.PAIRED_ERRORS | MetricKind.PAIRED_TIMEOUTS:
            return (FLOOR, ONE_ARM, LATE_ONSET) if metric.floor else (LATE_ONSET,)
        case MetricKind.LATENCY_RATIO | MetricKind.DISAGREEMENT:
            return (ONE_ARM, LATE_ONSET)
        case _:
            return _ALSO.get(metric.kind, (BLOCK_LENGTH,) if metric.kind.resource else ())


def _of_outcomes(metric: Metric) -> tuple[Formula, ...]:
    match metric.kind:
        case MetricKind.RATE if metric.harm is Harm.LESS:
            return (COHORTS, LESS, LATE_ONSET)
        case MetricKind.MEAN:
            return (COHORTS, CAPPED)
        case MetricKind.LOG_LOSS | MetricKind.BRIER:
            return (COHORTS,)
        case _:
            return (COHORTS, LATE_ONSET)

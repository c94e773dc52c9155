"""What does the evidence say of one metric of one candidate? A finding, and a verdict in full."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from streams.evidence.budget import log_threshold
from streams.judge.decision_facts import Finding, Verdict
from streams.judge.monitors.evidence import Claim, Gauge, Reader, Ready
from streams.judge.monitors.panel import Panel
from streams.judge.monitors.units import Counted
from streams.spec.metric_facts import Harm
from streams.spec.model import BASELINE


def _none() -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Watch:
    """One claim and its reader, and where its evidence stands in a panel."""

    claim: Claim
    reader: Ready
    panel: Panel
    row: int
    """The candidate's in its segment."""
    column: int
    """The metric's."""
    measure: Callable[[], Gauge] | None = None
    """Measures the effect elsewhere than in the evidence (latency quantiles)."""
    doubt: Callable[[], str] = _none
    """Why nothing may be called harmless yet, though it is shown to be; empty where it may."""

    @property
    def harmful(self) -> bool:
        """Whether harm was shown, now or before."""
        return self.panel.harmful[self.row][self.column]

    @property
    def excess(self) -> float:
        """How far the evidence for harm lies beyond its threshold, in log e."""
        limit = log_threshold(self.claim.alpha_share)
        return float(self.panel.peak[self.row, self.column]) - limit

    @property
    def promoting(self) -> bool:
        """Whether promotion asks of it; of slices it does not."""
        return self.row < len(self.panel.promoted)

    @property
    def harmless(self) -> bool:
        """Whether non-inferiority is shown in the current stage."""
        return self.panel.harmless[self.row][self.column]

    def gauge(self) -> Gauge:
        """How large the effect is in the whole rollout."""
        return self.measure() if self.measure else self.panel.gauges[self.row][self.column]

    def stage_gauge(self) -> Gauge:
        """How large the effect is in the current stage."""
        return self.measure() if self.measure else self.panel.stage_gauges[self.row][self.column]

    def finding(self, invalid: str) -> tuple[Finding, str]:
        """Finding and reason code; `invalid` names the health check that failed, if any."""
        if invalid:
            return Finding.INVALID, invalid
        if self.harmful:
            return Finding.HARM, "e_harm_crossed"
        if not self.reader.ready:
            return Finding.UNDECIDED, "warming_up"
        if self.harmless:
            doubt = self.doubt()
            return (Finding.UNDECIDED, doubt) if doubt else (Finding.NO_HARM, "no_harm_shown")
        if not self.promoting:
            return Finding.UNDECIDED, "watched_for_harm"
        return Finding.UNDECIDED, "not_enough_data"

    def verdict(self, invalid: str, panes: tuple[int, int]) -> Verdict:
        """The evidence in full; `panes` are the first and last that have entered."""
        claim, tally = self.claim, self.panel.tallies[self.row][self.column]
        gauge, (first, last) = self.gauge(), self.panel.panes or panes
        finding, code = self._refined(*self.finding(invalid), gauge)
        arms = (BASELINE, claim.candidate)
        return Verdict(
            metric=claim.metric.name,
            kind=claim.metric.kind.value,
            role=claim.metric.role.value,
            segment=claim.segment,
            candidate=claim.candidate,
            finding=finding,
            reason=f"{code}: {gauge.remark}" if gauge.remark else code,
            unit=gauge.unit,
            estimate=gauge.estimate,
            low=gauge.low,
            high=gauge.high,
            margin=claim.limit,
            log_e_harm=float(self.panel.peak[self.row, self.column]),
            log_e_harm_threshold=log_threshold(claim.alpha_share),
            log_e_safe=float(self.panel.safe[self.row, self.column]),
            log_e_safe_threshold=log_threshold(claim.alpha_promote),
            alpha_share=claim.alpha_share,
            exposures=dict(zip(arms, tally.exposures, strict=True)),
            events=dict(zip(arms, tally.events, strict=True)),
            first_pane=first,
            last_pane=last,
            dispersion=tally.dispersion,
            counted=claim.counted,
        )

    def _refined(self, finding: Finding, code: str, gauge: Gauge) -> tuple[Finding, str]:
        """Harmless may even be better: the ratio in this stage lies beyond 1, on the good side.

        An interval of requests says nothing where users are the unit.
        """
        elsewhere = self.measure is not None and self.claim.counted != Counted.REQUESTS
        if finding is not Finding.NO_HARM or gauge.unit != "ratio" or elsewhere:
            return finding, code
        now = self.stage_gauge()
        low, high = now.low or 0.0, now.high
        less = self.claim.metric.harm is Harm.LESS
        if low > 1.0 if less else (high is not None and high < 1.0):
            return Finding.BETTER, "better_shown"
        return finding, code


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PaneWatch(Watch):
    """A watch whose reader counts in panes."""

    reader: Reader

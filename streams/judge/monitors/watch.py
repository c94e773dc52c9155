"""What does the evidence say of one metric of one candidate? Harm so far, harmless in this stage.

Harm keeps its running maximum over the whole rollout; what promotion needs is shown by the
current stage alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from streams.evidence.budget import log_threshold
from streams.judge.facts import Finding, Verdict
from streams.judge.monitors.evidence import Counts, Evidence, Gauge, Reader
from streams.spec.model import ALL_SEGMENT, BASELINE, Metric

NO_PANE = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What is tested, of whom, and with how much of the error budget."""

    metric: Metric
    candidate: str
    limit: float
    """The limit in the gauge's unit, as it is really tested."""
    alpha_share: float
    alpha_promote: float

    @property
    def name(self) -> str:
        """How sentences call it."""
        return f"{self.metric.name} of {self.candidate}"


class Watch:
    """One claim, its reader, and its evidence: of the whole rollout and of the current stage."""

    def __init__(
        self,
        claim: Claim,
        reader: Reader,
        evidence: Callable[[], Evidence],
        gauge: Callable[[float], Gauge] | None = None,
    ) -> None:
        """`gauge` measures the effect elsewhere than in the evidence (latency quantiles)."""
        self.claim = claim
        self.reader = reader
        self._new = evidence
        self._gauge = gauge
        self._whole, self._stage = evidence(), evidence()
        self._peak, self._safe = 0.0, 0.0
        self._first_pane = self._last_pane = NO_PANE

    def fold(self, counts: Counts, weight_bp: int, panes: tuple[int, int], at_s: float) -> None:
        """A closed stratum for the harm test: first and last pane, seconds of the rollout."""
        self._whole.fold(counts, weight_bp, at_s)
        self._peak = max(self._peak, self._whole.log_e_harm())
        self._last_pane = panes[1]
        if self._first_pane == NO_PANE:
            self._first_pane = panes[0]

    def fold_stage(self, counts: Counts, weight_bp: int) -> None:
        """A closed, confirmed stratum of the current stage for promotion."""
        self._stage.fold(counts, weight_bp, None)
        self._safe = self._stage.log_e_safe()

    def enter_stage(self) -> None:
        """What was shown in an earlier stage does not promote."""
        self._stage, self._safe = self._new(), 0.0

    @property
    def harmful(self) -> bool:
        """Whether harm was shown, now or before."""
        return self._peak >= log_threshold(self.claim.alpha_share)

    @property
    def harmless(self) -> bool:
        """Whether non-inferiority is shown in the current stage."""
        return self._safe >= log_threshold(self.claim.alpha_promote)

    def stage_gauge(self) -> Gauge:
        """How large the effect is in the current stage."""
        gauge = self._gauge or self._stage.gauge
        return gauge(self.claim.alpha_promote)

    def finding(self, invalid: str) -> tuple[Finding, str]:
        """Finding and reason code; `invalid` names the health check that failed, if any."""
        if invalid:
            return Finding.INVALID, invalid
        if self.harmful:
            return Finding.HARM, "e_harm_crossed"
        if not self.reader.ready:
            return Finding.UNDECIDED, "warming_up"
        if self.harmless:
            return Finding.NO_HARM, "no_harm_shown"
        return Finding.UNDECIDED, "not_enough_data"

    def verdict(self, invalid: str) -> Verdict:
        """The evidence in full."""
        claim, tally = self.claim, self._whole.tally()
        gauge = (self._gauge or self._whole.gauge)(claim.alpha_promote)
        finding, code = self._refined(*self.finding(invalid), gauge)
        arms = (BASELINE, claim.candidate)
        return Verdict(
            metric=claim.metric.name,
            kind=claim.metric.kind.value,
            role=claim.metric.role.value,
            segment=ALL_SEGMENT,
            candidate=claim.candidate,
            finding=finding,
            reason=f"{code}: {gauge.remark}" if gauge.remark else code,
            unit=gauge.unit,
            estimate=gauge.estimate,
            low=gauge.low,
            high=gauge.high,
            margin=claim.limit,
            log_e_harm=self._peak,
            log_e_harm_threshold=log_threshold(claim.alpha_share),
            log_e_safe=self._safe,
            log_e_safe_threshold=log_threshold(claim.alpha_promote),
            alpha_share=claim.alpha_share,
            exposures=dict(zip(arms, tally.exposures, strict=True)),
            events=dict(zip(arms, tally.events, strict=True)),
            first_pane=self._first_pane,
            last_pane=self._last_pane,
            dispersion=tally.dispersion,
        )

    def _refined(self, finding: Finding, code: str, gauge: Gauge) -> tuple[Finding, str]:
        """Harmless may even be better: the ratio lies below 1, of rates in this stage."""
        if finding is not Finding.NO_HARM or gauge.unit != "ratio":
            return finding, code
        high = self.stage_gauge().high
        if high is not None and high < 1.0:
            return Finding.BETTER, "better_shown"
        return finding, code

    def to_state(self) -> dict[str, Any]:
        """Everything that was learnt, as JSON values."""
        return {
            "reader": self.reader.to_state(),
            "whole": self._whole.to_state(),
            "stage": self._stage.to_state(),
            "peak": self._peak,
            "safe": self._safe,
            "panes": [self._first_pane, self._last_pane],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take on what `to_state` wrote."""
        self.reader.restore(state["reader"])
        self._whole.restore(state["whole"])
        self._stage.restore(state["stage"])
        self._peak, self._safe = state["peak"], state["safe"]
        self._first_pane, self._last_pane = state["panes"]

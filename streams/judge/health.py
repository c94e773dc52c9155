"""Can the verdicts be trusted, and is anybody there? Health checks; none of them is ever harm.

The sample ratio makes verdicts invalid; routing, silence and what was left unconfirmed are told,
and hold raises back through the policy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from streams.evidence.budget import log_threshold
from streams.evidence.sample_ratio import SampleRatioSums
from streams.judge.decision_facts import HealthCheck
from streams.judge.facts import PaneInput
from streams.judge.stages import Progress
from streams.judge.weights import Weights
from streams.spec.model import FULL_BP

SAMPLE_RATIO_ALPHA = 0.001


class SampleRatio:
    """Whether requests split as the applied weights say, in the current stage.

    A failure stays: evidence that falls again does not make up for requests that went astray.
    """

    name = "sample_ratio"

    def __init__(self) -> None:
        self._sums = SampleRatioSums.zeros()
        self._counts = [0, 0]
        self._expected_bp = 0
        self._log_e = 0.0
        self._failed = False

    def fold(self, weights: Weights, exposures: Sequence[int]) -> None:
        """A confirmed pane outside the guard; both per arm, baseline first."""
        self._sums.fold(weights, exposures)
        self._counts = [self._counts[0] + exposures[0], self._counts[1] + sum(exposures[1:])]
        self._expected_bp += (FULL_BP - weights[0]) * sum(exposures)
        self._log_e = float(self._sums.log_e())
        self._failed = self._failed or self._log_e >= log_threshold(SAMPLE_RATIO_ALPHA)

    @property
    def failed(self) -> bool:
        """Whether the split has ever been shown to differ from the weights."""
        return self._failed

    def watch(self, pane: PaneInput) -> None:
        """Live requests need no look at what they hold."""

    def checks(self) -> tuple[HealthCheck, ...]:
        """The only check of live requests."""
        return (self.check(),)

    def check(self) -> HealthCheck:
        """The check, with the candidates' observed and expected share."""
        total = sum(self._counts)
        reason = (
            "mismatch: requests did not split as the applied weights say; "
            "mend the routing, then `davy rollout resume` begins the stage afresh"
        )
        return HealthCheck(
            name=self.name,
            ok=not self.failed,
            reason=reason if self.failed else "as_applied" if total else "no_data",
            log_e=self._log_e,
            log_e_threshold=log_threshold(SAMPLE_RATIO_ALPHA),
            observed=self._counts[1] / total if total else None,
            expected=self._expected_bp / FULL_BP / total if total else None,
        )

    def to_state(self) -> dict[str, Any]:
        """The sums as JSON values."""
        return {
            "sums": self._sums.to_state(),
            "counts": self._counts,
            "expected_bp": self._expected_bp,
            "log_e": self._log_e,
            "failed": self._failed,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `to_state` wrote."""
        self._sums = SampleRatioSums.from_state(state["sums"])
        self._counts = list(state["counts"])
        self._expected_bp, self._log_e = state["expected_bp"], state["log_e"]
        self._failed = state["failed"]


@dataclass(slots=True, kw_only=True)
class Silence:
    """How long arms that should have traffic have had none, in panes."""

    panes: int = 0
    baseline_seen: bool = False

    def feed(self, exposures: Sequence[int], weights: Weights) -> None:
        """A pane's requests per arm; every arm with a weight, as far as known, must speak."""
        self.baseline_seen = self.baseline_seen or exposures[0] > 0
        arms = zip(exposures, weights, strict=True)
        silent = any(not count for count, weight in arms if weight > 0)
        self.panes = self.panes + 1 if silent else 0

    def check(self, pane_ms: int) -> HealthCheck:
        """The check; observed is seconds of silence."""
        silent_s = self.panes * pane_ms / 1000
        said = f"silent: an arm that should have traffic has had none for {silent_s:g} s"
        reason = said if self.panes else "heard"
        return told("silence", reason, ok=not self.panes, observed=silent_s, expected=0.0)


def routing_check(
    progress: Progress, desired: Weights, applied: Weights | None, astray: Sequence[str] = ()
) -> HealthCheck:
    """Whether the target is known to have the desired weights; shares are the candidates'.

    `astray` are slices that are to be at the baseline and not known to be there.
    """
    observed = None if applied is None else 1 - applied[0] / FULL_BP
    if progress.applied:
        reason = "applied"
    elif applied is None:
        reason = "unknown: no routing record says what the target has"
    elif astray:
        reason = f"not_applied: not known to be at the baseline alone: {', '.join(astray)}"
    else:
        reason = f"not_applied: the target differs since {progress.elapsed_s:g} s"
    expected = 1 - desired[0] / FULL_BP
    return told("routing", reason, ok=progress.applied, observed=observed, expected=expected)


def unconfirmed_check(dropped: int) -> HealthCheck:
    """Whether panes were left out of promotion's evidence because nobody confirmed weights."""
    reason = "dropped: panes were left out of promotion, their weights stayed unconfirmed"
    said = reason if dropped else "none"
    return told("unconfirmed", said, ok=not dropped, observed=float(dropped), expected=0.0)


def told(
    name: str,
    reason: str,
    *,
    ok: bool,
    observed: float | None,
    expected: float | None,
) -> HealthCheck:
    """A check that is no test."""
    return HealthCheck(
        name=name,
        ok=ok,
        reason=reason,
        log_e=0.0,
        log_e_threshold=0.0,
        observed=observed,
        expected=expected,
    )

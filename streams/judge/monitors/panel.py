"""What does the evidence say of all claims that share a form of test?

Harm keeps its running maximum over the whole rollout; what promotion needs is shown by the current
stage alone, for the first rows: those of the whole. All rows and metrics of a form are folded and
asked at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from streams.evidence.budget import log_threshold
from streams.evidence.fixed import Floats, Ints
from streams.judge.monitors.dispersion import Dispersions
from streams.judge.monitors.evidence import Claim, Claims, Closed, Counts, Evidence, Gauge, Tally

NewEvidence = Callable[[Claims], Evidence]
Hear = Callable[[Closed], None]


class Panel:
    """Claims of one form, by row and metric: evidence of the rollout and of the stage."""

    def __init__(
        self,
        claims: Claims,
        columns: Ints,
        new: NewEvidence,
        dispersions: Dispersions | None = None,
        *,
        promoted: int | None = None,
    ) -> None:
        """`columns` tells where each metric's counts stand, int64[metrics, columns].

        Promotion asks of the first `promoted` rows, by default of all.
        """
        self.claims, self._columns, self.new = claims, columns, new
        self.promoted = claims if promoted is None else claims[:promoted]
        """Claims that promotion asks of; the others are watched for harm alone."""
        self._dispersions = dispersions
        self.whole, self.stage = new(claims), new(self.promoted)
        self.peak, self._safe = np.zeros(self._shape), np.zeros(self._shape)
        self._forgot = np.zeros(self._shape)
        self._safe_known = True
        self.harmful: list[list[bool]]
        """Of which claims harm was shown, now or before."""
        self._harmless: list[list[bool]] | None = None
        self._harm_at = self._thresholds(lambda claim: claim.alpha_share)
        self._safe_at = self._thresholds(lambda claim: claim.alpha_promote)
        self._find_harmful()
        self.panes: tuple[int, int] | None = None
        """First and last that have entered, where they are not those of requests."""
        self._told: dict[str, Any] = {}
        self._hear: Hear = lambda _: None
        self._hear_stage: Hear = lambda _: None

    def listen(self, whole: Hear, stage: Hear) -> None:
        """From now on `whole` and `stage` hear of the strata that are folded."""
        self._hear, self._hear_stage = whole, stage

    @property
    def _shape(self) -> tuple[int, int]:
        return len(self.claims), len(self.claims[0])

    def _thresholds(self, alpha: Callable[[Claim], float]) -> Floats:
        return np.array([[log_threshold(alpha(claim)) for claim in row] for row in self.claims])

    def fold(self, closed: Closed) -> None:
        """Closed strata for the harm test; counts [rows, 2, all columns]."""
        mine = self._mine(closed)
        self._hear(mine)
        self.whole.fold(mine)
        if self._dispersions is not None:
            self._dispersions.add(mine)
        log_e = self.whole.log_e_harm() - self._forgot
        np.maximum(self.peak, log_e, out=self.peak, where=mine.mask)
        self._find_harmful()
        self._told.clear()

    def forget(self, rows: Sequence[int]) -> None:
        """Evidence for harm that these rows have now counts no more; what speaks against it stays.

        An e-process less what it has gained crosses no sooner than the e-process itself, so the
        error budget holds.
        """
        gained = np.maximum(self._forgot, self.whole.log_e_harm())
        self._forgot[rows], self.peak[rows] = gained[rows], 0.0
        self._find_harmful()

    def forgot(self, row: int, column: int) -> bool:
        """Whether evidence of this claim was forgotten."""
        return bool(self._forgot[row, column])

    def fold_stage(self, closed: Closed) -> None:
        """Closed, confirmed strata of the current stage, of the rows that promotion asks of."""
        mine = self._mine(closed)
        self._hear_stage(mine)
        self.stage.fold(mine)
        self._safe_known, self._harmless = False, None
        self._told.clear()

    def _mine(self, closed: Closed) -> Closed:
        """The panel's columns, [rows, metrics, 2, columns], and how much they vary."""
        counts: Counts = closed.counts[:, :, self._columns].swapaxes(1, 2)
        phi = 1.0 if self._dispersions is None else self._dispersions.phi[: len(counts)]
        return Closed(
            counts=counts, of=closed.of, weights_bp=closed.weights_bp, at_s=closed.at_s, phi=phi
        )

    def enter_stage(self) -> None:
        """What was shown in an earlier stage does not promote."""
        self.stage, self._safe = self.new(self.promoted), np.zeros(self._shape)
        self._safe_known, self._harmless = True, None
        self._told.clear()

    @property
    def safe(self) -> Floats:
        """Log e-values for non-inferiority in the current stage, [rows, metrics]."""
        if not self._safe_known:
            self._safe[: len(self.promoted)] = self.stage.log_e_safe()
            self._safe_known = True
        return self._safe

    def _find_harmful(self) -> None:
        self.harmful = (self.peak >= self._harm_at).tolist()

    @property
    def harmless(self) -> list[list[bool]]:
        """Of which claims non-inferiority is shown in the current stage."""
        if self._harmless is None:
            self._harmless = (self.safe >= self._safe_at).tolist()
        return self._harmless

    @property
    def gauges(self) -> list[list[Gauge]]:
        """How large the effects are in the whole rollout."""
        return self._once("gauges", lambda: self.whole.gauges(self._alpha))

    @property
    def stage_gauges(self) -> list[list[Gauge]]:
        """How large the effects are in the current stage."""
        return self._once("stage_gauges", lambda: self.stage.gauges(self._alpha))

    @property
    def tallies(self) -> list[list[Tally]]:
        """What has entered in the whole rollout."""
        return self._once("tallies", self.whole.tallies)

    @property
    def _alpha(self) -> float:
        return self.claims[0][0].alpha_promote

    def _once(self, name: str, find: Callable[[], list[list[Any]]]) -> list[list[Any]]:
        """What is found stays until something is folded."""
        if name not in self._told:
            self._told[name] = find()
        found: list[list[Any]] = self._told[name]
        return found

    def to_state(self) -> dict[str, Any]:
        """Everything that was learnt, as JSON values."""
        return {
            "whole": self.whole.to_state(),
            "stage": self.stage.to_state(),
            "peak": self.peak.tolist(),
            "safe": self.safe.tolist(),
            "forgot": self._forgot.tolist(),
            "dispersions": self._dispersions and self._dispersions.to_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take on what `to_state` wrote."""
        self.whole.restore(state["whole"])
        self.stage.restore(state["stage"])
        self.peak, self._safe = np.array(state["peak"]), np.array(state["safe"])
        self._forgot = np.array(state["forgot"])
        self._safe_known, self._harmless = True, None
        self._find_harmful()
        if self._dispersions is not None:
            self._dispersions.restore(state["dispersions"])
        self._told.clear()

"""Do candidates get the copies that they should, and does each copy find its original? Shadow mode.

A candidate's pairs among the baseline's requests must be the mirrored share, within 1 % of it:
copies that nobody answered, or whose answers got lost, may be the very ones that fail. And of its
answers at most 1 % may lack the baseline's: without it there is nothing to compare with.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from streams.evidence.budget import log_threshold
from streams.evidence.fixed import Floats, log_sum_exp
from streams.evidence.grids import Grid, harm_grid
from streams.evidence.one_arm import OneArmSums, OneArmTest
from streams.evidence.onset import one_arm_log_factor
from streams.judge.decision_facts import HealthCheck
from streams.judge.facts import PaneInput
from streams.judge.health import SAMPLE_RATIO_ALPHA
from streams.judge.weights import Weights
from streams.spec.model import ALL_SEGMENT, FULL_BP

TOLERATED = 0.01
"""Of the copies; a client that drops a record now and then is no reason to stop."""
LARGEST = 1.0 - 1e-6
GRID: Grid = harm_grid()


def copied_share_log_e(share: float, requests: int, pairs: int) -> float:
    """Log e-value against "of the requests, `share` (within 1 % of it) have a pair".

    The mean of two: too few pairs, and too many.
    """
    few, many = 1.0 - share * (1.0 - TOLERATED), share * (1.0 + TOLERATED)
    below = _log_e(few, requests, requests - pairs)
    above = _log_e(many, requests, pairs) if many < 1.0 else 0.0
    return float(np.logaddexp(below, above)) - math.log(2.0)


def _log_e(limit: float, n: int, x: int) -> float:
    factor: Floats = one_arm_log_factor(OneArmTest(min(limit, LARGEST)), n, x)
    return float(log_sum_exp(GRID.log_weight + factor))


class CopyCheck:
    """Copies of the current stage. A failure stays, as that of the sample ratio does."""

    def __init__(self, arms: Sequence[str]) -> None:
        """`arms` are the spec's, baseline first."""
        self._candidates = tuple(arms[1:])
        self._groups: dict[Weights, list[int]] = {}
        """Applied shares -> requests of the baseline, then pairs by candidate."""
        self._answers = OneArmSums.zeros(OneArmTest(TOLERATED))
        """Answers of candidates, and those without the baseline's."""
        self._log_e, self._failure = (0.0, 0.0), ""

    @property
    def failed(self) -> bool:
        """Whether copies have ever been shown to be lost or alone."""
        return bool(self._failure)

    @property
    def name(self) -> str:
        """The check that failed."""
        return self._failure

    def watch(self, pane: PaneInput) -> None:
        """A pane's answers of candidates, whatever share was applied."""
        cells = [pane.cells.get((ALL_SEGMENT, name)) for name in self._candidates]
        heard = [cell for cell in cells if cell is not None]
        answers = sum(cell.exposures for cell in heard)
        matched = sum(cell.pairs.matched for cell in heard if cell.pairs is not None)
        self._answers.fold(answers, answers - matched)
        self._judge(self._log_e[0], float(self._answers.log_e_harm()))

    def fold(self, weights: Weights, exposures: Sequence[int]) -> None:
        """A confirmed pane outside the guard: requests of the baseline, pairs by candidate."""
        sums = self._groups.setdefault(weights, [0] * len(exposures))
        for place, count in enumerate(exposures):
            sums[place] += count
        found = [
            copied_share_log_e(share / FULL_BP, counts[0], pairs)
            for shares, counts in self._groups.items()
            for share, pairs in zip(shares[1:], counts[1:], strict=True)
            if share > 0
        ]
        if found:
            mean = float(np.logaddexp.reduce(sorted(found))) - float(np.log(len(found)))
            self._judge(mean, self._log_e[1])

    def _judge(self, share: float, alone: float) -> None:
        self._log_e = (share, alone)
        for name, log_e in zip(("mirrored_share", "unpaired"), self._log_e, strict=True):
            if log_e >= log_threshold(SAMPLE_RATIO_ALPHA):
                self._failure = self._failure or name

    def checks(self) -> tuple[HealthCheck, ...]:
        """The share of requests with a pair, and that of answers without."""
        return self._share_check(), self._alone_check()

    def _share_check(self) -> HealthCheck:
        requests = sum(counts[0] for counts in self._groups.values())
        pairs = sum(sum(counts[1:]) for counts in self._groups.values())
        copied = sum(sum(w[1:]) * counts[0] for w, counts in self._groups.items())
        reason = (
            "mismatch: candidates did not answer the share of requests that is mirrored; mend the "
            "mirroring or what loses answers, then `davy rollout resume` begins the stage afresh"
        )
        return self._check(
            "mirrored_share",
            reason,
            "as_applied" if requests else "no_data",
            self._log_e[0],
            observed=pairs / requests if requests else None,
            expected=copied / FULL_BP / requests if requests else None,
        )

    def _alone_check(self) -> HealthCheck:
        share = float(self._answers.estimate())
        reason = (
            "alone: answers of candidates lack the baseline's: both versions must publish the id "
            "of the request that was copied, and within `pair_within`"
        )
        return self._check(
            "unpaired",
            reason,
            "paired" if self._answers.n else "no_data",
            self._log_e[1],
            observed=None if np.isnan(share) else share,
            expected=TOLERATED,
        )

    def _check(
        self,
        name: str,
        failure: str,
        fine: str,
        log_e: float,
        *,
        observed: float | None,
        expected: float | None,
    ) -> HealthCheck:
        failed = self._failure == name
        return HealthCheck(
            name=name,
            ok=not failed,
            reason=failure if failed else fine,
            log_e=log_e,
            log_e_threshold=log_threshold(SAMPLE_RATIO_ALPHA),
            observed=observed,
            expected=expected,
        )

    def to_state(self) -> dict[str, Any]:
        """The sums as JSON values."""
        return {
            "groups": [[list(shares), counts] for shares, counts in self._groups.items()],
            "answers": self._answers.to_state(),
            "log_e": list(self._log_e),
            "failure": self._failure,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `to_state` wrote."""
        self._groups = {tuple(shares): list(counts) for shares, counts in state["groups"]}
        self._answers = OneArmSums.from_state(self._answers.test, state["answers"])
        share, alone = state["log_e"]
        self._log_e, self._failure = (share, alone), state["failure"]

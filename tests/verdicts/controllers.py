"""How do Argo Rollouts and Flagger take answers? Small models of their limits and of their order.

From their sources (Argo Rollouts 1.10 `analysis/analysis.go`, Flagger 1.36
`pkg/controller/scheduler.go`): what counts, what ends a run, what waits for ever. Both ask over
HTTP; no time passes but the test's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import httpx

LAST_YES = 202
"""What Flagger takes for yes."""


class Phase(StrEnum):
    """Of a measurement, and of an AnalysisRun."""

    RUNNING = "Running"
    SUCCESSFUL = "Successful"
    FAILED = "Failed"
    INCONCLUSIVE = "Inconclusive"
    ERROR = "Error"


@dataclass(slots=True, kw_only=True)
class AnalysisRun:
    """A `web` metric with successCondition `result == "pass"`, failureCondition `== "fail"`."""

    client: httpx.Client
    query: Mapping[str, str]
    failure_limit: int = 0
    inconclusive_limit: int = 0
    consecutive_error_limit: int = 4
    consecutive_success_limit: int = 0
    counts: dict[Phase, int] = field(default_factory=dict)
    errors_in_a_row: int = 0
    successes_in_a_row: int = 0
    phase: Phase = Phase.RUNNING

    def measure(self) -> Phase:
        """Ask once; the phase of the run after it."""
        if self.phase is not Phase.RUNNING:
            return self.phase
        found = self._measurement()
        self.counts[found] = self.counts.get(found, 0) + 1
        self.errors_in_a_row = self.errors_in_a_row + 1 if found is Phase.ERROR else 0
        good = found is Phase.SUCCESSFUL
        self.successes_in_a_row = self.successes_in_a_row + 1 if good else 0
        self.phase = self._assessed()
        return self.phase

    def _measurement(self) -> Phase:
        try:
            answer = self.client.get("/v1/verdict", params=dict(self.query))
        except httpx.HTTPError:
            return Phase.ERROR
        if not 200 <= answer.status_code < 300:
            return Phase.ERROR
        results = {"pass": Phase.SUCCESSFUL, "fail": Phase.FAILED}
        return results.get(answer.json()["result"], Phase.INCONCLUSIVE)

    def _assessed(self) -> Phase:
        if self.errors_in_a_row > self.consecutive_error_limit:
            return Phase.ERROR
        if self.counts.get(Phase.INCONCLUSIVE, 0) > self.inconclusive_limit:
            return Phase.INCONCLUSIVE
        if self.counts.get(Phase.FAILED, 0) > self.failure_limit:
            return Phase.FAILED
        limit = self.consecutive_success_limit
        return Phase.SUCCESSFUL if 0 < limit <= self.successes_in_a_row else Phase.RUNNING


@dataclass(slots=True, kw_only=True)
class Canary:
    """A Canary that progresses; `tick` is its interval."""

    client: httpx.Client
    hooks: tuple[str, ...]
    metadata: Mapping[str, str]
    checksum: str = "v2"
    steps: tuple[int, ...] = (25, 50)
    threshold: int = 3
    weight: int = 0
    failed_checks: int = 0
    phase: str = "Progressing"

    def tick(self) -> str:
        """One interval; its phase after it."""
        if self.phase not in ("Progressing", "WaitingPromotion"):
            return self.phase
        rolls_back = "rollback" in self.hooks and self._yes("rollback")
        if rolls_back or self.failed_checks >= self.threshold:
            self.phase, self.weight = "Failed", 0
        elif not self._yes("rollout" if self.weight else "pre-rollout"):
            self.failed_checks += 1
        elif self._yes("confirm-traffic-increase") or self.phase == "WaitingPromotion":
            self._raise()
        return self.phase

    def _raise(self) -> None:
        following = [step for step in self.steps if step > self.weight]
        if following:
            self.weight = following[0]
        elif self._yes("confirm-promotion"):
            self.phase = "Promoting"
        else:
            self.phase = "WaitingPromotion"

    def _yes(self, kind: str) -> bool:
        if kind not in self.hooks:
            return True
        body = {
            "name": "podinfo",
            "namespace": "test",
            "phase": self.phase,
            "checksum": self.checksum,
            "metadata": dict(self.metadata),
        }
        try:
            return self.client.post(f"/flagger/{kind}", json=body).status_code <= LAST_YES
        except httpx.HTTPError:
            return False

"""When is a decision told, and what does it hold?

On the first step, on every change of ruling, findings or the world, and at least every
`report_every_s` of pane time. Each decision names the one before by its hash.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from streams.judge.chain import Chain
from streams.judge.decision_facts import (
    Decision,
    Drift,
    Figure,
    Finding,
    HealthCheck,
    Shadow,
    Verdict,
)
from streams.judge.facts import Cut
from streams.judge.policy import Ruling
from streams.judge.record import decision_id
from streams.spec.model import RolloutSpec


class Herald:
    """Remembers what was told last, and the chain."""

    def __init__(self, spec: RolloutSpec, pane_ms: int) -> None:
        self.chain = Chain()
        self._spec, self._spec_hash = spec, spec.spec_hash
        self._pane_ms = pane_ms
        self._told: tuple[str, ...] = ()
        self._told_pane = -1

    def due(self, ruling: Ruling, findings: Sequence[Finding], pane: int, *, drifted: bool) -> bool:
        """Whether a decision must be told now; if so it counts as told."""
        values = (finding.value for finding in findings)
        told = (ruling.action.value, str(ruling.stage), ruling.code, *values)
        since_s = (pane - self._told_pane) * self._pane_ms / 1000
        if not drifted and told == self._told and since_s < self._spec.report_every_s:
            return False
        self._told, self._told_pane = told, pane
        return True

    def decide(
        self,
        ruling: Ruling,
        weights_bp: Mapping[str, Mapping[str, int]],
        cut: Cut,
        *,
        verdicts: tuple[Verdict, ...],
        health: tuple[HealthCheck, ...],
        shadows: tuple[Shadow, ...],
        drifts: tuple[Drift, ...],
        figures: tuple[Figure, ...],
    ) -> Decision:
        """The next decision of the chain; `weights_bp` by segment and arm is what it wants."""
        spec = self._spec
        decision = Decision(
            rollout=spec.rollout,
            decision_id=decision_id(spec.rollout, self._spec_hash, cut),
            seq=self.chain.seq + 1,
            spec_hash=self._spec_hash,
            action=ruling.action,
            reason=f"{ruling.code}: {ruling.sentence}",
            stage=ruling.stage,
            terminal=ruling.terminal,
            weights_bp={segment: dict(arms) for segment, arms in weights_bp.items()},
            verdicts=verdicts,
            health=health,
            pane_ms=self._pane_ms,
            cut=cut,
            steps=tuple(self.chain.steps),
            prev_hash=self.chain.prev_hash,
            shadows=shadows,
            drifts=drifts,
            figures=figures,
        )
        self.chain.append(decision)
        return decision

    def to_state(self) -> dict[str, Any]:
        """What was told last, as JSON values."""
        told = list(self._told)
        return {"chain": self.chain.to_state(), "told": told, "pane": self._told_pane}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `to_state` wrote."""
        self.chain = Chain.from_state(state["chain"])
        self._told, self._told_pane = tuple(state["told"]), state["pane"]

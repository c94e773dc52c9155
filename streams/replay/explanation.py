"""What stands behind a decision? Its figures, their formulas, and what would have changed it.

With the rollout's trail at hand the judge is led to the decision again and its evidence turned
around; without, pooled counts are turned around and that is said.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from streams.errors import LogError, StateError
from streams.judge.chain import decision_body
from streams.judge.decision_facts import Decision, Verdict
from streams.judge.monitors.units import Counted
from streams.replay.check import open_retrial
from streams.replay.formulas import FIRST_ERRORS, OF_KIND, Formula, Formulas, also_used
from streams.replay.records import RecordedDecision, Trail
from streams.replay.rough import rough_turn
from streams.replay.witness import Turn, Turns, WitnessJudge
from streams.spec.metric_facts import Metric
from streams.spec.model import RolloutSpec


class Basis(StrEnum):
    """What "would have changed it" rests on."""

    REJUDGED = "judged again from the panes"
    POOLED = "approximation on pooled counts, as if they were one stratum"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A verdict with what stands behind it."""

    verdict: Verdict
    budget_share: float | None
    """Its part of the whole error budget for harm, 0..1."""
    formulas: Formulas | None
    """None: a kind of metric that this version of davy does not know."""
    also: tuple[Formula, ...]
    harm: Turn | None
    safe: Turn | None
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A decision with what stands behind each verdict."""

    decision: Decision
    told: tuple[Told, ...]
    remark: str = ""
    """Why it could not be judged again, if so."""


def explain_recorded(recorded: Decision, spec: RolloutSpec | None, why: str = "") -> Explanation:
    """From the decision alone; `why` says why there is nothing else."""
    turns = [(rough_turn(verdict), None, Basis.POOLED) for verdict in recorded.verdicts]
    return _explanation(recorded, spec, turns, why)


def explain_again(recorded: RecordedDecision, trail: Trail) -> Explanation:
    """From the rollout's trail; from the decision alone where that does not lead to it."""
    decision = recorded.decision
    try:
        witnessed = _witnessed(recorded, trail)
    except (LogError, ValueError) as problem:
        return explain_recorded(decision, _spec(trail), str(problem))
    if witnessed is None:
        why = f"judged again it comes out otherwise: run davy replay {trail.rollout}"
        return explain_recorded(decision, trail.spec, why)
    turns = [
        (found.harm, found.safe, Basis.REJUDGED) if found else (None, None, Basis.REJUDGED)
        for found in witnessed
    ]
    return _explanation(decision, trail.spec, turns, "")


def _witnessed(recorded: RecordedDecision, trail: Trail) -> list[Turns | None] | None:
    """Turns by verdict, if the judge comes to the very same decision."""
    spec, seq = trail.spec, recorded.decision.seq
    witness = WitnessJudge(spec, recorded.decision.pane_ms)
    retrial = open_retrial(trail, witness)
    for seq_before, decision in _first_of_each(trail.decisions):
        if seq_before == seq:
            break
        retrial.follow(decision)
    witness.ask()
    found = retrial.follow(recorded.decision)
    if [decision_body(decision) for decision in found] != [recorded.body]:
        return None
    return witness.turns


def _first_of_each(decisions: Iterable[RecordedDecision]) -> Iterable[tuple[int, Decision]]:
    first: dict[int, Decision] = {}
    for told in decisions:
        first.setdefault(told.decision.seq, told.decision)
    return first.items()


def _spec(trail: Trail) -> RolloutSpec | None:
    try:
        return trail.spec
    except (LogError, StateError):
        return None


def _explanation(
    decision: Decision,
    spec: RolloutSpec | None,
    turns: Iterable[tuple[Turn | None, Turn | None, Basis]],
    remark: str,
) -> Explanation:
    metrics = {metric.name: metric for metric in spec.metrics} if spec else {}
    total = sum(verdict.alpha_share for verdict in decision.verdicts)
    told = [
        Told(
            verdict=verdict,
            budget_share=verdict.alpha_share / total if total else None,
            formulas=OF_KIND.get(verdict.kind),
            also=_also(metrics.get(verdict.metric), verdict),
            harm=harm,
            safe=safe,
            basis=basis,
        )
        for verdict, (harm, safe, basis) in zip(decision.verdicts, turns, strict=True)
    ]
    return Explanation(decision=decision, told=tuple(told), remark=remark)


def _also(metric: Metric | None, verdict: Verdict) -> tuple[Formula, ...]:
    units = () if verdict.counted == Counted.REQUESTS else (FIRST_ERRORS,)
    return units if metric is None else (*also_used(metric), *units)

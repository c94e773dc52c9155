"""How is an explanation told to a program? One JSON object; `decision` stands as recorded."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

from streams.judge.decision_facts import HealthCheck, Verdict
from streams.judge.explain import explain
from streams.judge.record import decision_to_record
from streams.replay.explanation import Basis, Explanation, Told
from streams.replay.formulas import (
    BUDGET,
    DRIFT,
    KAYENTA,
    LATE_ONSET,
    OF_HEALTH,
    STRATA,
    TURN,
    Formula,
    Formulas,
)
from streams.replay.legend import OF_DECISION, of_verdict
from streams.replay.witness import Turn

LARGEST_LOG = 700.0
"""e to a higher power is no number a computer holds."""


def plain(explanation: Explanation) -> dict[str, Any]:
    """The explanation as JSON values."""
    decision = explanation.decision
    return {
        "sentence": explain(decision),
        "decision": decision_to_record(decision),
        "figures": {name: _formula(formula) for name, formula in OF_DECISION.items()},
        "remark": explanation.remark,
        "verdicts": [_verdict(told) for told in explanation.told],
        "health": {check.name: _health(check) for check in decision.health},
        "drift_formula": _formula(DRIFT),
        "shadow_formula": _formula(KAYENTA),
        "budget_formula": _formula(BUDGET),
        "strata_formula": _formula(STRATA),
        "late_onset_formula": _formula(LATE_ONSET),
    }


def _verdict(told: Told) -> dict[str, Any]:
    verdict, used = told.verdict, told.formulas
    return {
        "metric": verdict.metric,
        "candidate": verdict.candidate,
        "finding": verdict.finding,
        "e_harm": _finite(verdict.log_e_harm),
        "e_harm_threshold": _finite(verdict.log_e_harm_threshold),
        "e_safe": _finite(verdict.log_e_safe),
        "e_safe_threshold": _finite(verdict.log_e_safe_threshold),
        "alpha_share": verdict.alpha_share,
        "budget_share": told.budget_share,
        "formulas": {
            "test": _formula(used.test) if used else None,
            "also": [_formula(formula) for formula in told.also],
            "estimate": _formula(used.estimate) if used else None,
            "interval": _formula(used.interval) if used else None,
        },
        "figures": _figures(used) if used else {},
        "otherwise": {
            "basis": told.basis.name.lower(),
            "exact": told.basis is Basis.REJUDGED,
            "harm": _turn(told.harm),
            "no_harm": _turn(told.safe),
            "formula": _formula(TURN),
        },
    }


def _figures(used: Formulas) -> dict[str, dict[str, str]]:
    """By field of the verdict; words have none."""
    found = {field.name: of_verdict(field.name, used) for field in fields(Verdict)}
    return {name: _formula(formula) for name, formula in found.items() if formula}


def _finite(log_e: float) -> float | None:
    """The e-value itself; None where it is too large for a number, its logarithm tells it."""
    return math.exp(log_e) if log_e < LARGEST_LOG else None


def _turn(turn: Turn | None) -> dict[str, Any] | None:
    return None if turn is None else {"shown": turn.crossed, "events": turn.events}


def _formula(formula: Formula) -> dict[str, str]:
    return {
        "name": formula.name,
        "function": formula.function,
        "place": formula.place,
        "link": formula.link,
    }


def _health(check: HealthCheck) -> dict[str, str] | None:
    formula = OF_HEALTH.get(check.name)
    return _formula(formula) if formula else None

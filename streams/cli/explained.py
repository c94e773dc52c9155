"""How is an explanation told? As lines for a person, as one JSON object for a program."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from streams.cli.show import COLOURS, weights
from streams.judge.explain import amount, explain
from streams.judge.facts import HealthCheck, Verdict
from streams.judge.record import decision_to_record
from streams.replay.explanation import Basis, Explanation, Told
from streams.replay.formulas import BUDGET, LATE_ONSET, OF_HEALTH, STRATA, Formula
from streams.replay.witness import Turn
from streams.spec.model import BASELINE

Line = tuple[str, str]
"""Text and style."""
LARGEST_LOG = 700.0
"""e to a higher power is no number a computer holds."""


def lines(explanation: Explanation) -> Iterator[Line]:
    """The whole explanation."""
    decision = explanation.decision
    yield explain(decision), COLOURS.get(decision.action, "")
    yield f"decision {decision.decision_id}, {decision.rollout}#{decision.seq}", ""
    by_segment = decision.weights_bp.items()
    yield f"weights  {'; '.join(f'{name}: {weights(bp)}' for name, bp in by_segment)}", ""
    if explanation.remark:
        yield f"note     {explanation.remark}", "yellow"
    for told in explanation.told:
        yield "", ""
        yield from _verdict(told)
    yield "", ""
    for check in decision.health:
        yield from _health(check)
    yield f"e-values grow stratum by stratum: {STRATA.link}", ""
    yield f"harm of rates may begin at any start block: {LATE_ONSET.link}", ""


def _verdict(told: Told) -> Iterator[Line]:
    verdict = told.verdict
    title = f"{verdict.metric} of {verdict.candidate}: {verdict.finding} ({verdict.reason})"
    yield f"{title}, {verdict.role}", COLOURS.get(verdict.finding, "")
    rows = {
        "counts": "; ".join(_counts(verdict, arm) for arm in (BASELINE, verdict.candidate)),
        "estimate": _optional(verdict.estimate, verdict.unit),
        "interval": _interval(verdict),
        "limit": amount(verdict.margin, verdict.unit),
        "harm": _e_value(verdict.log_e_harm, verdict.log_e_harm_threshold),
        "no harm": _e_value(verdict.log_e_safe, verdict.log_e_safe_threshold),
        "budget": _budget(told),
    }
    for name, text in rows.items():
        yield f"  {name:<9} {text}", ""
    yield from ((f"  {'formula' if not n else '':<9} {text}", "") for n, text in _formulas(told))
    yield from ((f"  {'otherwise' if not n else '':<9} {text}", "") for n, text in _otherwise(told))


def _counts(verdict: Verdict, arm: str) -> str:
    return f"{arm} {verdict.events[arm]} events in {verdict.exposures[arm]} requests"


def _optional(value: float | None, unit: str) -> str:
    return "-" if value is None else amount(value, unit)


def _interval(verdict: Verdict) -> str:
    return f"{_optional(verdict.low, verdict.unit)} to {_optional(verdict.high, verdict.unit)}"


def _e_value(log_e: float, threshold: float) -> str:
    sign, told = (">=", "shown") if log_e >= threshold else ("<", "not shown")
    e_values = f"e = {_e(log_e)} {sign} {_e(threshold)}"
    return f"{e_values} (log {log_e:.4f} {sign} {threshold:.4f}): {told}"


def _e(log_e: float) -> str:
    return f"{math.exp(log_e):.4g}" if log_e < LARGEST_LOG else f"exp({log_e:.4g})"


def _budget(told: Told) -> str:
    alpha = told.verdict.alpha_share
    part = "" if told.budget_share is None else f", {told.budget_share:.1%} of the rollout's"
    return f"{alpha:.4g}{part}: harm at e >= 1/{alpha:.4g}  {BUDGET.link}"


def _formulas(told: Told) -> Iterator[tuple[int, str]]:
    if told.formulas is None:
        yield 0, f"unknown to this version of davy: kind {told.verdict.kind}"
        return
    used = told.formulas
    named = [("test", used.test), *(("with", formula) for formula in told.also)]
    named += [("estimate", used.estimate), ("interval", used.interval)]
    for number, (what, formula) in enumerate(named):
        yield number, f"{what}: {formula.name}, {formula.function}  {formula.link}"


def _otherwise(told: Told) -> Iterator[tuple[int, str]]:
    turns = [_harm_turn(told.harm), _safe_turn(told.safe)]
    found = [text for text in turns if text]
    if not found:
        yield 0, "not told: it is no matter of a number of events, or the panes are not at hand"
        return
    for number, text in enumerate(found):
        yield number, f"{text} ({told.basis})"


def _harm_turn(turn: Turn | None) -> str:
    if turn is None:
        return ""
    if turn.events is None:
        stays = "harm would still be shown" if turn.crossed else "harm would not be shown"
        return f"with any number of the candidate's events {stays}"
    if turn.crossed:
        return f"with {_events(turn.events)} of the candidate harm would not have been shown"
    return f"with {_events(turn.events)} of the candidate harm would have been shown"


def _safe_turn(turn: Turn | None) -> str:
    if turn is None:
        return ""
    if turn.events is None and not turn.crossed:
        return "not even without events in this stage could no harm have been shown yet"
    if turn.events is None:
        return "no harm would be shown with any number of the candidate's events"
    told = "would not have been shown" if turn.crossed else "would have been shown"
    return f"with {_events(turn.events)} of the candidate in this stage no harm {told}"


def _events(count: int) -> str:
    word = "event" if abs(count) == 1 else "events"
    return f"{abs(count)} {'fewer' if count < 0 else 'more'} {word}"


def _health(check: HealthCheck) -> Iterator[Line]:
    formula = OF_HEALTH.get(check.name)
    link = f"  {formula.link}" if formula else ""
    e_value = f", {_e_value(check.log_e, check.log_e_threshold)}" if check.log_e_threshold else ""
    state, style = ("ok", "") if check.ok else ("FAILED", "bold red")
    yield f"health {check.name}: {state}, {check.reason}{e_value}{link}", style


def plain(explanation: Explanation) -> dict[str, Any]:
    """The same for a program; the figures stand in `decision`, as they were recorded."""
    decision = explanation.decision
    return {
        "sentence": explain(decision),
        "decision": decision_to_record(decision),
        "remark": explanation.remark,
        "verdicts": [_plain_verdict(told) for told in explanation.told],
        "health": {check.name: _plain_health(check) for check in decision.health},
        "budget_formula": _plain_formula(BUDGET),
        "strata_formula": _plain_formula(STRATA),
        "late_onset_formula": _plain_formula(LATE_ONSET),
    }


def _plain_verdict(told: Told) -> dict[str, Any]:
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
            "test": _plain_formula(used.test) if used else None,
            "also": [_plain_formula(formula) for formula in told.also],
            "estimate": _plain_formula(used.estimate) if used else None,
            "interval": _plain_formula(used.interval) if used else None,
        },
        "otherwise": {
            "basis": told.basis.name.lower(),
            "exact": told.basis is Basis.REJUDGED,
            "harm": _plain_turn(told.harm),
            "no_harm": _plain_turn(told.safe),
        },
    }


def _finite(log_e: float) -> float | None:
    """The e-value itself; None where it is too large for a number, its logarithm tells it."""
    return math.exp(log_e) if log_e < LARGEST_LOG else None


def _plain_turn(turn: Turn | None) -> dict[str, Any] | None:
    return None if turn is None else {"shown": turn.crossed, "events": turn.events}


def _plain_formula(formula: Formula) -> dict[str, str]:
    return {"name": formula.name, "function": formula.function, "link": formula.link}


def _plain_health(check: HealthCheck) -> dict[str, str] | None:
    formula = OF_HEALTH.get(check.name)
    return _plain_formula(formula) if formula else None

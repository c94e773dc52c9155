"""What would one say to a person about a decision? One sentence, no jargon."""

from __future__ import annotations

from collections.abc import Iterable

from streams.judge.facts import Action, Decision, Finding, Verdict
from streams.spec.model import ALL_SEGMENT, BASELINE


def explain(decision: Decision) -> str:
    """The decision in one sentence: what happens, why, and the evidence that weighs most."""
    _, _, why = decision.reason.partition(": ")
    sentence = f"{decision.rollout}: {_what(decision)}, because {why or decision.reason}"
    told = _weightiest(decision.verdicts)
    return f"{sentence} ({explain_verdict(told)})." if told else f"{sentence}."


def explain_verdict(verdict: Verdict) -> str:
    """One metric's evidence: estimate, interval, limit and counts."""
    seen = sum(verdict.exposures.values())
    if verdict.estimate is None:
        return f"{verdict.metric} of {verdict.candidate}: nothing to tell after {seen} requests"
    estimate = _amount(verdict.estimate, verdict.unit)
    interval = _interval(verdict)
    limit = _amount(verdict.margin, verdict.unit)
    told = f"{verdict.metric} of {verdict.candidate} {estimate}{interval}, limit {limit}"
    return f"{told}, after {seen} requests"


def candidate_share(decision: Decision, segment: str = ALL_SEGMENT) -> float:
    """Desired share of all candidates together, in percent."""
    weights = decision.weights_bp[segment]
    return sum(bp for arm, bp in weights.items() if arm != BASELINE) / 100


def _what(decision: Decision) -> str:
    share = f"{candidate_share(decision):g} %"
    match decision.action:
        case Action.ADVANCE:
            return f"stage {decision.stage} with {share} for the candidate"
        case Action.HOLD:
            return f"stays at {share}"
        case Action.ROLLBACK:
            return "all traffic back to the baseline"
        case Action.PROMOTE:
            return f"promoted to {share}"


def _weightiest(verdicts: Iterable[Verdict]) -> Verdict | None:
    """The verdict that is nearest to, or furthest beyond, its harm threshold."""
    return max(
        (verdict for verdict in verdicts if verdict.estimate is not None),
        key=lambda v: (v.finding == Finding.HARM, v.log_e_harm - v.log_e_harm_threshold),
        default=None,
    )


def _interval(verdict: Verdict) -> str:
    if verdict.low is None or verdict.high is None:
        return ""
    return f" ({_amount(verdict.low, verdict.unit)} to {_amount(verdict.high, verdict.unit)})"


def _amount(value: float, unit: str) -> str:
    match unit:
        case "ratio":
            return f"{value:.3g}x the baseline's"
        case "share":
            return f"{100 * value:.4g} %"
        case _:
            return f"{value:.3g} {unit}"

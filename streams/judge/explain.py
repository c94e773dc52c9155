"""What would one say to a person about a decision? One sentence, no jargon."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from streams.judge.decision_facts import (
    Action,
    Decision,
    Drift,
    Figure,
    Finding,
    Verdict,
    claim_name,
)
from streams.spec.model import ALL_SEGMENT, BASELINE, MIRROR

_DRIFTING = {
    "errors": "the share of errors",
    "latency": "latency",
    "classes": "the share of the largest classes",
    "scores": "the mean score",
    "confidences": "the mean confidence",
}
_CLAUSES = {
    "harm shown": "harm is shown",
    "aborted by": "it was aborted by",
    "paused by": "it was paused by",
    "promoted by": "it was promoted by",
    "promotion asked by": "promotion was asked by",
    "not shown to be": "it is not shown to be",
    "undecided at": "it is undecided at",
}
"""How reasons begin that are no clause, and how the same is said behind `because`."""


def explain(decision: Decision) -> str:
    """The decision in one sentence: what happens, why, and the evidence that weighs most."""
    _, _, why = decision.reason.partition(": ")
    sentence = f"{decision.rollout}: {_what(decision)}, because {_clause(why or decision.reason)}"
    told = _weightiest(_heeded(decision))
    evidence = f" ({explain_verdict(told)})" if told else ""
    world = f" {explain_drifts(decision.news)}." if decision.news else ""
    return f"{sentence}{evidence}.{world}"


def explain_figures(figures: Sequence[Figure]) -> Iterator[tuple[Figure, str]]:
    """Each figure that is shown, of all arms together, with the first of them.

    >>> one = Figure(name="auc", outcome="label", segment="all", arm="baseline", value=0.9, count=5)
    >>> [text for _, text in explain_figures([one])]
    ['auc of label: baseline 0.9 (of 5)']
    """
    for key in dict.fromkeys((each.outcome, each.segment, each.name) for each in figures):
        mine = [each for each in figures if (each.outcome, each.segment, each.name) == key]
        arms = (f"{e.arm} {_figure(e)} (of {e.count})" for e in mine)
        yield mine[0], f"{mine[0].name} of {mine[0].outcome}: {', '.join(arms)}"


def _figure(figure: Figure) -> str:
    plain = figure.name in {"auc", "mean", "cap"}
    return f"{figure.value:.4g}" if plain else amount(figure.value, "share")


def explain_drifts(drifts: Iterable[Drift]) -> str:
    """How the world moved, in one sentence without its full stop; no word on a candidate."""
    return f"The baseline itself has changed: {', '.join(map(explain_drift, drifts))}"


def explain_drift(drift: Drift) -> str:
    """One metric of the baseline before and after a change.

    >>> from streams.judge.decision_facts import Direction
    >>> explain_drift(
    ...     Drift(
    ...         metric="latency", unit="ms", pane=7, before=20.1, after=41.3, direction=Direction.UP
    ...     )
    ... )
    'latency went up from 20.1 ms to 41.3 ms'
    """
    before, after = amount(drift.before, drift.unit), amount(drift.after, drift.unit)
    return f"{_DRIFTING[drift.metric]} went {drift.direction.value} from {before} to {after}"


def explain_verdict(verdict: Verdict) -> str:
    """One metric's evidence: estimate, interval, limit and counts."""
    seen = sum(verdict.exposures.values())
    name = _name(verdict)
    after = f"after {seen} {exposures_of(verdict)}"
    if not _told(verdict):
        return f"{name}: nothing to tell {after}"
    limit = amount(verdict.margin, verdict.unit)
    return f"{name} {_size(verdict)}, limit {limit}, {after}"


def exposures_of(verdict: Verdict) -> str:
    """What its exposures are: `requests`, `labelled requests`, `exposures of users, until ...`."""
    counted = verdict.counted
    return counted if counted.endswith("requests") else f"exposures of {counted}"


def candidate_share(decision: Decision, segment: str = ALL_SEGMENT) -> float:
    """Desired share of all candidates together, in percent."""
    weights = decision.weights_bp[segment]
    return sum(bp for arm, bp in weights.items() if arm != BASELINE) / 100


def _what(decision: Decision) -> str:
    if MIRROR in decision.weights_bp:
        return _what_of_copies(decision)
    share = f"{candidate_share(decision):g} %"
    match decision.action:
        case Action.ADVANCE:
            return f"stage {decision.stage} with {share} for the candidate{_apart(decision)}"
        case Action.HOLD:
            return f"stays at {share}{_apart(decision)}"
        case Action.ROLLBACK:
            return "all traffic back to the baseline"
        case Action.PROMOTE:
            return f"promoted to {share}{_apart(decision)}"


def _clause(why: str) -> str:
    """A reason as a clause.

    >>> _clause("harm shown: errors of b"), _clause("no harm is seen")
    ('harm is shown: errors of b', 'no harm is seen')
    """
    begin = next((begin for begin in _CLAUSES if why.startswith(begin)), "")
    return f"{_CLAUSES.get(begin, '')}{why.removeprefix(begin)}"


def _apart(decision: Decision) -> str:
    """Slices that went back alone."""
    apart = sorted(name for name in decision.weights_bp if "=" in name)
    return f", with {' and '.join(apart)} all at the baseline" if apart else ""


def _what_of_copies(decision: Decision) -> str:
    share = f"{candidate_share(decision, MIRROR):g} %"
    match decision.action:
        case Action.ADVANCE:
            return f"stage {decision.stage} with copies of {share} of the requests"
        case Action.ROLLBACK:
            return "no request is copied any more"
        case Action.HOLD | Action.PROMOTE:
            return f"stays at copies of {share}"


def _heeded(decision: Decision) -> list[Verdict]:
    """Verdicts that the decision rests on: of slices that went back before it nothing follows."""
    left = decision.weights_bp.keys() - {ALL_SEGMENT}
    return [v for v in decision.verdicts if v.segment not in left or _name(v) in decision.reason]


def _name(verdict: Verdict) -> str:
    return claim_name(verdict.metric, verdict.candidate, verdict.segment)


def _weightiest(verdicts: Iterable[Verdict]) -> Verdict | None:
    """The verdict that is nearest to, or furthest beyond, its harm threshold."""
    return max(
        (verdict for verdict in verdicts if _told(verdict)),
        key=lambda v: (v.finding == Finding.HARM, v.log_e_harm - v.log_e_harm_threshold),
        default=None,
    )


def _told(verdict: Verdict) -> bool:
    return verdict.estimate is not None or bool(verdict.low)


def _size(verdict: Verdict) -> str:
    """Estimate and interval; without an estimate (the baseline has no events) the lower bound."""
    unit, low = verdict.unit, amount(verdict.low or 0.0, verdict.unit)
    if verdict.estimate is None:
        return f"at least {low}"
    estimate = amount(verdict.estimate, unit)
    if verdict.high is None:
        return f"{estimate} (at least {low})"
    return f"{estimate} ({low} to {amount(verdict.high, unit)})"


def amount(value: float, unit: str) -> str:
    """A figure with its unit, for a person.

    >>> amount(1.25, "ratio"), amount(0.995, "share"), amount(0.05, "nats")
    ('1.25x', '99.5 %', '0.05 nats')
    """
    match unit:
        case "ratio":
            return f"{value:.3g}x"
        case "share":
            return f"{100 * value:.4g} %"
        case "score":
            return f"{value:.3g}"
        case _:
            return f"{value:.3g} {unit}"

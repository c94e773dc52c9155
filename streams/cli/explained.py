"""How is an explanation told to a person? Figures in lines, each with a mark of its formulas.

The marks stand below with the place of the function and the section of the formulas' page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from streams import figures
from streams.cli.show import COLOURS, by_segment
from streams.judge.decision_facts import Drift, HealthCheck, Shadow, Verdict, claim_name
from streams.judge.explain import explain, explain_drift, explain_figures, exposures_of
from streams.replay.explanation import Explanation, Told
from streams.replay.formulas import (
    DECISION,
    DRIFT,
    FINDING,
    KAYENTA,
    LATE_ONSET,
    STRATA,
    TURN,
    Formula,
)
from streams.replay.legend import of_check, of_figure, of_verdict
from streams.replay.witness import Turn
from streams.spec.metric_facts import MetricKind
from streams.spec.model import BASELINE

Line = tuple[str, str]
"""Text and style."""
HARM = ("log_e_harm", "log_e_harm_threshold")
NO_HARM = ("log_e_safe", "log_e_safe_threshold")
EVENTS: Mapping[str, str] = MappingProxyType(
    {
        MetricKind.MISTAKES: "mistakes in",
        MetricKind.ACCURACY: "mistakes in",
        MetricKind.RECALL: "misses in",
        MetricKind.BRIER: "values of",
        MetricKind.LOG_LOSS: "values of",
        MetricKind.RATE: "outcomes of",
        MetricKind.MEAN: "values of",
    }
)
"""What is counted, by kind of metric, where it is not just events."""
UNKNOWN = "unknown to this version of davy"


class Marks:
    """Formulas in the order in which they were first met, each with its number."""

    def __init__(self) -> None:
        self._met: dict[Formula, int] = {}

    def of(self, *formulas: Formula | None) -> str:
        """What stands behind a figure: ` [1][4]`; nothing where no formula is known."""
        known = dict.fromkeys(formula for formula in formulas if formula is not None)
        numbers = [self._met.setdefault(formula, len(self._met) + 1) for formula in known]
        return f" {''.join(f'[{number}]' for number in numbers)}" if numbers else ""

    def lines(self) -> Iterator[Line]:
        """The formulas, numbered: name, function, section."""
        for formula, number in self._met.items():
            yield f"{f'[{number}]':>5} {formula.name}: {formula.place}  {formula.link}", ""


def lines(explanation: Explanation) -> Iterator[Line]:
    """The whole explanation."""
    decision, marks = explanation.decision, Marks()
    yield explain(decision), COLOURS.get(decision.action, "")
    yield f"decision {decision.decision_id}, {decision.rollout}#{decision.seq}", ""
    yield f"weights  {by_segment(decision.weights_bp)}{marks.of(DECISION)}", ""
    if explanation.remark:
        yield f"note     {explanation.remark}", "yellow"
    for told in explanation.told:
        yield "", ""
        yield from _verdict(told, marks)
    yield "", ""
    for check in decision.health:
        yield _health(check, marks)
    for figure, text in explain_figures(decision.figures):
        yield f"shown {text}{marks.of(of_figure(figure.name, 'value'))}", ""
    for drift in decision.drifts:
        yield _drift(drift, marks), "cyan"
    for shadow in decision.shadows:
        yield _shadow(shadow, marks), ""
    yield "", ""
    yield "each formula in full, and whose idea it was:", ""
    yield from marks.lines()


def _verdict(told: Told, marks: Marks) -> Iterator[Line]:
    verdict = told.verdict
    name = claim_name(verdict.metric, verdict.candidate, verdict.segment)
    title = f"{name}: {verdict.finding} ({verdict.reason})"
    head = f"{title}, {verdict.role}{marks.of(FINDING)}"
    yield head, COLOURS.get(verdict.finding, "")
    for name, text, fields in _figures(told):
        yield f"  {name:<9} {text}{_marked(told, fields, marks)}", ""
    for number, text in enumerate(_otherwise(told)):
        yield f"  {'' if number else 'otherwise':<9} {text}{marks.of(TURN)}", ""


def _figures(told: Told) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Name, text and the fields of the verdict that are told."""
    v = told.verdict
    yield "counts", "; ".join(_counts(v, arm) for arm in (BASELINE, v.candidate)), ("events",)
    if v.first_pane >= 0:
        yield "panes", f"{v.first_pane} to {v.last_pane}", ("first_pane",)
    yield "estimate", figures.amount(v.estimate, v.unit), ("estimate",)
    yield "interval", figures.interval(v.low, v.high, v.unit), ("low",)
    yield "limit", figures.amount(v.margin, v.unit), ("margin",)
    yield "e harm", _e_value(v.log_e_harm, v.log_e_harm_threshold), HARM
    yield "e no harm", _e_value(v.log_e_safe, v.log_e_safe_threshold), NO_HARM
    if v.dispersion != 1.0:
        yield "tempered", f"by variance over mean, {v.dispersion:.3g}", ("dispersion",)
    yield "budget", _budget(told), ("alpha_share",)


def _marked(told: Told, fields: tuple[str, ...], marks: Marks) -> str:
    if told.formulas is None:
        return f" [{UNKNOWN}: kind {told.verdict.kind}]" if fields == HARM else ""
    test, *others = (of_verdict(field, told.formulas) for field in fields)
    if fields not in {HARM, NO_HARM}:
        return marks.of(test)
    also = [formula for formula in told.also if fields == HARM or formula is not LATE_ONSET]
    return marks.of(test, *also, STRATA, *others)


def _counts(verdict: Verdict, arm: str) -> str:
    events = EVENTS.get(verdict.kind, "events in")
    return f"{arm} {verdict.events[arm]} {events} {verdict.exposures[arm]} {exposures_of(verdict)}"


def _e_value(log_e: float, threshold: float) -> str:
    """As every table writes it, and its logarithm as it was recorded."""
    told = "shown" if log_e >= threshold else "not shown"
    return f"{figures.against(log_e, threshold)}, {told} (log {log_e:.4f} of {threshold:.4f})"


def _budget(told: Told) -> str:
    v = told.verdict
    part = "" if told.budget_share is None else f", {told.budget_share:.1%} of the rollout's"
    threshold = figures.e_value(v.log_e_harm_threshold)
    return f"{v.alpha_share:.4g}{part}: harm at an e-value of {threshold}"


def _otherwise(told: Told) -> Iterator[str]:
    found = [text for text in (_harm_turn(told.harm), _safe_turn(told.safe)) if text]
    if not found:
        yield "not told: it is no matter of a number of events, or the panes are not at hand"
    for text in found:
        yield f"{text} ({told.basis})"


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


def _health(check: HealthCheck, marks: Marks) -> Line:
    state, style = ("ok", "") if check.ok else ("FAILED", "bold red")
    told = [state, check.reason]
    if check.observed is not None and check.expected is not None:
        told.append(f"observed {check.observed:.4g}, expected {check.expected:.4g}")
    if check.log_e_threshold:
        told.append(f"e-value {_e_value(check.log_e, check.log_e_threshold)}")
    return f"health {check.name}: {', '.join(told)}{marks.of(of_check(check.name, 'ok'))}", style


def _drift(drift: Drift, marks: Marks) -> str:
    told = f"the baseline itself has changed, seen in pane {drift.pane}: {explain_drift(drift)}"
    return f"world    {told}{marks.of(DRIFT)}"


def _shadow(shadow: Shadow, marks: Marks) -> str:
    told = f"{shadow.classification}, score {shadow.score:g} after {shadow.minutes} minutes"
    return f"{shadow.judge} would say of {shadow.candidate}: {told}{marks.of(KAYENTA)}"

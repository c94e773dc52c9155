"""How does a rollout stand, in one line? Pure functions."""

from __future__ import annotations

from collections.abc import Iterator

from streams.actuator.lease import Silence
from streams.actuator.ports import Segments
from streams.dashboard import shares
from streams.dashboard.answers.common import JudgeState, State
from streams.dashboard.answers.rollout import RolloutSummary
from streams.dashboard.evidence import guardrails, nearest_harm, worst
from streams.dashboard.pane_book import PaneBook
from streams.dashboard.story import Story
from streams.dashboard.told import KeptDecision
from streams.judge.decision_facts import Action
from streams.notify.decisions import kind_of_hold
from streams.spec.model import ALL_SEGMENT, BASELINE, FULL_BP
from streams.verdicts.facts import Known
from streams.verdicts.ruling import ROUTING_OLD_S

MEASURED_OLD_S = 60.0
"""Shares of panes that were written longer ago are no present ones."""
ABORTED = "aborted"
"""Code of a rollback that a person asked for."""


def summary_of(
    known: Known, story: Story, book: PaneBook, *, read: bool, change: int, now: float
) -> RolloutSummary:
    """The line; `now` in monotonic seconds."""
    spec, last = known.spec, known.told
    verdicts = guardrails(last.verdicts) if last else []
    return RolloutSummary(
        rollout=spec.rollout,
        service=spec.service,
        route=spec.route,
        read=read,
        mode=spec.mode,
        baseline=spec.baseline,
        candidates={candidate.name: candidate.version for candidate in spec.candidates},
        state=state_of(known, now),
        stage=last.stage if last else None,
        stages=len(spec.stages),
        action=last.action if last else None,
        reason_code=code_of(last.reason) if last else "",
        reason=last.reason.partition(": ")[2] or last.reason if last else "",
        applied_at_s=known.applied_ms / 1000,
        decided_at_s=last.at_ms / 1000 if last else None,
        wanted_pct=shares.of_segment(spec, wanted(known)),
        applied_pct=_applied(known, now),
        measured_pct=_measured(known, story, book, now),
        judge=JudgeState(known.judge(now)),
        worst=worst(verdicts),
        nearest_harm=nearest_harm(verdicts),
        healthy=last.healthy if isinstance(last, KeptDecision) else None,
        change=change,
    )


def state_of(known: Known, now: float) -> State:
    """One word; what an actuator would do, whatever the judge said last."""
    return _end_of(known) or next(_states(known, now))


def _end_of(known: Known) -> State | None:
    accepted, told = known.standing.accepted, known.told
    if accepted is not None and accepted.rolled_back:
        asked = told is not None and code_of(told.reason) == ABORTED
        return State.ABORTED if accepted.why or asked else State.ROLLED_BACK
    if known.standing.terminal:
        return State.PROMOTED
    return State.ENDED if known.lease.ended else None


def _states(known: Known, now: float) -> Iterator[State]:
    """Of a rollout that lives: what matters most comes first."""
    told = known.told
    if known.standing.paused:
        yield State.PAUSED
    if known.standing.accepted is None:
        yield State.WAITING
    if known.silence(now) is not Silence.FRESH:
        yield State.SILENT
    if told is not None and told.action is Action.HOLD and kind_of_hold(code_of(told.reason)):
        yield State.HELD
    yield State.RUNNING


def code_of(reason: str) -> str:
    """The code of `code: sentence`."""
    return reason.partition(": ")[0]


def wanted(known: Known) -> Segments:
    """Weights in force; all to the baseline before the first decision."""
    accepted = known.standing.accepted
    return {ALL_SEGMENT: {BASELINE: FULL_BP}} if accepted is None else accepted.weights_bp


def _measured(known: Known, story: Story, book: PaneBook, now: float) -> dict[str, float] | None:
    """Under one split alone: before and after a change of weights mean nothing together."""
    if book.heard is None or now - book.heard > MEASURED_OLD_S:
        return None
    since_s = story.applied.times[-1] if story.applied.times else 0.0
    exposures = {} if known.ended else book.lately_exposures(since_s)
    return shares.measured(known.spec, exposures)


def _applied(known: Known, now: float) -> dict[str, float] | None:
    if known.routing is None or known.routed_at is None or now - known.routed_at > ROUTING_OLD_S:
        return None
    return shares.of_segment(known.spec, known.routing.applied_bp)

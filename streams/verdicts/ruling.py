"""May the candidate have this share? Pure functions; the order of the questions is the policy.

`pass` needs all of: a decision that raises (advance or promote) to at least the asked share
everywhere, a judge heard within its lease, and nobody who said stop. Harm, a person's abort and a
judge who was silent for too long are `fail`. Whatever else there is is `undecided`.
"""

from __future__ import annotations

from collections.abc import Iterator

from streams.actuator.lease import Silence
from streams.actuator.weights import share_of
from streams.judge.decision_facts import Action
from streams.judge.stages import RESOLUTION_BP
from streams.spec.formats import format_weight
from streams.spec.model import ALL_SEGMENT, MIRROR, UNTARGETED, Mode
from streams.verdicts.facts import Known, Result, Ruling

ROUTING_OLD_S = 60.0
"""Weights that were told longer ago are not known any more."""
ASIDE = frozenset({MIRROR, UNTARGETED})
"""Where weights stand that are no share of the requests that are judged."""


def may_have(known: Known, arm: str, weight_bp: int, now: float) -> Ruling:
    """Whether `arm` may have `weight_bp` of the requests at `now`, monotonic seconds."""
    return _failed(known, arm, now) or _doubted(known, now) or _wanted(known, arm, weight_bp)


def may_begin(known: Known, now: float) -> Ruling:
    """Whether the candidate's pods may be started, which gives them nothing yet."""
    if known.ended:
        sentence = "the rollout has ended, whatever is to begin now; apply a new one"
        return Ruling(result=Result.FAILED, code="ended", sentence=sentence)
    if known.silence(now) is not Silence.FRESH:
        return _undecided("no_lease", UNHEARD)
    return Ruling(result=Result.PASSED, code="begins", sentence="the judge watches this rollout")


def may_keep(known: Known, arm: str, now: float) -> Ruling:
    """Whether `arm` may stay where it is while davy makes up its mind.

    The share that it has must be known, and be no more than davy wants it to have: then a
    controller that goes ahead without asking is told no.
    """
    failed = _failed(known, arm, now)
    if failed is not None:
        return failed
    if known.standing.accepted is None:
        return _undecided("no_decision", NO_DECISION)
    if known.refused:
        return _undecided("refused", known.refused)
    if not known.standing.terminal and known.silence(now) is not Silence.FRESH:
        return _undecided("no_lease", UNHEARD)
    return _kept(known, arm, now)


def unknown_share() -> Ruling:
    """Nobody told lately what the candidate has."""
    return _undecided("routing_unknown", UNROUTED)


def just_raised() -> Ruling:
    """A raise was just granted, and what came of it was not told yet."""
    return _undecided("just_raised", "a raise was granted, and what came of it is not known yet")


def wanted_bp(known: Known, arm: str) -> int:
    """What davy wants `arm` to have wherever requests are judged: the smallest share of all."""
    accepted = known.standing.accepted
    if accepted is None:
        return 0
    segments = (ALL_SEGMENT, *(name for name in accepted.weights_bp if name not in ASIDE))
    return min(share_of(accepted.weights_bp, segment, arm) for segment in segments)


def applied_bp(known: Known, arm: str, now: float) -> int | None:
    """What `arm` has, by `routing`; None where nobody has told it lately."""
    if known.routing is None or known.routed_at is None or now - known.routed_at > ROUTING_OLD_S:
        return None
    return share_of(known.routing.applied_bp, ALL_SEGMENT, arm)


def _failed(known: Known, arm: str, now: float) -> Ruling | None:
    code, sentence = next(_failures(known, arm, now), ("", ""))
    return Ruling(result=Result.FAILED, code=code, sentence=sentence) if code else None


def _failures(known: Known, arm: str, now: float) -> Iterator[tuple[str, str]]:
    accepted, told = known.standing.accepted, known.told
    if accepted is None:
        return
    if accepted.rolled_back:
        yield ("aborted", accepted.why) if accepted.why else _reason(known)
    if told is not None and told.stage >= 0 and known.spec.mode is Mode.LIVE:
        apart = (name for name in accepted.weights_bp if name not in ASIDE | {ALL_SEGMENT})
        if share_of(accepted.weights_bp, ALL_SEGMENT, arm) == 0:
            yield "dropped", f"{arm} was taken out, others go on: {told.reason}"
        for segment in apart:
            if share_of(accepted.weights_bp, segment, arm) == 0:
                yield "slice_dropped", f"{segment} went back to the baseline: {told.reason}"
    if not known.standing.terminal and known.silence(now) is Silence.TOO_LONG:
        yield "silence_rollback", "the judge was not heard for too long: back to the baseline"


def _doubted(known: Known, now: float) -> Ruling | None:
    code, sentence = next(_doubts(known, now), ("", ""))
    return _undecided(code, sentence) if code else None


def _doubts(known: Known, now: float) -> Iterator[tuple[str, str]]:
    if known.spec.mode is Mode.SHADOW:
        yield "shadow", "candidates get copies of requests; none may have a share of them"
    if known.spec.targeting:
        yield "targeting", "who asks cannot tell whom the rules leave out; let an actuator move it"
    if known.standing.accepted is None:
        yield "no_decision", NO_DECISION
    if known.standing.paused:
        yield "paused", f"paused by {known.standing.paused}"
    if known.refused:
        yield "refused", known.refused
    if not known.standing.terminal and known.silence(now) is not Silence.FRESH:
        yield "no_lease", UNHEARD


def _wanted(known: Known, arm: str, weight_bp: int) -> Ruling:
    told, want = known.told, wanted_bp(known, arm)
    if told is None or told.action not in (Action.ADVANCE, Action.PROMOTE):
        return _undecided(*_reason(known))
    share, asked = format_weight(want), format_weight(weight_bp)
    if want < weight_bp:
        return _undecided("not_yet", f"davy wants {share} for {arm} by now, {asked} is asked for")
    sentence = f"davy wants {share} for {arm}: {told.reason}"
    return Ruling(result=Result.PASSED, code=told.action.value, sentence=sentence)


def _kept(known: Known, arm: str, now: float) -> Ruling:
    have, want = applied_bp(known, arm, now), wanted_bp(known, arm)
    if have is None:
        return unknown_share()
    if have > want + min(RESOLUTION_BP, want):
        share, most = format_weight(have), format_weight(want)
        return _undecided("beyond", f"{arm} has {share} and davy wants {most}: nobody asked davy")
    sentence = f"{arm} has no more than the {format_weight(want)} that davy wants"
    return Ruling(result=Result.PASSED, code="keeps", sentence=sentence)


def _reason(known: Known) -> tuple[str, str]:
    """Code and sentence of the decision in force."""
    if known.told is None:
        return "no_decision", NO_DECISION
    code, _, sentence = known.told.reason.partition(": ")
    return code, sentence or code


def _undecided(code: str, sentence: str) -> Ruling:
    return Ruling(result=Result.UNDECIDED, code=code, sentence=sentence)


UNHEARD = "the judge was not heard within its lease; is `davy worker` running?"
NO_DECISION = "nothing was decided yet, or not lately; is `davy worker` running, do events arrive?"
UNROUTED = (
    "nobody told lately which share the candidate has; is `davy actuator` running on its route?"
)

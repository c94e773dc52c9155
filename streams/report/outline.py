"""What became of the rollout, in one plain sentence? And how it stands, for whoever reads on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from streams.judge.decision_facts import Action, Decision
from streams.report.facts import State
from streams.report.track import candidates_bp
from streams.spec.formats import format_weight
from streams.spec.model import ALL_SEGMENT, Mode, RolloutSpec


def state_of(last: Decision) -> State:
    """How far it has come."""
    if not last.terminal:
        return State.RUNNING
    return State.PROMOTED if last.action is Action.PROMOTE else State.ROLLED_BACK


def verdict(spec: RolloutSpec, last: Decision, *, in_effect: bool) -> str:
    """What became of it, who it is about, and why; never more than is known to be done."""
    state = state_of(last)
    match state:
        case State.PROMOTED:
            return _promoted(spec, last, in_effect=in_effect)
        case State.ROLLED_BACK:
            return _rolled_back(spec, last, in_effect=in_effect)
        case State.RUNNING:
            return _running(spec, last)
        case _:
            assert_never(state)


def _promoted(spec: RolloutSpec, last: Decision, *, in_effect: bool) -> str:
    shares = last.weights_bp[ALL_SEGMENT]
    winners = [c.version for c in spec.candidates if shares.get(c.name, 0) > 0]
    if in_effect:
        done = f"{_listed(winners)} has replaced {spec.baseline} at {spec.service}"
        return f"{done}: {_why(last)}."
    asked = f"{_listed(winners)} is to replace {spec.baseline} at {spec.service}: {_why(last)}"
    return f"{asked}; the target is not known to have done that yet."


def _rolled_back(spec: RolloutSpec, last: Decision, *, in_effect: bool) -> str:
    names = _versions(spec)
    if spec.mode is Mode.SHADOW:
        what, where = f"Copying requests of {spec.service} to {names} was ended", "no copies"
    else:
        what = f"{names} did not replace {spec.baseline} at {spec.service}"
        where = f"all traffic at {spec.baseline}"
    if in_effect:
        return f"{what}: {_why(last)}. The target has {where}."
    return f"{what}: {_why(last)}. The target was told and is not known to have {where} yet."


def _running(spec: RolloutSpec, last: Decision) -> str:
    share, names = format_weight(candidates_bp(last.weights_bp)), _versions(spec)
    if spec.mode is Mode.SHADOW:
        what = f"copies of {share} of the requests of {spec.service} are to go to {names}"
    else:
        what = f"{names} is to have {share} of the traffic of {spec.service}"
    return f"Not decided yet: {what}; {_why(last)}."


def _why(last: Decision) -> str:
    """The sentence of the decision's reason, without its code and its full stop."""
    _, colon, sentence = last.reason.partition(": ")
    return (sentence if colon else last.reason).removesuffix(".")


def _versions(spec: RolloutSpec) -> str:
    return _listed([candidate.version for candidate in spec.candidates])


def _listed(names: Sequence[str]) -> str:
    return " and ".join(names) or "nobody"

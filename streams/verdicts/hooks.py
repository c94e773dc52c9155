"""What does each of Flagger's webhooks ask, and which answer means what to it?

Flagger takes any status up to 202 for yes (204 it takes for no), and a yes means another thing for
each kind of hook: a gate opens, a check counts as passed, and a rollback hook rolls back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from streams.spec.model import FULL_BP
from streams.spec.units import UnitError, weight
from streams.verdicts.asking import Rule
from streams.verdicts.facts import Known, Result, Ruling
from streams.verdicts.ruling import applied_bp, may_begin, may_have, may_keep, unknown_share

ANY_BP = 1
"""The smallest share there is."""


class HookType(StrEnum):
    """Flagger's kinds of webhooks; the last two tell, and ask nothing."""

    CONFIRM_ROLLOUT = "confirm-rollout"
    PRE_ROLLOUT = "pre-rollout"
    ROLLOUT = "rollout"
    CONFIRM_TRAFFIC_INCREASE = "confirm-traffic-increase"
    CONFIRM_PROMOTION = "confirm-promotion"
    ROLLBACK = "rollback"
    POST_ROLLOUT = "post-rollout"
    EVENT = "event"


TELLING = frozenset({HookType.POST_ROLLOUT, HookType.EVENT})
"""News; nobody waits for an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What a hook asks and which result is a yes."""

    rule: Rule
    yes: Result
    weight_bp: int
    """Asked for where the hook's metadata name none."""
    any_revision: bool = False
    """Flagger sends the checksum of the revision before the new one."""


def _keep(known: Known, arm: str, weight_bp: int, now: float) -> Ruling:  # noqa: ARG001 - a Rule
    return may_keep(known, arm, now)


def _rise(known: Known, arm: str, weight_bp: int, now: float) -> Ruling:
    """Flagger does not say which share it goes to: what the candidate has must be known."""
    have = applied_bp(known, arm, now)
    if have is None and not known.standing.terminal:
        ruling = may_have(known, arm, ANY_BP, now)
        return ruling if ruling.result is not Result.PASSED else unknown_share()
    return may_have(known, arm, min(FULL_BP, max(weight_bp, (have or 0) + 1)), now)


def _begin(known: Known, arm: str, weight_bp: int, now: float) -> Ruling:  # noqa: ARG001 - a Rule
    return may_begin(known, now)


MEANINGS: Mapping[HookType, Meaning] = {
    HookType.CONFIRM_ROLLOUT: Meaning(
        rule=_begin, yes=Result.PASSED, weight_bp=ANY_BP, any_revision=True
    ),
    HookType.PRE_ROLLOUT: Meaning(rule=may_have, yes=Result.PASSED, weight_bp=ANY_BP),
    HookType.ROLLOUT: Meaning(rule=_keep, yes=Result.PASSED, weight_bp=ANY_BP),
    HookType.CONFIRM_TRAFFIC_INCREASE: Meaning(rule=_rise, yes=Result.PASSED, weight_bp=ANY_BP),
    HookType.CONFIRM_PROMOTION: Meaning(rule=may_have, yes=Result.PASSED, weight_bp=FULL_BP),
    HookType.ROLLBACK: Meaning(rule=may_have, yes=Result.FAILED, weight_bp=ANY_BP),
}


def steps_of(metadata: Mapping[str, str]) -> tuple[int, ...]:
    """Flagger's steps in basis points: `steps`, or `weight` where there is one alone.

    Flagger itself does not say where it goes to: who is not told may not open its gate.

    Raises:
        UnitError: there is neither, or one of them is no share.

    >>> steps_of({"steps": "5, 25,50"}), steps_of({"weight": "25%"})
    ((500, 2500, 5000), (2500,))
    """
    text = metadata.get("steps") or metadata.get("weight")
    if not text:
        raise UnitError(
            "there is neither, and Flagger does not say to which share it goes",
            'write the steps of the Canary: `steps: "25,50"`',
        )
    return tuple(_share(each.strip()) for each in text.split(","))


def next_step(steps: Sequence[int], have_bp: int) -> int:
    """The first step above what the candidate has; all of the traffic after the last.

    >>> next_step((500, 2500, 5000), 500), next_step((500, 2500, 5000), 5000)
    (2500, 10000)
    """
    return min((step for step in steps if step > have_bp), default=FULL_BP)


def asked_bp(text: str, usual_bp: int) -> int:
    """A share in basis points: `25%`, `25` (percent) or `2500bp`; empty is the usual one.

    Raises:
        UnitError: it is none of these.

    >>> asked_bp("25", 1), asked_bp("25%", 1), asked_bp("", 10000)
    (2500, 2500, 10000)
    """
    return _share(text) if text else usual_bp


def _share(text: str) -> int:
    return weight(f"{text}%" if text[-1:].isdigit() else text)

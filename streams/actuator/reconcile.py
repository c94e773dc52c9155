"""What is to be done at the target now? Pure functions of standing, sight and silence.

The asymmetry: going down is always allowed, at once and unclamped; going up needs a fresh lease,
a newer fence, a ready target, and nobody who said stop.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from streams.actuator.gate import runs_on, within_reach
from streams.actuator.lease import Silence
from streams.actuator.ports import Arms, Capabilities, Kind, Observed, Segments
from streams.actuator.standing import DRIFT_LOWER, Standing
from streams.actuator.weights import differs, falls, home, lower_of, rises, settled
from streams.errors import TargetRejected
from streams.spec.model import ALL_SEGMENT, UNTARGETED

HELD = "gate: held, its own steps would give the candidate more"
ENFORCE_AT_MOST = 3
ENFORCE_WINDOW_S = 600.0


class Move(StrEnum):
    """Which way the target is to be moved."""

    KEEP = "keep"
    LOWER = "lower"
    RAISE = "raise"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The next step at the target."""

    move: Move
    weights_bp: Segments
    """What the target shall have after the move."""
    reason: str = ""
    """Why it is kept although something else is wanted; why a rounding was refused."""


class Drift(StrEnum):
    """What somebody else did to the target."""

    NONE = "none"
    RAISED = "raised"  # a candidate has more than davy wants: undone
    LOWERED = "lowered"  # candidates have less: nothing is raised until a person says so
    UNJUDGED = "unjudged"  # changed before the first decision: noted

    @property
    def sentence(self) -> str:
        """What a routing record says of it; empty for none."""
        return "" if self is Drift.NONE else f"drift_{self}: somebody else changed the weights"


def notice(now: Standing, seen: Observed, at_ms: int) -> tuple[Standing, Drift]:
    """Compare the target with what davy left there, and adopt what is there as known.

    A foreign raise is not adopted: it stays foreign until it is undone.
    """
    drift = _drift(now, seen)
    if drift is Drift.RAISED:
        return now, drift
    adopted = replace(now, given=seen.weights_bp, intent=None)
    if drift is Drift.LOWERED and not now.drifted:
        why = f"{DRIFT_LOWER}: somebody lowered the candidates' share; `resume` lets davy raise it"
        return replace(adopted, drifted=why, drifted_at_ms=at_ms), drift
    if drift is Drift.NONE and now.drifted and not differs(seen.weights_bp, now.wanted):
        return replace(adopted, drifted="", drifted_at_ms=0), drift
    return adopted, drift


def _drift(now: Standing, seen: Observed) -> Drift:
    ours = [known for known in (now.given, now.intent) if known is not None]
    if not ours or any(not differs(seen.weights_bp, known) for known in ours):
        return Drift.NONE
    if now.wanted is None:
        return Drift.UNJUDGED
    if rises(now.wanted, seen.weights_bp):
        return Drift.RAISED
    before = now.given or now.intent or seen.weights_bp
    return Drift.LOWERED if falls(before, seen.weights_bp) else Drift.NONE


def plan(now: Standing, seen: Observed, silence: Silence, can: Capabilities) -> Plan:
    """The one next step: first what goes down, then what goes up.

    Raises:
        TargetRejected: a raise is below the target's resolution.
    """
    have = seen.weights_bp
    if now.wanted is None:
        return Plan(move=Move.KEEP, weights_bp=have, reason="no decision yet")
    want, rounding = _resolved(now.wanted, seen, can)
    if not rises(have, want):
        if falls(have, want):
            return Plan(move=Move.LOWER, weights_bp=want, reason=rounding)
        return _kept(seen, rounding, limit=now.wanted)
    blocked = obstacle(now, seen, silence)
    if falls(have, want):  # nothing that may hold up the raise holds up the lowering
        return Plan(move=Move.LOWER, weights_bp=lower_of(have, want), reason=blocked)
    if blocked:  # what is on its way was let go on before, up to what is wanted
        return _kept(seen, blocked, limit=now.wanted if seen.unready else have)
    return Plan(move=Move.RAISE, weights_bp=want)


def _kept(seen: Observed, reason: str, limit: Segments) -> Plan:
    """Nothing to write, but where the target goes beyond the limit unless it is held."""
    if runs_on(seen, limit):
        why = "; ".join(filter(None, (HELD, reason)))
        return Plan(move=Move.LOWER, weights_bp=seen.weights_bp, reason=why)
    return Plan(move=Move.KEEP, weights_bp=seen.weights_bp, reason=reason)


def direction(now: Standing, seen: Observed) -> Move:
    """Which way a change of the target goes, where something is to be changed."""
    wanted = now.wanted
    return Move.RAISE if wanted is not None and rises(seen.weights_bp, wanted) else Move.LOWER


def preparation(now: Standing, seen: Observed, rollout: str) -> Plan | None:
    """Targeting rules before the first decision: the target must tell requests who is targeted.

    The judge hears of those alone, so without this it would never decide. Nobody gets more of a
    candidate than before. None: a decision is there, or the target was prepared.
    """
    prepared = seen.fence is not None and seen.fence.rollout == rollout
    if now.wanted is not None or prepared:
        return None
    weights = {**seen.weights_bp, **home(now.arms, (UNTARGETED,))}
    return Plan(move=Move.LOWER, weights_bp=weights, reason="targeting: requests tell who is")


def _resolved(want: Segments, seen: Observed, can: Capabilities) -> tuple[Segments, str]:
    """`want` as the target can have it; a lowering below its resolution becomes nothing."""
    have = seen.weights_bp
    if not differs(have, want):
        return have, ""
    if can.kind is Kind.GATE:
        return within_reach(want, seen)
    try:
        return settled(want, can.largest_weight, can.total), ""
    except TargetRejected as error:
        if rises(have, want):
            raise
        return {name: _or_nothing(shares, can) for name, shares in want.items()}, str(error)


def _or_nothing(shares: Arms, can: Capabilities) -> Arms:
    try:
        return settled({ALL_SEGMENT: shares}, can.largest_weight, can.total)[ALL_SEGMENT]
    except TargetRejected:
        return home(shares)[ALL_SEGMENT]


def obstacle(now: Standing, seen: Observed, silence: Silence) -> str:
    """What forbids a raise; empty if nothing does."""
    if now.drifted:
        return now.drifted
    if now.paused:
        return f"paused: by {now.paused}"
    if now.accepted is not None and now.accepted.holds and now.granted_seq != now.fence:
        return "hold: the newest decision raises nothing"
    if seen.unready:
        return f"not_ready: {', '.join(seen.unready)} cannot take traffic"
    if silence is not Silence.FRESH and now.granted_seq != now.fence:
        return "no_lease: the judge was not heard within its lease"
    return ""


def may_enforce(now: Standing, at_s: float) -> bool:
    """Whether a foreign raise may be undone once more: two controllers must not fight."""
    recent = [t for t in now.enforced if at_s - t < ENFORCE_WINDOW_S]
    return len(recent) < ENFORCE_AT_MOST


def did_enforce(now: Standing, at_s: float) -> Standing:
    """Remember that a foreign raise was undone."""
    return replace(now, enforced=(*now.enforced, at_s)[-ENFORCE_AT_MOST:])

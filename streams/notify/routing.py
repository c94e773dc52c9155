"""What does a record of `routing` tell that is news? Pure functions.

The actuator looks at its targets every few seconds and says so; only what is new is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from streams.actuator.facts import RoutingRecord
from streams.actuator.weights import differs
from streams.judge.facts import RoutingPhase
from streams.notify.decisions import Trouble
from streams.notify.facts import Told
from streams.notify_settings import Transition

PATIENCE_MS = 30_000
"""A heartbeat or a target that is a moment late is no news."""
REFUSED_AGAIN_MS = 3_600_000
"""How long forged decisions of one kind are told once."""
GIVEN_UP = "raise_given_up"
_LOOKED = frozenset({RoutingPhase.APPLIED, RoutingPhase.OBSERVED})
_KINDS = (
    ("drift_raised", Transition.FOREIGN_RAISE),
    ("drift_war", Transition.FOREIGN_RAISE),
    ("drift", Transition.FOREIGN_CHANGE),
    ("silence_rollback", Transition.TAKEN_BACK),
    ("no_lease", Transition.JUDGE_SILENT),
    ("not_ready", Transition.TARGET_REFUSED),
)
_PATIENT = frozenset({"no_lease", "not_ready"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A kind of decision that was refused lately."""

    code: str
    at_ms: int
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingSeen:
    """What the records of a rollout's target left behind."""

    offset: int
    fence: int = 0
    settled: bool = False
    trouble: Trouble | None = None
    refused: Refusal | None = None

    @property
    def anchor(self) -> int | None:
        """The offset from which on this can be made again; None where nothing follows."""
        if self.settled:
            return None
        known = [self.offset]
        known += [self.trouble.offset] if self.trouble else []
        known += [self.refused.offset] if self.refused else []
        return min(known)


def after_routing(
    before: RoutingSeen | None, now: RoutingRecord, offset: int
) -> tuple[RoutingSeen, tuple[Told, ...]]:
    """What is known after a record, and what it tells."""
    known = before or RoutingSeen(offset=offset)
    seen = replace(known, offset=offset, refused=_lately(known.refused, now.at))
    if now.phase is RoutingPhase.REFUSED:
        return _refused(seen, now)
    if now.phase is RoutingPhase.INTENT or now.fence < known.fence:
        return seen, ()  # about to be done, or by an actuator that had lost its partition
    trouble = _trouble(known.trouble, now, offset, newer=now.fence > known.fence)
    settled = known.settled or (trouble is None and _is_end(now))
    seen = replace(seen, fence=now.fence, trouble=trouble, settled=settled)
    told = tuple(_changes(known.trouble, trouble, now))
    if settled and not known.settled:
        sentence = "the target has the weights of the last decision"
        told += (Told(transition=Transition.SETTLED, code="settled", sentence=sentence),)
    return seen, told


def _is_end(now: RoutingRecord) -> bool:
    done = now.phase in _LOOKED and now.terminal
    return done and not differs(now.applied_bp, now.desired_bp)


def _refused(seen: RoutingSeen, now: RoutingRecord) -> tuple[RoutingSeen, tuple[Told, ...]]:
    code, sentence = _split(now.reason)
    if seen.refused is not None and seen.refused.code == code:
        return seen, ()
    refused = Refusal(code=code, at_ms=now.at, offset=seen.offset)
    told = Told(transition=Transition.DECISION_REFUSED, code=code, sentence=sentence)
    return replace(seen, refused=refused), (told,)


def _lately(refused: Refusal | None, at_ms: int) -> Refusal | None:
    if refused is None or at_ms - refused.at_ms >= REFUSED_AGAIN_MS:
        return None
    return refused


def _trouble(
    last: Trouble | None, now: RoutingRecord, offset: int, *, newer: bool
) -> Trouble | None:
    """What is wrong after this record; what was given up stays wrong until a newer decision."""
    code, _ = _split(now.reason)
    given_up = last is not None and last.code == GIVEN_UP and not newer
    if given_up and now.phase is RoutingPhase.OBSERVED:
        return last
    kind = Transition.TARGET_REFUSED if now.phase is RoutingPhase.FAILED else _kind_of(code)
    if kind is None:
        return None
    goes_on = last is not None and (last.kind, last.code) == (kind, code)
    since_ms = last.since_ms if last is not None and goes_on else now.at
    first = last.offset if last is not None and goes_on else offset
    ripe = code not in _PATIENT or now.at - since_ms >= PATIENCE_MS
    told = ripe or (last is not None and goes_on and last.told)
    return Trouble(kind=kind, code=code, since_ms=since_ms, told=told, offset=first)


def _kind_of(code: str) -> Transition | None:
    return next((kind for begin, kind in _KINDS if code.startswith(begin)), None)


def _changes(last: Trouble | None, trouble: Trouble | None, now: RoutingRecord) -> Iterator[Told]:
    code, sentence = _split(now.reason)
    was = last if last is not None and last.told else None
    new = trouble if trouble is not None and trouble.told else None
    if was is not None and (new is None or new.kind is not was.kind):
        over = f"over: {was.code}"
        yield Told(transition=Transition.RECOVERED, code=code, sentence=over, ended=was.kind)
    if new is not None and (was is None or (was.kind, was.code) != (new.kind, new.code)):
        yield Told(transition=new.kind, code=code, sentence=sentence)


def _split(reason: str) -> tuple[str, str]:
    code, _, sentence = reason.partition(": ")
    return code, sentence or code

"""Where does a rollout stand for the actuator? Its state, what changes it, how it is restored.

Everything that must survive a restart can be read back from `routing` and `commands`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol, assert_never

from streams.actuator.facts import CommandRead, DecisionFact, RoutingRecord
from streams.actuator.ports import Segments
from streams.actuator.weights import complaint, differs, falls, home, lower_of, rises
from streams.judge.decision_facts import Action
from streams.judge.facts import CommandKind, RoutingPhase
from streams.wire.signatures import Doubt

DRIFT_LOWER = "drift_lower"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The newest desired state that davy agreed to; its `seq` is the fence."""

    seq: int = 0
    decision_id: str = ""
    weights_bp: Segments
    terminal: bool = False
    """Nothing is raised any more after these weights."""
    rolled_back: bool = False
    holds: bool = False
    """The judge said hold: what it restates may be kept or lowered to, never raised to."""
    why: str = ""
    pane_end_ms: int = 0
    """Event time of the pane that the decision rests on; 0 where that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """All that the planner needs to know of one rollout. Changed only by the functions below."""

    arms: tuple[str, ...]
    spec_hash: str
    accepted: Accepted | None = None
    link: tuple[int, str] | None = None
    """`seq` and hash of the last decision accepted: the next one must point at it."""
    paused: str = ""
    """Who paused, empty if nobody did."""
    paused_until_ms: int | None = None
    """When the pause ends by itself, wall clock; None: at `resume`."""
    drifted: str = ""
    """Why raising is frozen after a foreign change, until a person says resume."""
    drifted_at_ms: int = 0
    ceiling: Segments | None = None
    """After a raise was given up: no more than this until a newer decision."""
    granted_seq: int = -1
    """A person said resume while this decision was in force: it needs no lease."""
    given: Segments | None = None
    """What the target is known to have had last."""
    intent: Segments | None = None
    """What was about to be written and is not known to be there."""
    owned: bool = False
    """davy has written to the target for this rollout."""
    enforced: tuple[float, ...] = ()
    """When foreign raises were undone lately, monotonic seconds."""
    raised_at: float | None = None
    """When the last raise came into force, monotonic seconds."""

    @property
    def fence(self) -> int:
        """`seq` of the accepted decision; 0 before the first."""
        return 0 if self.accepted is None else self.accepted.seq

    @property
    def terminal(self) -> bool:
        """Whether nothing will be raised beyond the accepted weights."""
        return self.accepted is not None and self.accepted.terminal

    def is_settled(self, have: Segments) -> bool:
        """Whether a rollout that has ended is where its last decision wants it, and no less."""
        last = self.accepted
        return last is not None and last.terminal and not differs(have, last.weights_bp)

    @property
    def wanted(self) -> Segments | None:
        """The weights to work towards; None before the first decision."""
        if self.accepted is None or self.ceiling is None:
            return None if self.accepted is None else self.accepted.weights_bp
        return lower_of(self.ceiling, self.accepted.weights_bp)


class Former(Protocol):
    """Whoever kept the rollout before, as far as the next one takes it up."""

    standing: Standing
    ended_at: float | None
    decided_at: float | None


class Refusal(StrEnum):
    """Why a decision is not acted on."""

    STALE = "stale"
    TERMINAL = "terminal"
    OTHER_SPEC = "other_spec"
    BAD_WEIGHTS = "bad_weights"
    CHAIN_BROKEN = "chain_broken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The reason code and a sentence."""

    code: Refusal | Doubt
    sentence: str

    def __str__(self) -> str:
        return f"{self.code}: {self.sentence}"


def take_decision(now: Standing, decision: DecisionFact) -> tuple[Standing, Refused | None]:
    """Accept a decision, or say why not. A duplicate of the accepted one changes nothing."""
    refused = _refusal(now, decision)
    if refused is not None:
        return now, refused
    if now.accepted is not None and decision.seq == now.accepted.seq:
        return now, None
    broken = _breaks_chain(now, decision)
    before = home(now.arms) if now.accepted is None else now.accepted.weights_bp
    if broken and rises(before, decision.weights_bp):
        return now, Refused(code=Refusal.CHAIN_BROKEN, sentence=broken)
    linked = replace(now, link=(decision.seq, decision.body_hash))
    return _accept(linked, decision, before), None


def _accept(now: Standing, decision: DecisionFact, before: Segments) -> Standing:
    rolled_back = decision.action is Action.ROLLBACK
    accepted = Accepted(
        seq=decision.seq,
        decision_id=decision.decision_id,
        weights_bp=decision.weights_bp,
        terminal=decision.terminal or rolled_back or now.terminal,
        rolled_back=rolled_back,
        holds=decision.action is Action.HOLD,
        pane_end_ms=decision.pane_end_ms,
    )
    # A decision that goes down may be enforced afresh, however often others interfered before.
    enforced = () if falls(before, decision.weights_bp) else now.enforced
    return replace(now, accepted=accepted, ceiling=None, enforced=enforced)


def _refusal(now: Standing, decision: DecisionFact) -> Refused | None:
    if decision.spec_hash != now.spec_hash:
        sentence = f"judged under spec {decision.spec_hash}, in force is {now.spec_hash}"
        return Refused(code=Refusal.OTHER_SPEC, sentence=sentence)
    if problem := complaint(decision.weights_bp, now.arms):
        return Refused(code=Refusal.BAD_WEIGHTS, sentence=problem)
    last = now.accepted
    if last is None:
        return None
    if decision.seq < last.seq or (
        decision.seq == last.seq and decision.decision_id != last.decision_id
    ):
        sentence = f"seq {decision.seq} comes after seq {last.seq} was accepted"
        return Refused(code=Refusal.STALE, sentence=sentence)
    if last.terminal and rises(last.weights_bp, decision.weights_bp):
        return Refused(code=Refusal.TERMINAL, sentence="the rollout has ended; start a new one")
    return None


def _breaks_chain(now: Standing, decision: DecisionFact) -> str:
    """What is wrong with the link to the decision before; empty if it holds or is not known."""
    if now.link is None:
        return ""
    seq, body_hash = now.link
    if (decision.seq, decision.prev_hash) == (seq + 1, body_hash):
        return ""
    return (
        f"decision {decision.seq} does not follow from decision {seq} in this log: two judges, a "
        "lost or an edited record; nothing is raised on its word, `resume` begins a new chain"
    )


def take_command(now: Standing, command: CommandRead) -> Standing:
    """What a person asks, as far as it concerns the target. `promote` is the judge's matter."""
    match command.kind:
        case CommandKind.PAUSE:
            who = command.actor or "somebody"
            return replace(now, paused=who, paused_until_ms=command.until_ms)
        case CommandKind.RESUME:
            return _resume(now, command.at_ms)
        case CommandKind.ABORT:
            return _abort(now, command.actor or "somebody")
        case CommandKind.PROMOTE | CommandKind.APPROVE:
            return now
        case _:
            assert_never(command.kind)


def _resume(now: Standing, at_ms: int) -> Standing:
    drifted = now.drifted if now.drifted_at_ms > at_ms else ""
    return replace(
        now,
        paused="",
        paused_until_ms=None,
        drifted=drifted,
        enforced=(),
        ceiling=None,
        granted_seq=now.fence,
        link=None,
    )


def lapsed(now: Standing, at_ms: int) -> Standing:
    """Without the pause whose time is over."""
    if not now.paused or now.paused_until_ms is None or at_ms < now.paused_until_ms:
        return now
    return replace(now, paused="", paused_until_ms=None)


def _abort(now: Standing, actor: str) -> Standing:
    """Back to the baseline and nothing raised again; the judge's own rollback follows."""
    last = now.accepted or Accepted(weights_bp=home(now.arms))
    if last.rolled_back:
        return now
    back = replace(
        last,
        weights_bp=home(now.arms, last.weights_bp),
        terminal=True,
        rolled_back=True,
        why=f"aborted by {actor}",
    )
    return replace(now, accepted=back, enforced=())


def stepped(now: Standing, at_s: float) -> Standing:
    """A raise came into force; a promotion's next steps need no judge, who has said his last."""
    goes_on = now.terminal and differs(now.given or {}, now.wanted)
    granted = now.fence if goes_on else now.granted_seq
    return replace(now, raised_at=at_s, granted_seq=granted)


def give_back(now: Standing, why: str) -> Standing:
    """The judge was silent for too long: to the baseline until a newer decision comes."""
    if now.accepted is None or not rises(home(now.arms), now.accepted.weights_bp):
        return now
    weights = home(now.arms, now.accepted.weights_bp)
    back = replace(now.accepted, weights_bp=weights, why=why)
    return replace(now, accepted=back, enforced=())


def restore(
    now: Standing, records: Iterable[RoutingRecord], commands: Iterable[CommandRead] = ()
) -> Standing:
    """The standing after a restart: what `routing` tells, then what people asked.

    A record with an older fence than one before it comes from an actuator that had lost its
    partition: it is skipped.
    """
    for record in records:
        if record.phase is not RoutingPhase.REFUSED and record.fence >= now.fence:
            now = _restored(now, record)
    for command in commands:
        now = take_command(now, command)
    return replace(now, granted_seq=-1)


def _restored(now: Standing, record: RoutingRecord) -> Standing:
    if record.fence or record.desired_bp:
        accepted = Accepted(
            seq=record.fence,
            decision_id=record.decision_id,
            weights_bp=record.desired_bp,
            terminal=record.terminal,
            rolled_back=record.terminal and not rises(home(now.arms), record.desired_bp),
            # Whatever else is to be raised the judge restates in its next decision.
            holds=not (record.terminal or record.phase is RoutingPhase.INTENT),
        )
        now = replace(now, accepted=accepted)
    match record.phase:
        case RoutingPhase.INTENT:
            return replace(now, intent=record.applied_bp, owned=True, ceiling=None)
        case RoutingPhase.FAILED:
            seen = record.applied_bp or now.given or home(now.arms)
            return replace(now, ceiling=seen, given=seen, intent=None)
        case RoutingPhase.APPLIED | RoutingPhase.OBSERVED:
            return _seen(now, record)
        case RoutingPhase.REFUSED:
            return now
        case _:
            assert_never(record.phase)


def _seen(now: Standing, record: RoutingRecord) -> Standing:
    frozen = record.reason if record.reason.startswith(DRIFT_LOWER) else ""
    at_ms = record.at if not now.drifted else now.drifted_at_ms
    return replace(
        now,
        given=record.applied_bp,
        intent=None,
        ceiling=None,
        drifted=frozen,
        drifted_at_ms=at_ms if frozen else 0,
    )

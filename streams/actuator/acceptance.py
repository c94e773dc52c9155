"""Is a decision one to act on, or why not? A pure function of where the rollout stands."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from streams.actuator.facts import DecisionFact
from streams.actuator.ports import Segments
from streams.actuator.standing import Accepted, Standing
from streams.actuator.weights import complaint, falls, home, rises
from streams.judge.decision_facts import Action
from streams.wire.signatures import Doubt


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

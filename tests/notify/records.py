"""Facts by hand, as the log tells them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from streams.actuator.facts import RoutingRecord
from streams.judge.decision_facts import Action
from streams.judge.facts import CommandKind, RoutingPhase
from streams.notify.decisions import DecisionRead
from streams.notify.facts import Notice, Place, Subject
from streams.notify.story import CommandTold, Entry, SpecTold, Story
from streams.notify_settings import Transition
from streams.spec.model import Target
from tests.actuator.log import make_spec

ROLLOUT = "digits-v2"
SPEC = make_spec(ROLLOUT, Target(router="memory", options={"name": "digits"}))


def split(candidate_bp: int) -> dict[str, dict[str, int]]:
    return {"all": {"baseline": 10_000 - candidate_bp, "candidate": candidate_bp}}


def decision(
    seq: int,
    action: Action,
    reason: str = "advance: no harm is seen",
    *,
    stage: int = 0,
    at_s: float = 0.0,
    bp: int = 2500,
    rollout: str = ROLLOUT,
    drifted: tuple[str, ...] = (),
) -> DecisionRead:
    code, _, sentence = reason.partition(": ")
    return DecisionRead(
        rollout=rollout,
        decision_id=f"{rollout}-d{seq}",
        seq=seq,
        spec_hash=SPEC.spec_hash,
        action=action,
        terminal=action in {Action.PROMOTE, Action.ROLLBACK},
        prev_hash="",
        body_hash="",
        code=code,
        sentence=sentence,
        stage=stage,
        weights_bp=split(bp),
        at_ms=round(at_s * 1000),
        drifted=drifted,
    )


def hold(seq: int, reason: str, **more: Any) -> DecisionRead:
    return decision(seq, Action.HOLD, reason, **more)


def routing(
    phase: RoutingPhase,
    reason: str = "",
    *,
    fence: int = 1,
    at_s: float = 0.0,
    bp: int = 2500,
    wanted_bp: int | None = None,
    terminal: bool = False,
) -> RoutingRecord:
    at = round(at_s * 1000)
    return RoutingRecord(
        rollout=ROLLOUT,
        phase=phase,
        decision_id=f"{ROLLOUT}-d{fence}",
        fence=fence,
        desired_bp=split(bp if wanted_bp is None else wanted_bp),
        applied_bp=split(bp),
        at=at,
        since=at,
        router="memory",
        terminal=terminal,
        reason=reason,
    )


def applied() -> SpecTold:
    return SpecTold(rollout=ROLLOUT, spec=SPEC, actor="ada")


def command(kind: CommandKind) -> CommandTold:
    return CommandTold(rollout=ROLLOUT, kind=kind, actor="ada", at_ms=0, reason="a look")


TOPIC = {SpecTold: "rollouts", DecisionRead: "decisions", RoutingRecord: "routing"}


def entry(fact: Any, offset: int) -> Entry:
    topic = TOPIC.get(type(fact), "commands")
    return Entry(
        fact=fact, place=Place(topic=topic, partition=0, offset=offset), at_ms=1_700_000_000_000
    )


def told(*facts: Any, story: Story | None = None, begin: int = 0) -> list[Notice]:
    """What records tell that come one after the other."""
    tells = story or Story()
    return [n for at, fact in enumerate(facts, begin) for n in tells.take(entry(fact, at))]


def kinds(*facts: Any) -> list[str]:
    return [str(notice.transition) for notice in told(*facts)]


def settled(bp: int = 10_000, **more: Any) -> Notice:
    """The target has the weights of the end: of a promotion, or with 0 of a rollback."""
    facts = {"code": "settled", "sentence": "the target has them", "weights_bp": split(bp)} | more
    return notice(Transition.SETTLED, **facts)


def looked_on() -> Subject:
    """A rollout whose traffic somebody else moves."""
    return replace(notice().subject, dry_run=True)


def notice(transition: Transition = Transition.PROMOTED, **more: Any) -> Notice:
    """A notice to tell hooks of."""
    made = Notice(
        key=f"d7-{transition}",
        transition=transition,
        subject=Subject(
            rollout=ROLLOUT,
            service="digits",
            route="default",
            baseline="1",
            candidates={"candidate": "2"},
            stages=2,
            spec_hash="5" * 32,
        ),
        at_ms=1_700_000_000_123,
        place=Place(topic="decisions", partition=0, offset=7),
        code="no_harm_shown",
        sentence="every guardrail is shown to be harmless",
        decision_id="d7",
        seq=7,
        stage=1,
        weights_bp=split(10_000),
    )
    return replace(made, **more)

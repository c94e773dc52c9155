"""What does a decision change, compared with the one before? Pure functions.

Decisions are restated every few seconds; only what is new is told. What a rollout waits for in the
ordinary course (time, requests, evidence) is no news.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, assert_never

from streams.actuator.facts import DecisionFact
from streams.judge.decision_facts import Action
from streams.notify.facts import Told
from streams.notify_settings import Transition

PATIENCE_MS = 30_000
"""A quiet service leaves an arm without a request now and then: it must last to be news."""
RESTATED = "raising"
"""Code of an advance that was told before and is on its way to the target."""
ORDINARY = frozenset({"no_baseline", "min_time", "min_exposures", "not_shown_harmless"})
"""Codes of what every rollout waits for; any other hold is news."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRead(DecisionFact):
    """A decision with what is told of it."""

    code: str
    sentence: str
    stage: int
    at_ms: int
    """Event time of the cut."""
    drifted: tuple[str, ...] = ()
    """Metrics of the baseline of which this decision is the first to tell a change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Something that lasts: what, since when, and whether it was told."""

    kind: Transition
    code: str
    since_ms: int
    told: bool
    offset: int
    """Of its first record: from there on it can be found again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionSeen:
    """What the last decision of a rollout left behind."""

    seq: int
    stage: int
    offset: int
    ended: bool = False
    trouble: Trouble | None = None

    @property
    def anchor(self) -> int | None:
        """The offset from which on this can be made again; None where nothing follows."""
        if self.ended:
            return None
        return self.trouble.offset if self.trouble and _patient(self.trouble.kind) else self.offset


def decision_read(fact: DecisionFact, record: Mapping[str, Any]) -> DecisionRead:
    """A record of `decisions`, of which the actuator's fact is known."""
    code, _, sentence = str(record["reason"]).partition(": ")
    pane = record["cut"]["pane"]
    return DecisionRead(
        **{field.name: getattr(fact, field.name) for field in fields(DecisionFact)},
        code=code,
        sentence=sentence,
        stage=record["stage"],
        at_ms=pane * record["pane_ms"],
        drifted=tuple(d["metric"] for d in record["drifts"] if d["pane"] == pane),
    )


def after_decision(
    before: DecisionSeen | None, now: DecisionRead, offset: int
) -> tuple[DecisionSeen, tuple[Told, ...]]:
    """What is known after a decision, and what it tells. One that was seen tells nothing."""
    if before is not None and (before.ended or now.seq <= before.seq):
        return before, ()
    ends = now.action in {Action.PROMOTE, Action.ROLLBACK}
    last = before.trouble if before else None
    trouble = None if ends else _trouble(last, now, offset)
    seen = DecisionSeen(seq=now.seq, stage=now.stage, offset=offset, ended=ends, trouble=trouble)
    return seen, (*_deeds(before, now), *_changes(last, trouble, now, ends=ends))


def _deeds(before: DecisionSeen | None, now: DecisionRead) -> Iterator[Told]:
    if now.drifted:
        sentence = f"the baseline itself changed: {', '.join(now.drifted)}"
        yield Told(transition=Transition.DRIFTED, code="drift", sentence=sentence)
    match now.action:
        case Action.PROMOTE:
            yield _told(Transition.PROMOTED, now)
        case Action.ROLLBACK:
            yield _told(Transition.ROLLED_BACK, now)
        case Action.ADVANCE:
            begun = now.code != RESTATED if before is None else now.stage > before.stage
            if begun:
                yield _told(Transition.STAGE_ADVANCED, now)
        case Action.HOLD:
            return
        case _:
            assert_never(now.action)


def _trouble(last: Trouble | None, now: DecisionRead, offset: int) -> Trouble | None:
    kind = kind_of_hold(now.code) if now.action is Action.HOLD else None
    if kind is None:
        return None
    goes_on = last is not None and (last.kind, last.code) == (kind, now.code)
    since_ms = last.since_ms if last is not None and goes_on else now.at_ms
    first = last.offset if last is not None and goes_on else offset
    ripe = not _patient(kind) or now.at_ms - since_ms >= PATIENCE_MS
    told = ripe or (last is not None and goes_on and last.told)
    return Trouble(kind=kind, code=now.code, since_ms=since_ms, told=told, offset=first)


def _changes(
    last: Trouble | None, trouble: Trouble | None, now: DecisionRead, *, ends: bool
) -> Iterator[Told]:
    """What is over, then what is new; the end of a rollout ends everything without a word."""
    was = last if last is not None and last.told else None
    new = trouble if trouble is not None and trouble.told else None
    if was is not None and not ends and (new is None or new.kind is not was.kind):
        sentence = f"over: {was.code}; now {now.code}: {now.sentence}"
        yield Told(
            transition=Transition.RECOVERED, code=now.code, sentence=sentence, ended=was.kind
        )
    if new is not None and (was is None or (was.kind, was.code) != (new.kind, new.code)):
        yield _told(new.kind, now)


def kind_of_hold(code: str) -> Transition | None:
    """What a hold with this code is to a person; None for what every rollout waits for.

    >>> kind_of_hold("min_time"), str(kind_of_hold("invalid")), str(kind_of_hold("max_time"))
    (None, 'invalid', 'held')
    """
    if code in ORDINARY:
        return None
    match code:
        case "awaiting_approval":
            return Transition.APPROVAL_NEEDED
        case "invalid" | "incomplete":
            return Transition.INVALID
        case "silence":
            return Transition.SILENT
        case _:
            return Transition.HELD


def _patient(kind: Transition) -> bool:
    return kind is Transition.SILENT


def _told(transition: Transition, now: DecisionRead) -> Told:
    return Told(transition=transition, code=now.code, sentence=now.sentence)

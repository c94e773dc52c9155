"""What has been told of the rollouts of one partition, and what does the next record tell?

Pure: the same records give the same notices with the same keys, whoever reads them and whenever.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from streams.actuator.desk import SpecRead
from streams.actuator.facts import CommandRead, RoutingRecord
from streams.notify.decisions import DecisionRead, DecisionSeen, after_decision
from streams.notify.facts import Notice, Place, Subject, Told, told_key
from streams.notify.routing import RoutingSeen, after_routing
from streams.notify_settings import Transition
from streams.spec.model import RolloutSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecTold(SpecRead):
    """A rollout was applied, and by whom."""

    actor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandTold(CommandRead):
    """A person asked for something, and why."""

    reason: str


Fact = SpecRead | DecisionRead | RoutingRecord | CommandTold


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A fact, where it stood, and when it was written (milliseconds since the epoch)."""

    fact: Fact
    place: Place
    at_ms: int


class Story:
    """The rollouts of one partition index, over all topics."""

    def __init__(self) -> None:
        self._subjects: dict[str, Subject] = {}
        self._decisions: dict[str, DecisionSeen] = {}
        self._routing: dict[str, RoutingSeen] = {}

    def take(self, entry: Entry) -> tuple[Notice, ...]:
        """What a record tells. Records of one topic come in the order of their offsets."""
        match entry.fact:
            case SpecRead() as spec:
                return tuple(self._applied(spec, entry))
            case DecisionRead() as decision:
                return tuple(self._decided(decision, entry))
            case RoutingRecord() as routing:
                return tuple(self._routed(routing, entry))
            case CommandTold() as command:
                return (self._commanded(command, entry),)

    def anchor(self, topic: str, through: int) -> int:
        """From where a topic must be read for what is known now, at most `through`."""
        seen: dict[str, DecisionSeen] | dict[str, RoutingSeen]
        match topic:
            case "decisions":
                seen = self._decisions
            case "routing":
                seen = self._routing
            case _:
                return through
        found = [each.anchor for each in seen.values() if each.anchor is not None]
        return min([through, *found])

    def _subject(self, rollout: str) -> Subject:
        return self._subjects.get(rollout, Subject(rollout=rollout))

    def _applied(self, told: SpecRead, entry: Entry) -> Iterator[Notice]:
        if told.spec is None:
            for known in (self._subjects, self._decisions, self._routing):
                known.pop(told.rollout, None)
            return
        new = told.rollout not in self._subjects
        self._subjects[told.rollout] = subject = subject_of(told.spec)
        if new:
            versions = ", ".join(subject.candidates.values())
            sentence = f"{subject.service}: may {versions} replace {subject.baseline}?"
            said = Told(transition=Transition.STARTED, code="applied", sentence=sentence)
            key = told_key(said, subject, "", entry.place)
            actor = told.actor if isinstance(told, SpecTold) else ""
            yield _notice(said, key, subject, entry, actor=actor)

    def _decided(self, now: DecisionRead, entry: Entry) -> Iterator[Notice]:
        before, subject = self._decisions.get(now.rollout), self._subject(now.rollout)
        seen, told = after_decision(before, now, entry.place.offset)
        self._decisions[now.rollout] = seen
        for said in told:
            yield Notice(
                key=told_key(said, subject, now.decision_id, entry.place),
                transition=said.transition,
                subject=subject,
                at_ms=entry.at_ms,
                place=entry.place,
                code=said.code,
                sentence=said.sentence,
                ended=said.ended,
                decision_id=now.decision_id,
                seq=now.seq,
                stage=now.stage,
                weights_bp=now.weights_bp,
            )

    def _routed(self, now: RoutingRecord, entry: Entry) -> Iterator[Notice]:
        before, subject = self._routing.get(now.rollout), self._subject(now.rollout)
        seen, told = after_routing(before, now, entry.place.offset)
        self._routing[now.rollout] = seen
        decided = self._decisions.get(now.rollout)
        stage = decided.stage if decided is not None and decided.seq == now.fence else -1
        for said in told:
            yield Notice(
                key=told_key(said, subject, now.decision_id, entry.place),
                transition=said.transition,
                subject=subject,
                at_ms=now.at,
                place=entry.place,
                code=said.code,
                sentence=said.sentence,
                ended=said.ended,
                decision_id=now.decision_id,
                seq=now.fence,
                stage=stage,
                weights_bp=now.applied_bp,
            )

    def _commanded(self, command: CommandTold, entry: Entry) -> Notice:
        subject = self._subject(command.rollout)
        who = command.actor or "somebody"
        sentence = f"{command.kind} asked by {who}"
        sentence += f": {command.reason}" if command.reason else ""
        said = Told(transition=Transition.COMMANDED, code=str(command.kind), sentence=sentence)
        key = told_key(said, subject, "", entry.place)
        return _notice(said, key, subject, entry, actor=command.actor)


def subject_of(spec: RolloutSpec) -> Subject:
    """A rollout as hooks are told of it."""
    return Subject(
        rollout=spec.rollout,
        service=spec.service,
        route=spec.route,
        baseline=spec.baseline,
        candidates={candidate.name: candidate.version for candidate in spec.candidates},
        stages=len(spec.stages),
        spec_hash=spec.spec_hash,
        dry_run=spec.target.dry_run,
    )


def _notice(said: Told, key: str, subject: Subject, entry: Entry, *, actor: str) -> Notice:
    return Notice(
        key=key,
        transition=said.transition,
        subject=subject,
        at_ms=entry.at_ms,
        place=entry.place,
        code=said.code,
        sentence=said.sentence,
        actor=actor,
    )

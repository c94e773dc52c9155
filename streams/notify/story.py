"""What has been told of the rollouts of one partition, and what does the next record tell?

Pure: the same records give the same notices with the same keys, whoever reads them and whenever.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from streams.actuator.facts import RoutingRecord
from streams.judge.facts import CommandKind
from streams.notify.decisions import DecisionRead, DecisionSeen, after_decision
from streams.notify.facts import Notice, Place, Subject, Told, told_key
from streams.notify.routing import RoutingSeen, after_routing
from streams.notify_settings import Transition
from streams.spec.model import RolloutSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecTold:
    """A rollout was applied; `spec` is None where it was deleted."""

    rollout: str
    spec: RolloutSpec | None
    actor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandTold:
    """A person asked for something."""

    rollout: str
    kind: CommandKind
    actor: str
    reason: str


Fact = SpecTold | DecisionRead | RoutingRecord | CommandTold


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
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

    def take(self, arrived: Arrived) -> tuple[Notice, ...]:
        """What a record tells. Records of one topic come in the order of their offsets."""
        match arrived.fact:
            case SpecTold() as spec:
                return tuple(self._applied(spec, arrived))
            case DecisionRead() as decision:
                return tuple(self._decided(decision, arrived))
            case RoutingRecord() as routing:
                return tuple(self._routed(routing, arrived))
            case CommandTold() as command:
                return (self._commanded(command, arrived),)

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

    def _applied(self, told: SpecTold, arrived: Arrived) -> Iterator[Notice]:
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
            key = told_key(said, subject, "", arrived.place)
            yield _notice(said, key, subject, arrived, actor=told.actor)

    def _decided(self, now: DecisionRead, arrived: Arrived) -> Iterator[Notice]:
        before, subject = self._decisions.get(now.rollout), self._subject(now.rollout)
        seen, told = after_decision(before, now, arrived.place.offset)
        self._decisions[now.rollout] = seen
        for said in told:
            yield Notice(
                key=told_key(said, subject, now.decision_id, arrived.place),
                transition=said.transition,
                subject=subject,
                at_ms=arrived.at_ms,
                place=arrived.place,
                code=said.code,
                sentence=said.sentence,
                ended=said.ended,
                decision_id=now.decision_id,
                seq=now.seq,
                stage=now.stage,
                weights_bp=now.weights_bp,
            )

    def _routed(self, now: RoutingRecord, arrived: Arrived) -> Iterator[Notice]:
        before, subject = self._routing.get(now.rollout), self._subject(now.rollout)
        seen, told = after_routing(before, now, arrived.place.offset)
        self._routing[now.rollout] = seen
        decided = self._decisions.get(now.rollout)
        stage = decided.stage if decided is not None and decided.seq == now.fence else -1
        for said in told:
            yield Notice(
                key=told_key(said, subject, now.decision_id, arrived.place),
                transition=said.transition,
                subject=subject,
                at_ms=now.at,
                place=arrived.place,
                code=said.code,
                sentence=said.sentence,
                ended=said.ended,
                decision_id=now.decision_id,
                seq=now.fence,
                stage=stage,
                weights_bp=now.applied_bp,
            )

    def _commanded(self, command: CommandTold, arrived: Arrived) -> Notice:
        subject = self._subject(command.rollout)
        who = command.actor or "somebody"
        sentence = f"{command.kind} asked by {who}"
        sentence += f": {command.reason}" if command.reason else ""
        said = Told(transition=Transition.COMMANDED, code=str(command.kind), sentence=sentence)
        key = told_key(said, subject, "", arrived.place)
        return _notice(said, key, subject, arrived, actor=command.actor)


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
    )


def _notice(said: Told, key: str, subject: Subject, arrived: Arrived, *, actor: str) -> Notice:
    return Notice(
        key=key,
        transition=said.transition,
        subject=subject,
        at_ms=arrived.at_ms,
        place=arrived.place,
        code=said.code,
        sentence=said.sentence,
        actor=actor,
    )

"""What lies on one partition? Everything about its rollouts, read to the end before any is moved.

Rollouts, commands, leases, decisions and routing share their partition count, so the owner of a
partition index sees all there is of a rollout.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import assert_never

from streams.actuator.facts import CommandRead, DecisionFact, LeaseFact, RoutingRecord
from streams.actuator.journal import KafkaJournal
from streams.actuator.lines import say
from streams.actuator.runner import JOIN_S, Runner
from streams.actuator.standing import DRIFT_LOWER
from streams.actuator.teller import Journal
from streams.judge.facts import RoutingPhase
from streams.spec.model import RolloutSpec

TOPICS = ("routing", "rollouts", "commands", "leases", "decisions")


@dataclass(slots=True, kw_only=True)
class History:
    """What the log told of one rollout before its actor began."""

    routing: list[RoutingRecord] = field(default_factory=list)
    commands: list[CommandRead] = field(default_factory=list)
    decisions: dict[int, DecisionFact] = field(default_factory=dict)
    """By offset."""
    ended: bool = False

    def add_routing(self, record: RoutingRecord) -> None:
        """Keep a record; of a row of looks that saw the same only the last says anything new."""
        last = self.routing[-1] if self.routing else None
        if last is not None and _same_look(last, record):
            self.routing[-1] = record
        else:
            self.routing.append(record)


def _same_look(last: RoutingRecord, record: RoutingRecord) -> bool:
    looks = last.phase is record.phase is RoutingPhase.OBSERVED
    drifted = record.reason.startswith(DRIFT_LOWER)
    return looks and not drifted and last.reason == record.reason and record.fence >= last.fence


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecRead:
    """A record of `rollouts`; `spec` None: it was taken back."""

    rollout: str
    spec: RolloutSpec | None
    at_ms: int = 0
    """When it was written."""


Record = SpecRead | RoutingRecord | CommandRead | LeaseFact | DecisionFact
Start = Callable[[RolloutSpec, History, Journal], Runner | None]


class Desk:
    """One partition index: history while it loads, running actors afterwards."""

    def __init__(self, number: int, start: Start, journal: KafkaJournal) -> None:
        self.number = number
        self.journal = journal
        self.position = -1
        """Next offset of `decisions`; -1: nothing read yet."""
        self._start = start
        self._unread = set(TOPICS)
        self._specs: dict[str, RolloutSpec] = {}
        self._histories: dict[str, History] = {}
        self._runners: dict[str, Runner] = {}

    @property
    def loading(self) -> bool:
        """Whether some topic was not read to its end yet."""
        return bool(self._unread)

    def reached_end(self, topic: str) -> None:
        """A topic's end was reached; after the last one the actors begin."""
        if topic not in self._unread:
            return
        self._unread.discard(topic)
        if not self._unread:
            for rollout in self._specs:
                self._begin(rollout)
            facts = {"partition": self.number, "rollouts": len(self._runners)}
            say(logging.INFO, "actuator.loaded", facts)

    def take(self, record: Record, offset: int) -> None:
        """Take a record in."""
        runner = self._runners.get(record.rollout)
        match record:
            case SpecRead():
                self._take_spec(record)
            case _ if runner is None:
                self._remember(record, offset)
            case RoutingRecord():
                pass  # our own words
            case DecisionFact():
                runner.decide(record, offset)
            case CommandRead():
                runner.send(lambda actor: actor.command(record))
            case LeaseFact():
                runner.send(lambda actor: actor.hear(record))
            case _:
                assert_never(record)
        if isinstance(record, DecisionFact):
            self.position = offset + 1

    def committable(self) -> int:
        """The offset of `decisions` that a restart must begin at; -1: nothing to say."""
        firsts = [runner.first_open() for runner in self._runners.values()]
        return min((first for first in firsts if first is not None), default=self.position)

    def wake(self) -> None:
        """Let all actors look again: something that they wait for may have come."""
        for runner in self._runners.values():
            runner.send(lambda _: None)

    def runners(self) -> list[Runner]:
        """Those that hold a target now."""
        return [runner for runner in self._runners.values() if not runner.actor.released]

    def stop(self) -> None:
        """End all actors, then the journal; returns when they have ended."""
        for runner in self._runners.values():
            runner.stop()
        end = time.monotonic() + JOIN_S
        for runner in self._runners.values():
            runner.join(end - time.monotonic())
        self.journal.close()

    def _take_spec(self, record: SpecRead) -> None:
        rollout, known = record.rollout, self._specs.get(record.rollout)
        if record.spec is None:
            self._specs.pop(rollout, None)
            if (runner := self._runners.pop(rollout, None)) is not None:
                runner.stop()
        elif known is None:
            self._specs[rollout] = record.spec
            if not self.loading:
                self._begin(rollout)
        elif known.spec_hash != record.spec.spec_hash:
            facts = {"rollout": rollout, "stays": known.spec_hash, "ignored": record.spec.spec_hash}
            say(logging.ERROR, "actuator.second_spec", facts)

    def _remember(
        self, record: RoutingRecord | CommandRead | LeaseFact | DecisionFact, offset: int
    ) -> None:
        history = self._histories.setdefault(record.rollout, History())
        match record:
            case RoutingRecord():
                history.add_routing(record)
            case CommandRead():
                history.commands.append(record)
            case LeaseFact():
                history.ended = history.ended or record.ended
            case DecisionFact() if record.doubted is None or self.loading:
                history.decisions[offset] = record
            case DecisionFact():
                pass  # of a rollout that nobody applied, by nobody who is trusted
            case _:
                assert_never(record)

    def _begin(self, rollout: str) -> None:
        history = self._histories.pop(rollout, History())
        runner = self._start(self._specs[rollout], history, self.journal)
        if runner is not None:
            self._runners[rollout] = runner
            runner.owe(history.decisions)
            runner.start()

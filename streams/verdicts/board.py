"""Where does every rollout stand? Fed by the thread that follows the log, read by who answers.

While history is read, a person's commands are taken in when a decision of a later time comes:
`resume` begins a new chain of decisions, so its place among them matters.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import assert_never

from streams.actuator.desk import Record, SpecRead
from streams.actuator.facts import CommandRead, DecisionFact, LeaseFact, RoutingRecord
from streams.actuator.lines import say
from streams.actuator.standing import lapsed
from streams.verdicts.course import begin, commanded, decided, heard, routed
from streams.verdicts.facts import Known, ToldDecision

Later = RoutingRecord | LeaseFact | DecisionFact
"""What means something of a rollout that is known."""
EARLY_ROLLOUTS, EARLY_RECORDS = 256, 64


@dataclass(slots=True, kw_only=True)
class _Commands:
    """What people said of one rollout, read and not taken in."""

    partition: int
    kept: deque[CommandRead] = field(default_factory=deque)


class Board:
    """Rollouts by id. One thread writes; what others read are frozen facts."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._known: dict[str, Known] = {}
        self._commands: dict[str, _Commands] = {}
        """Read and not taken in: the rollout is not known yet, or its history is being read.

        In the order in which they were heard of last.
        """
        self._early: dict[str, deque[Later]] = {}
        """What was read of a rollout before its spec: topics arrive in no order of time."""
        self._loaded: set[int] = set()

    def get(self, rollout: str) -> Known | None:
        """What is known of a rollout; None where none of that id was applied."""
        known = self._known.get(rollout)
        return None if known is None else _now(known)

    def of_service(self, service: str, revision: str) -> tuple[Known, ...]:
        """The rollouts of a service that live and whose candidate goes by this revision.

        Where none of them lives, the newest of those that have ended.
        """
        found = [
            _now(known)
            for known in self.all()
            if known.spec.service == service and known.spec.arm_of(revision) is not None
        ]
        newest = sorted(found, key=lambda known: known.applied_ms)[-1:]
        return tuple(known for known in found if not known.ended) or tuple(newest)

    def all(self) -> tuple[Known, ...]:
        """Every rollout, in the order in which they were read."""
        return tuple(self._known.values())

    def take(self, record: Record, partition: int, *, live: bool) -> None:
        """Take a record in; `live`: it came after all that stood in its partition at the start."""
        if isinstance(record, SpecRead):
            self._take_spec(record, partition, live=live)
        elif isinstance(record, CommandRead):
            self._keep_command(record, partition)
            if live:
                self._settle((record.rollout,))
                self._forget()
        elif (known := self._known.get(record.rollout)) is not None:
            self._known[record.rollout] = self._changed(known, record, live=live)
        elif live and _is_trusted(record):
            self._keep(record)

    def is_read(self, partition: int) -> bool:
        """Whether all that stood in a partition at the start was read."""
        return partition in self._loaded

    def loaded(self, partition: int) -> None:
        """All that stood in a partition at the start was read."""
        self._settle([name for name, k in self._known.items() if k.partition == partition])
        self._loaded.add(partition)
        self._forget()

    def clear(self) -> None:
        """The log could not be followed for a while: it is read anew."""
        self._known, self._commands, self._early, self._loaded = {}, {}, {}, set()

    def _take_spec(self, record: SpecRead, partition: int, *, live: bool) -> None:
        known = self._known.get(record.rollout)
        if record.spec is None:
            self._known.pop(record.rollout, None)
            self._early.pop(record.rollout, None)
            if live:  # of history the commands may be those of a later spec with the same id
                self._commands.pop(record.rollout, None)
        elif known is None:
            self._known[record.rollout] = begin(record.spec, partition, record.at_ms)
            if live:
                self._settle((record.rollout,))
            for early in self._early.pop(record.rollout, ()):
                self.take(early, partition, live=live)
        elif known.spec.spec_hash != record.spec.spec_hash:
            facts = {
                "rollout": record.rollout,
                "stays": known.spec.spec_hash,
                "ignored": record.spec.spec_hash,
            }
            say(logging.ERROR, "verdicts.second_spec", facts)

    def _keep(self, record: Later) -> None:
        """Keep what came before its spec; of few rollouts, and the last of each."""
        if record.rollout in self._early or len(self._early) < EARLY_ROLLOUTS:
            self._early.setdefault(record.rollout, deque(maxlen=EARLY_RECORDS)).append(record)

    def _keep_command(self, command: CommandRead, partition: int) -> None:
        known = self._commands.pop(command.rollout, None) or _Commands(partition=partition)
        known.kept.append(command)
        self._commands[command.rollout] = known

    def _forget(self) -> None:
        """Of ids whose spec was deleted or never was, keep the last few that were heard of.

        Only where history was read: until then their specs may be still to come.
        """
        strays = [
            name
            for name, commands in self._commands.items()
            if name not in self._known and commands.partition in self._loaded
        ]
        for name in strays[:-EARLY_ROLLOUTS]:
            del self._commands[name]
        for name in strays[-EARLY_ROLLOUTS:]:
            kept = self._commands[name].kept
            while len(kept) > EARLY_RECORDS:
                kept.popleft()

    def _settle(self, rollouts: Iterable[str], until_ms: int | None = None) -> None:
        """Take commands in that were kept, all of them or those up to a time."""
        for name in rollouts:
            known, commands = self._known.get(name), self._commands.get(name)
            if known is None or commands is None:
                continue
            kept = commands.kept
            while kept and (until_ms is None or kept[0].at_ms <= until_ms):
                known = commanded(known, kept.popleft())
            self._known[name] = known
            if not kept:
                del self._commands[name]

    def _changed(self, known: Known, record: Later, *, live: bool) -> Known:
        now = self.clock()
        match record:
            case RoutingRecord():
                return routed(known, record, now if live else None)
            case LeaseFact():
                return heard(known, record, now, _wall_ms(), live=live)
            case ToldDecision():
                if not live:
                    self._settle((record.rollout,), until_ms=record.at_ms)
                return decided(self._known[record.rollout], record, now)
            case DecisionFact():
                raise TypeError("decisions come here in full, as ToldDecision")
            case _:
                assert_never(record)


def _is_trusted(record: Later) -> bool:
    return not isinstance(record, DecisionFact) or record.doubted is None


def _now(known: Known) -> Known:
    """Without a pause whose time is over."""
    return replace(known, standing=lapsed(known.standing, _wall_ms()))


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000

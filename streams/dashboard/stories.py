"""Which rollouts are remembered, and who tells their stories? The board's own word, and more.

What a decision means is the board's matter (`streams/verdicts`): a story takes in what the board
has accepted, so that the page never shows what no actuator would act on.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from streams.actuator.desk import Record, SpecRead
from streams.dashboard.answers.story import Part
from streams.dashboard.news import News
from streams.dashboard.story import Story
from streams.dashboard.told import (
    FullCommand,
    FullDecision,
    FullLease,
    FullRouting,
    FullSpec,
)
from streams.spec.model import RolloutSpec
from streams.verdicts.board import Board
from streams.verdicts.facts import Known

MOST = 64
"""Stories that are remembered; of others the board alone knows where they stand."""
EARLY_ROLLOUTS, EARLY_COMMANDS = 1024, 64
"""Commands that were read before their spec: of how many rollouts, and how many of each."""


class Stories:
    """Stories by rollout. One thread writes, any reads; those that changed last are kept."""

    def __init__(self, news: News, most: int = MOST) -> None:
        self._lock = threading.Lock()
        self._specs: dict[str, tuple[FullSpec, RolloutSpec]] = {}
        """Of every rollout, as the board knows them too."""
        self._stories: OrderedDict[str, Story] = OrderedDict()
        """Of those of which more was read; the one that changed last comes last."""
        self._given_up: set[str] = set()
        self._early: OrderedDict[str, deque[FullCommand]] = OrderedDict()
        self._news, self._most = news, most

    @contextmanager
    def reading(self, rollout: str) -> Iterator[Story | None]:
        """The story, which does not change meanwhile; None where there is no such rollout."""
        with self._lock:
            yield self._stories.get(rollout) or self._begin(rollout)

    def is_whole(self, rollout: str) -> bool:
        """Whether nothing of its story was given up for others."""
        with self._lock:
            return rollout not in self._given_up

    def count(self) -> int:
        """How many are remembered."""
        with self._lock:
            return len(self._stories)

    def clear(self) -> None:
        """The log is read anew."""
        with self._lock:
            self._specs.clear()
            self._stories.clear()
            self._given_up.clear()
            self._early.clear()

    def take_spec(self, record: SpecRead) -> None:
        """A spec was written, or taken back; a second one of the same id means nothing."""
        rollout = record.rollout
        with self._lock:
            if record.spec is None:
                self._specs.pop(rollout, None)
                self._stories.pop(rollout, None)
                self._early.pop(rollout, None)
                self._given_up.discard(rollout)
                self._news.forget(rollout)
            elif isinstance(record, FullSpec) and rollout not in self._specs:
                self._specs[rollout] = (record, record.spec)
                self._news.tell(rollout, Part.SPEC)
                for command in self._early.pop(rollout, ()):
                    self._change(rollout, Part.COMMAND, partial(Story.command, command=command))

    def take_command(self, command: FullCommand) -> None:
        """A person said something, maybe of a rollout whose spec is still to come."""
        with self._lock:
            if command.rollout in self._specs:
                tell = partial(Story.command, command=command)
                self._change(command.rollout, Part.COMMAND, tell)
                return
            empty: deque[FullCommand] = deque(maxlen=EARLY_COMMANDS)
            self._early.setdefault(command.rollout, empty).append(command)
            while len(self._early) > EARLY_ROLLOUTS:
                self._early.popitem(last=False)

    def change(self, rollout: str, part: Part, tell: Callable[[Story], None]) -> None:
        """Let `tell` change a story; nothing happens where there is no such rollout."""
        with self._lock:
            self._change(rollout, part, tell)

    def _change(self, rollout: str, part: Part, tell: Callable[[Story], None]) -> None:
        story = self._stories.pop(rollout, None) or self._begin(rollout)
        if story is None:
            return
        tell(story)
        self._stories[rollout] = story
        while len(self._stories) > self._most:
            self._give_up(next(filter(self._undecided, self._stories), next(iter(self._stories))))
        self._news.tell(rollout, part)

    def _undecided(self, rollout: str) -> bool:
        """Whether nothing was read of it that is worth a place: a lease, a command of old."""
        return self._stories[rollout].decided.last is None

    def _give_up(self, rollout: str) -> None:
        if not self._undecided(rollout):
            self._given_up.add(rollout)
        del self._stories[rollout]

    def _begin(self, rollout: str) -> Story | None:
        found = self._specs.get(rollout)
        return None if found is None else Story.begin(*found)


class Watched(Board):
    """A board that has what it takes in told to stories. Records must be those of `told.full`."""

    def __init__(self, stories: Stories) -> None:
        super().__init__()
        self._stories = stories

    def take(self, record: Record, partition: int, *, live: bool) -> None:
        """See Board."""
        if isinstance(record, SpecRead):  # first: the board takes in what waited for this spec
            self._stories.take_spec(record)
            super().take(record, partition, live=live)
            return
        super().take(record, partition, live=live)
        known = self.get(record.rollout)
        match record:
            case FullCommand():
                self._stories.take_command(record)
            case FullDecision() if known is not None:
                self._decision(record, known)
            case FullLease():
                tell = partial(Story.hear, lease=record)
                self._stories.change(record.rollout, Part.LEASE, tell)
            case FullRouting():
                told = partial(Story.route, record=record)
                self._stories.change(record.rollout, Part.ROUTING, told)
            case _:
                pass  # of a rollout that nobody applied

    def clear(self) -> None:
        """See Board."""
        super().clear()
        self._stories.clear()

    def _decision(self, fact: FullDecision, known: Known) -> None:
        """One that the board did not accept is told as doubted, unless it only repeats another."""
        if known.told is fact:
            self._stories.change(fact.rollout, Part.DECISION, partial(Story.decide, fact=fact))
            return
        refused = known.refused if known.refused.startswith(f"decision #{fact.seq} ") else ""
        why = refused if fact.doubted is None else fact.doubted.sentence
        repeats = known.told is not None and fact.decision_id == known.told.decision_id
        if why and not repeats:
            tell = partial(Story.doubt, fact=fact, why=why)
            self._stories.change(fact.rollout, Part.DECISION, tell)

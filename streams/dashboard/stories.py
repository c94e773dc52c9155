"""Which rollouts are remembered, and what is their story?"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from streams.actuator.desk import SpecRead
from streams.dashboard.answers.story import Part
from streams.dashboard.news import News
from streams.dashboard.story import Story
from streams.dashboard.told import FullCommand, FullSpec
from streams.spec.model import RolloutSpec

MOST = 64
"""Stories that are remembered; of others the board alone knows where they stand."""
EARLY_ROLLOUTS, EARLY_COMMANDS = 1024, 64
"""Commands that were read before their spec: of how many rollouts, and how many of each."""


class Stories:
    """Stories by rollout. One thread writes, any reads; those that changed last are kept."""

    def __init__(self, news: News, most: int = MOST) -> None:
        self._lock = threading.RLock()
        self._specs: dict[str, tuple[FullSpec, RolloutSpec]] = {}
        """Of every rollout, as the board knows them too."""
        self._stories: OrderedDict[str, Story] = OrderedDict()
        """Of those of which more was read; the one that changed last comes last."""
        self._given_up: set[str] = set()
        self._early: OrderedDict[str, deque[FullCommand]] = OrderedDict()
        self._news, self._most = news, most

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Nobody reads meanwhile: what changes elsewhere too changes in one step."""
        with self._lock:
            yield

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

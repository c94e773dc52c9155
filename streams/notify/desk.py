"""What does one hook know of one partition index? Its story, and how far each topic is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from streams.notify.facts import Notice
from streams.notify.ledger import Ledger, Mark
from streams.notify.story import Entry, Story


class Desk:
    """One partition index over all topics. One thread."""

    def __init__(self, marks: Mapping[str, Mark]) -> None:
        """`marks`: topic without prefix -> what is committed of it."""
        self._story = Story()
        self._ledgers = {topic: Ledger(mark) for topic, mark in marks.items()}
        self.loading = True
        """Whether specs are still being read; until they are, nothing else is."""
        self.open = True
        """Whether this member still owns the partitions."""

    def take(
        self, entry: Entry, wants: Callable[[Notice], bool]
    ) -> tuple[tuple[Notice, Callable[[], None]], ...]:
        """What is to be told of a record, each with what is to be called once it is told."""
        topic, offset = entry.place.topic, entry.place.offset
        ledger = self._ledgers[topic]
        before = self._story.anchor(topic, offset)
        notices = self._story.take(entry)
        news = [n for n in notices if ledger.tells(offset) and wants(n)]
        ledger.read(offset, waiting=len(news), anchor=before)
        return tuple((notice, lambda: ledger.done(offset)) for notice in news)

    def skip(self, topic: str, offset: int) -> None:
        """A record means nothing."""
        self._ledgers[topic].read(offset, waiting=0, anchor=offset)

    def marks(self) -> dict[str, Mark]:
        """What may be committed now, by topic."""
        return {
            topic: ledger.mark(self._story.anchor(topic, ledger.through))
            for topic, ledger in self._ledgers.items()
        }

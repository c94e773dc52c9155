"""What is known of panes, rollout by rollout, and how far have source partitions come?"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from streams.dashboard.answers.story import Part
from streams.dashboard.news import News
from streams.dashboard.pane_book import PaneBook
from streams.panes.facts import Source

MOST = 64
"""Books that are kept; those of rollouts that changed last."""
PANE, COHORT, BREACH = OF_ROLLOUT = ("davy.Pane", "davy.Cohort", "davy.Breach")
PROGRESS = "davy.Progress"


class PaneBooks:
    """Books by rollout. One thread writes, any reads."""

    def __init__(self, news: News, most: int = MOST) -> None:
        self._lock = threading.Lock()
        self._books: OrderedDict[str, PaneBook] = OrderedDict()
        self._given_up: set[str] = set()
        self._closed: dict[tuple[int, int], int | None] = {}
        """(partition of `panes`, source partition) -> end of its last closed pane; None: idle."""
        self._news, self._most = news, most

    @contextmanager
    def reading(self, rollout: str, spec_hash: str) -> Iterator[PaneBook]:
        """The book of a rollout under this spec, empty where nothing was read of it."""
        with self._lock:
            book = self._books.get(rollout)
            fits = book is not None and book.spec_hash == spec_hash
            yield book if book is not None and fits else PaneBook(spec_hash, -1)

    def is_whole(self, rollout: str) -> bool:
        """Whether nothing of its book was given up for others."""
        with self._lock:
            return rollout not in self._given_up

    def watermark_ms(self, partition: int) -> int | None:
        """End of the last pane that all source partitions which are not idle have closed.

        None where one of them has closed none, or all are idle.
        """
        with self._lock:
            ends = [end for (n, _), end in self._closed.items() if n == partition]
        return min((end for end in ends if end is not None), default=None) or None

    def count(self) -> int:
        """How many are kept."""
        with self._lock:
            return len(self._books)

    def take(self, record: Mapping[str, Any], partition: int) -> None:
        """Take a decoded record of this partition of `panes` in."""
        name, body = record["body"]
        source = record["source_partition"]
        if name == PROGRESS and record["source"] == Source.PREDICTIONS:
            end_ms = (body["closed_through"] + 1) * record["pane_ms"]
            with self._lock:
                self._closed[partition, source] = None if body["idle"] else end_ms
        elif name in OF_ROLLOUT:
            with self._lock:
                self._write(name, body, record, partition)

    def _write(
        self, name: str, body: Mapping[str, Any], record: Mapping[str, Any], partition: int
    ) -> None:
        rollout = body["rollout"]
        book = self._books.pop(rollout, None)
        if book is None or book.spec_hash != body["spec_hash"]:
            book = PaneBook(body["spec_hash"], partition)
        self._books[rollout] = book  # whatever comes of this record: those before it count
        source = record["source_partition"]
        if name == BREACH:
            book.breach(body)
        else:
            book.pane_ms = record["pane_ms"]
            (book.pane if name == PANE else book.cohort)(source, body)
        while len(self._books) > self._most:
            self._given_up.add(self._books.popitem(last=False)[0])
        self._news.tell(rollout, Part.COHORTS if name == COHORT else Part.PANES)

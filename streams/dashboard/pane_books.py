"""What is known of panes, rollout by rollout, and how far have source partitions come?"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from streams.dashboard.answers.story import Part
from streams.dashboard.news import News
from streams.dashboard.pane_batch import COHORT, Batch, Bundle, Failure, Panes
from streams.dashboard.pane_book import PaneBook
from streams.dashboard.pane_groups import Group, Ints, grouped

MOST = 64
"""Books that are kept; those of rollouts that changed last."""


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


class PaneBooks:
    """Books by rollout. One thread writes, any reads."""

    def __init__(
        self,
        news: News,
        most: int = MOST,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_ms: Callable[[], int] = _wall_ms,
    ) -> None:
        self._lock = threading.Lock()
        self._books: OrderedDict[str, PaneBook] = OrderedDict()
        self._given_up: set[str] = set()
        self._closed: dict[tuple[int, int], int | None] = {}
        """(partition of `panes`, source partition) -> end of its last closed pane; None: idle."""
        self._news, self._most = news, most
        self._clock, self._wall_ms = clock, wall_ms

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

    def take(self, batch: Batch) -> list[Failure]:
        """Take records in, rollout by rollout; told is which of them make no sense."""
        bundles = batch.bundles()
        books = [self._book(bundle, batch) for bundle in bundles]
        fresh = [_fresh(batch.panes, *each) for each in zip(bundles, books, strict=True)]
        groups = _grouped(batch.panes, fresh)
        failures: list[Failure] = []
        for bundle, book, rows in zip(bundles, books, fresh, strict=True):
            with self._lock:
                self._fold(book, batch, rows, groups.get(bundle.rollout, ()))
                failures += _others(book, bundle, batch)
                self._shelve(bundle.rollout, book)
            if book.partition not in batch.behind:  # else `loaded` tells, once for all
                self._tell(bundle)
        with self._lock:
            self._closed.update(batch.closed_ms)
        return failures

    def loaded(self, partition: int) -> None:
        """A partition was read to its end: what was taken in without a word is news now."""
        with self._lock:
            known = [name for name, book in self._books.items() if book.partition == partition]
        for rollout in known:
            self._news.tell(rollout, Part.PANES)
            self._news.tell(rollout, Part.COHORTS)

    def _book(self, bundle: Bundle, batch: Batch) -> PaneBook:
        """The book that a bundle belongs in; another spec begins a new one."""
        book = self._books.get(bundle.rollout)
        if book is None or bundle.anew or book.spec_hash != bundle.spec_hash:
            return PaneBook(bundle.spec_hash, batch.partitions[bundle.last])
        return book

    def _fold(self, book: PaneBook, batch: Batch, rows: Ints, groups: Iterable[Group]) -> None:
        """Take fresh panes in."""
        panes = batch.panes
        if panes is None or not rows.size:
            return
        book.spell.stretch(*panes.spell(rows))
        for group in groups:
            book.add(group)
        last = int(panes.at[rows[-1]])
        book.pane_ms = batch.origins[last].pane_ms
        book.heard = self._clock()
        if book.partition in batch.behind:  # else it was written just now, whatever clocks say
            book.heard -= max(0, self._wall_ms() - batch.written_ms[last]) / 1000

    def _shelve(self, rollout: str, book: PaneBook) -> None:
        """Put a book behind all others, and give up the first where there are too many."""
        self._books[rollout] = book
        self._books.move_to_end(rollout)
        while len(self._books) > self._most:
            self._given_up.add(self._books.popitem(last=False)[0])

    def _tell(self, bundle: Bundle) -> None:
        names = {other.name for other in bundle.others}
        if bundle.rows.size or names - {COHORT}:
            self._news.tell(bundle.rollout, Part.PANES)
        if COHORT in names:
            self._news.tell(bundle.rollout, Part.COHORTS)


def _fresh(panes: Panes | None, bundle: Bundle, book: PaneBook) -> Ints:
    return bundle.rows if panes is None else book.fresh(panes, bundle.rows)


def _grouped(panes: Panes | None, fresh: Sequence[Ints]) -> dict[str, list[Group]]:
    """Groups of all fresh panes, by rollout."""
    if panes is None:
        return {}
    keep = np.zeros(len(panes.at), np.bool_)
    for rows in fresh:
        keep[rows] = True
    return grouped(panes.columns, panes.pane_ms, keep)


def _others(book: PaneBook, bundle: Bundle, batch: Batch) -> Iterator[Failure]:
    """Take cohorts and breaches in."""
    for other in bundle.others:
        origin = batch.origins[other.at]
        try:
            book.other(other, origin.source_partition)
        except (ValueError, LookupError, TypeError, OverflowError) as error:
            yield other.at, error
        else:
            book.pane_ms = origin.pane_ms if other.name == COHORT else book.pane_ms

"""Through what does the API look? Board, stories and books of panes: one rollout, or a list."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

from streams.dashboard.answers.common import Reading, Trouble
from streams.dashboard.answers.rollout import RolloutList, RolloutSummary
from streams.dashboard.news import News
from streams.dashboard.orders import NoAnswer
from streams.dashboard.pane_books import PaneBooks
from streams.dashboard.pen import Pen
from streams.dashboard.stories import Stories
from streams.dashboard.summary import summary_of
from streams.dashboard.view import Seen
from streams.verdicts.asking import Log
from streams.verdicts.facts import Known

DAY_MS = 24 * 3600 * 1000
MINUTE_S = 60.0
"""To this the begin of what is told is rounded: listeners hear of each change."""


class Board(Protocol):
    """Where every rollout stands (`streams/verdicts`)."""

    def get(self, rollout: str) -> Known | None:
        """By id."""
        ...

    def all(self) -> tuple[Known, ...]:
        """Every rollout."""
        ...

    def is_read(self, partition: int) -> bool:
        """Whether all that stood in a partition at the start was read."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Everything that answers rest on. For any thread."""

    board: Board
    log: Log
    stories: Stories
    books: PaneBooks
    news: News
    panes_unread: Callable[[], str]
    pen: Pen | None
    """Who writes commands; None where this server only looks."""
    history_ms: int = DAY_MS
    """How far back is told."""
    panes_read_pct: Callable[[], float] = lambda: 100.0
    verifies: bool
    clock: Callable[[], float] = time.monotonic
    wall_s: Callable[[], float] = time.time

    def reading(self) -> Reading:
        """How far the log was read."""
        from_s = self.wall_s() - self.history_ms / 1000
        return Reading(
            unread=self.log.unread(),
            panes_unread=self.panes_unread(),
            panes_read_pct=self.panes_read_pct(),
            history_from_s=math.ceil(from_s / MINUTE_S) * MINUTE_S,
            verifies=self.verifies,
        )

    def known(self, rollout: str) -> Known:
        """What the board knows.

        Raises:
            NoAnswer: there is no such rollout, or its log was not read to its end: what stands in
                a part of it may be the opposite of what holds.
        """
        found = self.board.get(rollout)
        if found is not None and self.board.is_read(found.partition):
            return found
        if unread := self.log.unread():
            raise _not_read(rollout, unread)
        if found is None:
            raise _unknown(rollout)
        return found

    @contextmanager
    def looking(self, rollout: str) -> Iterator[Seen]:
        """All that is known of a rollout; it does not change meanwhile.

        Raises:
            NoAnswer: as `known`.
        """
        self.known(rollout)
        with self._looking(rollout) as seen:
            yield seen

    @contextmanager
    def _looking(self, rollout: str) -> Iterator[Seen]:
        """The same, whether it was read to its end or not."""
        with self.stories.reading(rollout) as story:
            known = self.board.get(rollout)
            if story is None or known is None:  # its spec was taken back this very moment
                raise _unknown(rollout)
            whole = self.stories.is_whole(rollout) and self.books.is_whole(rollout)
            watermark_ms = self.books.watermark_ms(known.partition)
            with self.books.reading(rollout, known.spec.spec_hash) as book:
                yield Seen(
                    known=known,
                    story=story,
                    book=book,
                    watermark_ms=watermark_ms,
                    change=self.news.change(rollout),
                    read=self.board.is_read(known.partition),
                    whole=whole,
                    now=self.clock(),
                )

    def summary(self, rollout: str) -> RolloutSummary:
        """One line, which says itself whether it can be relied on; raises as `known`."""
        with self._looking(rollout) as seen:
            return summary_of(
                seen.known,
                seen.story,
                seen.book,
                read=seen.read,
                change=seen.change,
                now=seen.now,
            )

    def page(self, limit: int, before: str | None) -> RolloutList:
        """A page of rollouts, those that live first, then the newest.

        Raises:
            NoAnswer: `before` is no rollout.
        """
        everyone = sorted(self.board.all(), key=_order)
        names = [known.spec.rollout for known in everyone]
        begin = 0 if before is None else self._after(names, before)
        shown = names[begin : begin + limit]
        return RolloutList(
            items=[self.summary(name) for name in shown],
            next=shown[-1] if begin + limit < len(names) else None,
            total=len(names),
            reading=self.reading(),
        )

    def _after(self, names: Sequence[str], before: str) -> int:
        if before not in names:
            raise _unknown(before)
        return names.index(before) + 1


def _order(known: Known) -> tuple[bool, int, str]:
    return known.ended, -known.applied_ms, known.spec.rollout


def _unknown(rollout: str) -> NoAnswer:
    trouble = Trouble(
        code="unknown_rollout",
        reason=f"there is no rollout `{rollout}`",
        where="rollout",
        advice="/api/v1/rollouts and `davy rollout list` show those that there are",
    )
    return NoAnswer(HTTPStatus.NOT_FOUND, trouble)


def _not_read(rollout: str, unread: str) -> NoAnswer:
    trouble = Trouble(
        code="not_read",
        reason=f"nothing can be said of `{rollout}` yet: {unread}",
        where="the log",
        advice="ask again in some seconds; /readyz tells when all was read",
    )
    return NoAnswer(HTTPStatus.SERVICE_UNAVAILABLE, trouble)

"""Which predictions wait for outcomes, and which outcome belongs to which? One rollout's index.

Fed with columns, in log order: `add` exposures, `advance` to the closed panes of the predictions'
watermark, `join` outcomes. Its state is a pure function of that sequence, however it was batched.
What is defined, and what it costs, is told in the package's docstring.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray

from streams.panes.join.answers import FATES, LATE, UNMATCHED, Codes
from streams.panes.join.asked import Asked
from streams.panes.join.facts import Exposures, Fate, Hashes, Joined, JoinPlan, Outcomes, sampled
from streams.panes.join.journal import Journal
from streams.panes.join.open_panes import OpenPanes
from streams.panes.join.packing import Packed
from streams.panes.join.restore import Restored
from streams.panes.join.runs import Run
from streams.panes.join.sealed import Sealed, find_in
from streams.panes.join.settle import Settled, nothing, settle
from streams.panes.join.snapshot import sealed_pieces
from streams.panes.join.stored import HEAD, ROWS, Changes, Head, pairs, pending_pieces

NONE = -1


class JoinIndex:
    """Exposures of one rollout and source partition, held until their outcomes cannot come.

    `recorded=False` saves the memory of changes where nobody will take them.
    """

    def __init__(self, plan: JoinPlan, *, recorded: bool = True) -> None:
        self.plan = plan
        self.closed_through = NONE
        self.counts: dict[Fate, int] = dict.fromkeys(Fate, 0)
        """Outcomes by what became of them; with those pending, all that were given."""
        self._open = OpenPanes(plan)
        self._sealed = Sealed(plan.widest_run)
        self._pending = Asked.none()
        self._journal = Journal(recorded=recorded)

    @property
    def kept_from(self) -> int:
        """First pane whose exposures are held."""
        return int(self.plan.open_from(self.closed_through).min())

    @property
    def pending(self) -> int:
        """Outcomes that wait for their prediction."""
        return self._pending.size

    @property
    def rows(self) -> int:
        """Exposures held, expired ones that lie in a run with others included."""
        return sum(run.size for run in self._sealed.runs) + self._open.size

    @property
    def nbytes(self) -> int:
        """Memory of all arrays."""
        runs = sum(run.nbytes for run in self._sealed.runs)
        return runs + self._open.nbytes + self._pending.nbytes + self._journal.nbytes

    def add(self, exposures: Exposures) -> None:
        """Take exposures of open panes.

        Raises:
            ValueError: one lies in a closed pane (the fold calls such late), or does not fit.
        """
        for pane in self._open.add(exposures, self.closed_through):
            self._journal.grew(pane)

    def join(self, outcomes: Outcomes) -> Joined:
        """Join a batch; what joins now is returned in its order, what must wait comes later.

        Raises:
            ValueError: a metric number that the plan does not have.
        """
        _check_metrics(outcomes, len(self.plan.windows))
        inside = sampled(outcomes.request_hash, self.plan.share)
        self.counts[Fate.UNSAMPLED] += int((~inside).sum())
        asked = Asked.of(outcomes).chosen(inside)
        open_from = self.plan.open_from(self.closed_through)
        runs = self._sealed.runs
        place = find_in(runs, asked.hashes, int(open_from.min()))
        settled = settle(self.plan, asked, runs, place, open_from)
        self._wait_or_miss(asked, settled.fates)
        self._note(settled)
        return settled.in_log_order()

    def advance(self, closed_through: int) -> Joined:
        """Close panes; returns what had been waiting for them, by pane and then in log order."""
        if closed_through <= self.closed_through:
            return nothing()
        new = self._open.seal(closed_through)
        for run in new:
            self._journal.grew(run.first_pane)
        self.closed_through = closed_through
        joined = self._meet(new)
        self._sealed.take(new, closed_through, self.kept_from)
        return joined

    def changed(self) -> Changes:
        """What differs from the last time this was asked; writing it all makes it durable.

        Raises:
            ValueError: this index was made without record.
        """
        table = self._pending.table()
        written, gone = self._journal.take(self._rows_of, table, self.kept_from)
        written[HEAD] = self._head(self._journal.next_number)
        return Changes(written=written, gone=tuple(gone))

    def write_again(self) -> None:
        """Have all that is ever rewritten among the next changes: open panes and what waits.

        For a store without transactions, where a flush that broke off may have written to them.
        """
        for pane in self._open.panes:
            self._journal.grew(pane)
        self._journal.pending_changed = True

    def snapshot(self) -> dict[str, bytes]:
        """All of the state as a store of its own: the same bytes for the same state."""
        stored = dict(sealed_pieces(self._sealed.runs, self.kept_from))
        for pane in self._open.panes:
            stored |= pairs(f"{ROWS}/{pane}", *self._open.rows(pane))
        stored |= pending_pieces(self._pending.table())
        return stored | {HEAD: self._head(1)}

    @classmethod
    def restored(
        cls, plan: JoinPlan, stored: Mapping[str, bytes], *, recorded: bool = True
    ) -> Self:
        """Read back what all changes so far have left in a store; nothing stored is a new index.

        Raises:
            ValueError: another version wrote it.
        """
        index = cls(plan, recorded=recorded)
        if HEAD not in stored:
            return index
        found = Restored(plan, stored, recorded=recorded)
        index.closed_through, index.counts = found.head.closed_through, found.head.counts
        index._open = found.open
        index._pending = found.pending
        index._sealed.take(found.sealed, index.closed_through, index.kept_from)
        found.answer(index._sealed)
        index._journal = found.journal
        return index

    def _head(self, next_number: int) -> bytes:
        closed = self.closed_through
        return Head(closed_through=closed, next_number=next_number, counts=self.counts).to_bytes()

    def _meet(self, new: list[Run]) -> Joined:
        """Settle outcomes that waited for these panes, as if they were closed one by one."""
        waiting = self._pending
        if not waiting.size:
            return nothing()
        place = find_in(new, waiting.hashes, 0)
        settled = settle(self.plan, waiting, new, place, self.plan.open_from(NONE))
        stays = (settled.fates == UNMATCHED) & self._may_come(waiting)
        self._pending = waiting.chosen(stays)
        self._journal.pending_changed |= not stays.all()
        self._count(settled.fates[~stays])
        self._note(settled)
        return settled.joined

    def _may_come(self, asked: Asked) -> NDArray[np.bool_]:
        last = (asked.occurred_ms + self.plan.early_ms) // self.plan.pane_ms
        may: NDArray[np.bool_] = last > self.closed_through
        return may

    def _wait_or_miss(self, asked: Asked, fates: Codes) -> None:
        """Let those wait whose prediction may come; count all others."""
        missed = fates == UNMATCHED
        waits = np.flatnonzero(missed & self._may_come(asked))
        fates[missed & (asked.occurred_ms < self.kept_from * self.plan.pane_ms)] = LATE
        self._count(np.delete(fates, waits))
        if waits.size:
            self._wait(asked.chosen(waits))

    def _wait(self, more: Asked) -> None:
        """Where too many wait, those that came first give way: most of them wait in vain.

        An outcome meets its prediction when its pane closes, seconds later; those of requests that
        do not count here (another version's, not targeted ones) wait for a minute.
        """
        pending = self._pending.waiting(more)
        excess = max(pending.size - self.plan.max_pending, 0)
        self._pending = pending.chosen(np.arange(excess, pending.size))
        self.counts[Fate.OVERFLOW] += excess
        self._journal.pending_changed = True

    def _count(self, fates: Codes) -> None:
        for fate, count in zip(FATES, np.bincount(fates, minlength=len(FATES)), strict=True):
            self.counts[fate] += int(count)

    def _note(self, settled: Settled) -> None:
        joined = settled.joined
        self._journal.answered(joined.request_hash, joined.pane, joined.metric, settled.tag)

    def _rows_of(self, pane: int) -> tuple[Hashes, Packed]:
        if pane > self.closed_through:
            return self._open.rows(pane)
        run = self._sealed.run_of_pane(pane)
        if run is None:
            raise KeyError(f"pane {pane} is held by no run")
        return run.rows_of(pane)


def _check_metrics(outcomes: Outcomes, count: int) -> None:
    metric = outcomes.metric
    if metric.size and not 0 <= metric.min() <= metric.max() < count:
        raise ValueError(f"metrics are numbered 0 to {count - 1} here: drop other outcomes before")

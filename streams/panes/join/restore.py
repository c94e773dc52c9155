"""How does a join index come back from a store? Rows into runs, then answers into their rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from streams.panes.join.asked import Asked
from streams.panes.join.facts import Hashes, JoinPlan
from streams.panes.join.journal import Journal
from streams.panes.join.open_panes import OpenPanes
from streams.panes.join.runs import NOWHERE, Run
from streams.panes.join.sealed import Sealed
from streams.panes.join.stored import (
    ANSWERS,
    HEAD,
    PENDING,
    ROWS,
    Head,
    grouped,
    read_pairs,
    read_pending,
    unpacked_answers,
)


class Restored:
    """The parts of an index, read."""

    def __init__(self, plan: JoinPlan, stored: Mapping[str, bytes], *, recorded: bool) -> None:
        self.head = Head.from_bytes(stored[HEAD])
        self.open = OpenPanes(plan)
        self.sealed: list[Run] = []
        self.pending = Asked.from_table(read_pending(stored))
        self.journal = Journal(recorded=recorded)
        self._plan = plan
        panes = {}
        for pane, parts in grouped(stored, ROWS):
            panes[pane] = len(parts)
            self._take_rows(pane, *read_pairs(parts))
        numbers = []
        self._answers = [np.empty((2, 0), np.uint64)]
        for number, parts in grouped(stored, ANSWERS):
            pair = np.stack(read_pairs(parts))
            newest = int(unpacked_answers(pair[1])[0].max())
            numbers.append((newest, number, len(parts)))
            self._answers.append(pair)
        pending = sum(len(parts) for _, parts in grouped(stored, PENDING))
        self.journal.loaded(panes, numbers, pending)
        self.journal.next_number = self.head.next_number

    def answer(self, sealed: Sealed) -> None:
        """Write the answers into the rows of merged runs."""
        hashes, packed = np.concatenate(self._answers, axis=1)
        panes, metric, tag = unpacked_answers(packed)
        order = np.argsort(panes, kind="stable")
        ordered = panes[order]
        for run in sealed.runs:
            bounds = np.searchsorted(ordered, [run.first_pane, run.last_pane + 1])
            some = order[slice(*bounds)]
            rows = run.find(hashes[some], panes[some])
            held = rows != NOWHERE
            run.answers[metric[some[held]], rows[held]] = tag[some[held]]

    def _take_rows(self, pane: int, hashes: Hashes, packed: Hashes) -> None:
        if pane > self.head.closed_through:
            self.open.put(pane, hashes, packed)
        else:
            metrics = len(self._plan.windows)
            self.sealed.append(Run.sealed(pane, self._plan.pane_ms, hashes, packed, metrics))

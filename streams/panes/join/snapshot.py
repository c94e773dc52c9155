"""What is the whole state of a join index, as one store? The same bytes for the same state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from streams.panes.join.facts import Hashes, Ints
from streams.panes.join.runs import Answers, Run
from streams.panes.join.stored import ANSWERS, ROWS, packed_answers, pairs


def sealed_pieces(runs: Iterable[Run], kept_from: int) -> Iterator[tuple[str, bytes]]:
    """Rows by pane, and all answers under number 0, as a store would hold them."""
    answers: list[tuple[Hashes, Hashes]] = [(np.empty(0, np.uint64), np.empty(0, np.uint64))]
    for run in runs:
        for pane, rows in _by_pane(run):
            if pane >= kept_from:
                yield from pairs(f"{ROWS}/{pane}", run.hashes[rows], run.packed[rows])
                answers.append(_answers(run.hashes[rows], pane, run.answers[:, rows]))
    hashes, packed = (np.concatenate(column) for column in zip(*answers, strict=True))
    yield from pairs(f"{ANSWERS}/0", hashes, packed)


def _by_pane(run: Run) -> Iterator[tuple[int, Ints]]:
    """Panes with their rows, both ascending."""
    panes = run.panes_of()
    order = np.argsort(panes, kind="stable")
    found, first = np.unique(panes[order], return_index=True)
    yield from zip(found.tolist(), np.split(order, first[1:]), strict=True)


def _answers(hashes: Hashes, pane: int, answers: Answers) -> tuple[Hashes, Hashes]:
    metric, rows = np.nonzero(answers)
    packed = packed_answers(np.full(rows.size, pane), metric, answers[metric, rows])
    return hashes[rows], packed

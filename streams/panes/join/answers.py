"""Was this exposure answered already, and by what? Sixteen bits an exposure and metric.

Eight bits tell outcome ids apart and eight what they say: among 256 conflicts one is counted as
agreement, and one as a duplicate. No other figure depends on them, and neither does what is joined.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from streams.panes.join.facts import Fate, Hashes, Ints
from streams.panes.join.runs import Answers, Run

Codes = NDArray[np.uint8]

FATES = tuple(Fate)
JOINED, DUPLICATE, AGREED, CONFLICT, LATE, UNMATCHED, OVERFLOW, UNSAMPLED = range(len(FATES))
_ODD = np.uint64(0x9E3779B97F4A7C15)
_SAID = np.uint16(0xFF)


def tags(outcome_hash: Hashes, said: Hashes) -> Answers:
    """Sixteen bits of each outcome, never 0.

    >>> tags(np.array([0], np.uint64), np.array([0], np.uint64)).tolist()
    [1]
    """
    mixed = (said ^ (said >> np.uint64(31))) * _ODD
    content = (mixed >> np.uint64(32)) % np.uint64(255) + np.uint64(1)
    return ((outcome_hash >> np.uint64(56) << np.uint64(8)) | content).astype(np.uint16)


def answer(run: Run, rows: Ints, metric: Ints, tag: Answers) -> Codes:
    """Write outcomes, in log order, to the rows of a run; returns the fate code of each."""
    slots = rows * run.answers.shape[0] + metric
    order = np.argsort(slots, kind="stable")
    first = np.ones(rows.size, np.bool_)
    first[1:] = slots[order][1:] != slots[order][:-1]
    before = run.answers[metric[order], rows[order]]
    held = np.where(before, before, tag[order][first][np.cumsum(first) - 1])
    fates = np.empty(rows.size, np.uint8)
    fates[order] = np.where(first & (before == 0), JOINED, _again(held, tag[order]))
    won = fates == JOINED
    run.answers[metric[won], rows[won]] = tag[won]
    return fates


def _again(held: Answers, tag: Answers) -> Codes:
    """Fate codes of outcomes whose exposure is answered."""
    agreed = (held & _SAID) == (tag & _SAID)
    return np.where(held == tag, DUPLICATE, np.where(agreed, AGREED, CONFLICT)).astype(np.uint8)

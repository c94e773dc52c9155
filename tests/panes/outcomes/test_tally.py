"""Labels in cells: what cannot be told apart is neither right nor wrong."""

from __future__ import annotations

import numpy as np

from streams.panes.cohorts import CohortClock
from streams.panes.join.facts import Joined
from streams.panes.outcomes.names import Names
from streams.panes.outcomes.tally import tally
from streams.sketches.outcome_cell import OutcomeCell
from streams.spec.outcome_facts import Outcome, OutcomeKind

LABEL = Outcome(name="label", kind=OutcomeKind.LABEL, window_s=10)
CLOCK = CohortClock.of(LABEL, 1000)


def known(*names: str) -> Names:
    found = Names(limit=2)
    found.restore(names)
    return found


def tallied(predicted: int, label: int, classes: Names, labels: Names) -> tuple[int, int]:
    """Answered and wrong, of one outcome."""
    none, one = np.full(1, np.nan), np.zeros(1, np.int64)
    cell = OutcomeCell(exposures=1)
    joined = Joined(
        row=one,
        metric=one,
        said=np.array([label], np.uint64),
        request_hash=one.astype(np.uint64),
        pane=one,
        arm=one,
        segment=one,
        delay_ms=one,
        predicted_class=np.array([predicted]),
        score=none,
        confidence=none,
    )
    tally(LABEL, CLOCK, joined, (classes, labels), lambda *_: [cell])
    return cell.answered, cell.events


class TestNamesBeyondTheLimit:
    def test_both_known(self):
        assert tallied(1, 0, known("a", "b"), known("b", "c")) == (1, 0)
        assert tallied(0, 0, known("a", "b"), known("b", "c")) == (1, 1)

    def test_no_answer_is_wrong(self):
        assert tallied(-1, 0, known("a", "b"), known("b", "c")) == (1, 1)

    def test_an_unknown_label_may_be_what_was_predicted(self):
        assert tallied(1, 2, known("a", "b"), known("c", "d")) == (0, 0)

    def test_an_unknown_class_may_be_the_label_unless_that_is_known_as_a_class(self):
        assert tallied(2, 1, known("a", "b"), known("b", "c")) == (0, 0)
        assert tallied(2, 0, known("a", "b"), known("b", "c")) == (1, 1)

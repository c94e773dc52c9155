"""What a join tells, case by case."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.panes.join.answers import tags
from streams.panes.join.facts import Fate, sampled
from streams.panes.join.index import JoinIndex
from tests.panes.join.driver import MIDDLE, SAYS, SHORT, driven
from tests.panes.join.model import (
    PANE_MS,
    Close,
    Outcome,
    Prediction,
    Step,
    exposures,
    found,
    outcomes,
    plan,
)


class TestJoin:
    def joined(self, *log: Step) -> JoinIndex:
        driver = driven(plan(MIDDLE), list(log))
        self.found = driver.found
        return driver.index

    def test_outcomes_of_strangers_do_not_take_the_place_of_those_to_come(self) -> None:
        """Where most requests are not compared, what waits longest is what waits in vain."""
        index = JoinIndex(plan(MIDDLE, max_pending=2))
        index.add(exposures([Prediction(request=7, event_ms=123)]))
        strangers = [Outcome(request=number, occurred_ms=124) for number in (1, 2, 3)]
        index.join(outcomes([*strangers, Outcome(request=7, occurred_ms=125)]))
        assert found(index.advance(12)) == [(0, 0, 7, 12, 0, 2)]
        assert (index.counts[Fate.OVERFLOW], index.pending) == (2, 1)

    def test_what_is_told(self) -> None:
        """Everything that was known of the exposure, and the row of the outcome."""
        index = JoinIndex(plan(MIDDLE))
        index.add(exposures([Prediction(request=7, event_ms=123, arm=2)]))
        index.advance(12)
        batch = [Outcome(request=8, occurred_ms=0), Outcome(request=7, occurred_ms=150, says=2)]
        joined = index.join(outcomes(batch))
        assert (joined.row.tolist(), found(joined)) == ([1], [(0, 2, 7, 12, 2, 27)])
        assert (joined.segment.tolist(), joined.predicted_class.tolist()) == ([4], [1])
        assert joined.score.tolist() == [(123 % 40 + 0.5) / 40]
        assert np.isnan(joined.confidence).all()

    def test_an_outcome_may_come_first(self) -> None:
        index = self.joined(
            Outcome(request=7, occurred_ms=30),
            Prediction(request=7, event_ms=5),
            Close(panes=1),
        )
        assert (self.found, index.counts[Fate.JOINED]) == ([(0, 0, 7, 0, 0, 25)], 1)

    def test_a_clock_that_is_behind(self) -> None:
        """Up to `early_ms` before its prediction, and the delay is 0 then."""
        self.joined(
            Prediction(request=7, event_ms=35),
            Prediction(request=8, event_ms=36),
            Close(panes=4),
            Outcome(request=7, occurred_ms=10),
            Outcome(request=8, occurred_ms=10),
        )
        assert self.found == [(0, 0, 7, 3, 0, 0)]

    def test_of_two_labels_the_first_counts(self) -> None:
        index = self.joined(
            Prediction(request=7, event_ms=5),
            Close(panes=1),
            Outcome(request=7, occurred_ms=30, outcome=1, says=1),
            Outcome(request=7, occurred_ms=20, outcome=2, says=2),
            Outcome(request=7, occurred_ms=30, outcome=1, says=1),
            Outcome(request=7, occurred_ms=30, outcome=3, says=1),
        )
        assert self.found == [(0, 1, 7, 0, 0, 25)]
        fates = (Fate.JOINED, Fate.CONFLICT, Fate.DUPLICATE, Fate.AGREED)
        assert [index.counts[fate] for fate in fates] == [1, 1, 1, 1]

    def test_each_metric_has_its_window(self) -> None:
        """A label must come within a quarter of the time that a sale may take."""
        late = MIDDLE // 4 + 6
        index = self.joined(
            Prediction(request=7, event_ms=5),
            Close(panes=1),
            *(Outcome(request=7, occurred_ms=late, metric=metric) for metric in (0, 1)),
        )
        assert [found[0] for found in self.found] == [1]
        assert index.counts[Fate.LATE] == 1

    def test_a_matured_pane_takes_no_more(self) -> None:
        """Within the window, but delivered after the declared delay."""
        matured = (MIDDLE // 4 + MIDDLE // 8) // PANE_MS + 1
        for panes, expected in ((matured - 1, 1), (matured, 0)):
            self.joined(
                Prediction(request=7, event_ms=5),
                Close(panes=panes),
                Outcome(request=7, occurred_ms=30),
            )
            assert len(self.found) == expected

    def test_what_has_no_prediction(self) -> None:
        """Counted when the watermark has passed the last pane that could bring it."""
        index = self.joined(Outcome(request=7, occurred_ms=20), Close(panes=4))
        assert (index.pending, index.counts[Fate.UNMATCHED]) == (1, 0)
        index.advance(4)
        assert (index.pending, index.counts[Fate.UNMATCHED]) == (0, 1)

    def test_exposures_of_closed_panes_are_refused(self) -> None:
        index = self.joined(Close(panes=3))
        with pytest.raises(ValueError, match="exposure in pane 2, but panes are closed through 2"):
            index.add(exposures([Prediction(request=7, event_ms=29)]))

    def test_unknown_metrics_are_refused(self) -> None:
        with pytest.raises(ValueError, match="numbered 0 to 1"):
            JoinIndex(plan(SHORT)).join(outcomes([Outcome(request=1, occurred_ms=1, metric=2)]))


class TestSampling:
    @pytest.mark.property
    @given(st.lists(st.integers(0, 2**64 - 1)), st.floats(0, 1))
    def test_is_the_share_of_the_numbers(self, ids: list[int], share: float) -> None:
        chosen = sampled(np.array(ids, np.uint64), share)
        assert chosen.tolist() == [one < share * 2**64 for one in ids]

    def test_model_tags_differ(self) -> None:
        """What the model calls different, the index must be able to."""
        pairs = [(o << 56, s) for o in range(3) for s in range(SAYS)]
        both = (np.array(column, np.uint64) for column in zip(*pairs, strict=True))
        assert len({tag & 0xFF for tag in tags(*both).tolist()}) == SAYS

    def test_conflicts_are_seldom_missed(self) -> None:
        """One in 128 of two outcomes that differ in both looks alike in one."""
        dice = np.random.default_rng(1)
        hashes, said = dice.integers(0, 2**64 - 1, (2, 200_000), dtype=np.uint64)
        tag = tags(hashes, said)
        same = (tag[:-1] >> 8 == tag[1:] >> 8) | (tag[:-1] & 255 == tag[1:] & 255)
        assert same.mean() == pytest.approx(1 / 128, rel=0.1)

"""The index does what a list of exposures would, whatever the order, batches and restarts."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby, takewhile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.panes.join.answers import tags
from streams.panes.join.facts import Fate, JoinPlan, sampled
from streams.panes.join.index import JoinIndex
from tests.panes.join.model import (
    PANE_MS,
    Close,
    Found,
    Model,
    Outcome,
    Prediction,
    Step,
    exposures,
    found,
    outcomes,
    plan,
)

IDS = (0, 1, 2, 5 << 40, 1 << 62, 1 << 63, (1 << 63) + 1, (1 << 64) - 1)
SAYS = 3
SHORT, MIDDLE, LONG = 80, 640, 16_000
"""Milliseconds held: 8, 64 and 1600 panes; the widest run has 1, 8 and 128."""


class Driver:
    """Feeds an index with batches and keeps a store of its changes."""

    def __init__(self, how: JoinPlan) -> None:
        self.index = JoinIndex(how)
        self.found: list[Found] = []
        self.store: dict[str, bytes] = {}

    def take(self, steps: list[Step], batch: int = 5000) -> None:
        for kind, group in groupby(steps, type):
            run = list(group)
            for first in range(0, len(run), batch):
                self._feed(kind, run[first : first + batch])

    def _feed(self, kind: type[Step], steps: list[Step]) -> None:
        if kind is Prediction:
            self.index.add(exposures(steps))
        elif kind is Outcome:
            self.found += found(self.index.join(outcomes(steps)))
        else:
            panes = sum(step.panes for step in steps)
            self.found += found(self.index.advance(self.index.closed_through + panes))

    def write(self) -> None:
        changes = self.index.changed()
        self.store |= changes.written
        for key in changes.gone:
            del self.store[key]

    def restart(self) -> None:
        self.index = JoinIndex.restored(self.index.plan, self.store)


@st.composite
def steps(draw: st.DrawFn) -> list[Step]:
    """A log: predictions of open panes, outcomes near and far, panes that close."""
    closed, made = -1, list[Step]()
    near = st.integers(-60, 300) | st.integers(-60, 20_000)
    for _ in range(draw(st.integers(0, 40))):
        match draw(st.sampled_from("ppooooc")):
            case "p":
                event_ms = (closed + 1) * PANE_MS + draw(st.integers(0, 45))
                made.append(
                    Prediction(
                        request=draw(st.sampled_from(IDS)),
                        event_ms=event_ms,
                        arm=draw(st.integers(0, 2)),
                    )
                )
            case "o":
                made.append(
                    Outcome(
                        request=draw(st.sampled_from(IDS)),
                        occurred_ms=max(0, (closed + 1) * PANE_MS + 100 - draw(near)),
                        metric=draw(st.integers(0, 1)),
                        outcome=draw(st.integers(0, 2)),
                        says=draw(st.integers(0, SAYS - 1)),
                    )
                )
            case _:
                panes = draw(st.integers(1, 4) | st.sampled_from([7, 30, 129, 1700]))
                closed += panes
                made.append(Close(panes=panes))
    return made


plans = st.builds(
    plan,
    st.sampled_from([SHORT, MIDDLE, LONG]),
    share=st.sampled_from([1.0, 0.5]),
    max_pending=st.sampled_from([2, 1000]),
)


def driven(how: JoinPlan, log: list[Step], batch: int = 5000) -> Driver:
    driver = Driver(how)
    driver.take(log, batch)
    return driver


class TestModel:
    @pytest.mark.property
    @given(plans, steps(), st.sampled_from([1, 7, 5000]))
    def test_joins_as_one_by_one(self, how: JoinPlan, log: list[Step], batch: int) -> None:
        driver, model = driven(how, log, batch), Model(how)
        for step in log:
            model.take(step)
        assert driver.found == model.found
        assert driver.index.counts == model.counts
        assert driver.index.pending == len(model.pending)

    @pytest.mark.property
    @given(plans, steps())
    def test_batches_leave_no_trace(self, how: JoinPlan, log: list[Step]) -> None:
        one, seven, many = (driven(how, log, batch) for batch in (1, 7, 5000))
        assert one.index.snapshot() == seven.index.snapshot() == many.index.snapshot()
        assert one.found == seven.found == many.found

    @pytest.mark.property
    @given(plans, steps())
    def test_every_outcome_has_one_fate(self, how: JoinPlan, log: list[Step]) -> None:
        index = driven(how, log).index
        given_outcomes = sum(isinstance(step, Outcome) for step in log)
        assert sum(index.counts.values()) + index.pending == given_outcomes


class TestRestart:
    @pytest.mark.property
    @given(plans, steps(), st.lists(st.integers(0, 40), max_size=4), st.integers(0, 40))
    def test_leaves_no_trace(
        self, how: JoinPlan, log: list[Step], writes: list[int], at: int
    ) -> None:
        """Changes written anywhere before, then a restart from them, then the rest."""
        whole, driver = driven(how, log), Driver(how)
        for number, step in enumerate(log):
            driver.take([step])
            if number in writes:
                driver.write()
            if number == at:
                driver.write()
                driver.restart()
        assert driver.index.snapshot() == whole.index.snapshot()
        assert driver.found == whole.found

    @pytest.mark.property
    @given(plans, steps())
    def test_a_snapshot_is_a_store(self, how: JoinPlan, log: list[Step]) -> None:
        driver = driven(how, log)
        driver.store = driver.index.snapshot()
        driver.restart()
        assert driver.index.snapshot() == driver.store

    @pytest.mark.property
    @given(plans, steps())
    def test_the_store_forgets(self, how: JoinPlan, log: list[Step]) -> None:
        """Nothing stays behind but the head once all is expired."""
        driver = Driver(how)
        for step in log:
            driver.take([step])
            driver.write()
        driver.restart()
        driver.take([Close(panes=5000)])
        driver.write()
        assert list(driver.store) == ["head"]
        assert (driver.index.rows, driver.index.pending) == (0, 0)

    @pytest.mark.property
    @given(plans, steps(), steps())
    def test_a_flush_that_broke_off_can_be_written_over(
        self, how: JoinPlan, log: list[Step], lost: list[Step]
    ) -> None:
        """Half of a later flush is in the store, and its log is read again as something else."""
        driver = driven(how, log)
        driver.write()
        before, whole = dict(driver.store), driver.index.snapshot()
        open_ms = (driver.index.closed_through + 1) * PANE_MS
        for step in takewhile(lambda each: not isinstance(each, Close), lost):
            at_open = isinstance(step, Prediction)
            driver.take([replace(step, event_ms=step.event_ms + open_ms) if at_open else step])
        broken = {k: v for k, v in driver.index.changed().written.items() if k != "head"}
        driver.store = before
        driver.restart()
        driver.index.write_again()
        again = driver.index.changed().written
        stale = broken.keys() - before.keys() - again.keys()
        driver.store = {k: v for k, v in (before | broken | again).items() if k not in stale}
        driver.restart()
        assert driver.index.snapshot() == whole

    def test_another_version_is_refused(self) -> None:
        index = JoinIndex(plan(SHORT))
        head = np.frombuffer(index.snapshot()["head"], "<i8").copy()
        head[0] += 1
        with pytest.raises(ValueError, match="version 2 was stored, this davy reads 1"):
            JoinIndex.restored(index.plan, {"head": head.tobytes()})

    def test_changes_that_were_not_recorded(self) -> None:
        with pytest.raises(ValueError, match="recorded=True"):
            JoinIndex(plan(SHORT), recorded=False).changed()


class TestOrder:
    @pytest.mark.property
    @given(st.data())
    def test_of_the_two_topics_leaves_no_trace(self, data: st.DataObject) -> None:
        """Predictions and outcomes interleave in any way, while nothing is dropped."""
        how = plan(200_000)
        log = data.draw(steps())
        source = [s for s in log if not isinstance(s, Outcome) and s != Close(panes=1700)]
        answers = [s for s in log if isinstance(s, Outcome)]
        mixed, left = list[Step](), list(answers)
        for step in source:
            take = data.draw(st.integers(0, len(left)))
            mixed += [*left[:take], step]
            left = left[take:]
        last = [Close(panes=100)]
        one = driven(how, [*mixed, *left, *last])
        other = driven(how, [*answers, *source, *last])
        assert sorted(one.found) == sorted(other.found)
        assert one.index.counts == other.index.counts


class TestJoin:
    def joined(self, *log: Step) -> JoinIndex:
        driver = driven(plan(MIDDLE), list(log))
        self.found = driver.found
        return driver.index

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

"""The index does what a list of exposures would, whatever the order, batches and restarts."""

from __future__ import annotations

from dataclasses import replace
from itertools import takewhile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.panes.join.facts import JoinPlan
from streams.panes.join.index import JoinIndex
from tests.panes.join.driver import SHORT, Driver, driven, plans, steps
from tests.panes.join.model import PANE_MS, Close, Model, Outcome, Prediction, Step, plan


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

"""Cohorts of all source partitions: handed over once, in one order, never before they are told."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.panes.cohort_merge import AFTER_JUDGING, CohortMerge
from streams.panes.cohorts import CohortClock
from streams.sketches.outcome_cell import DELAY_BINS, OutcomeCell
from streams.spec.outcome_facts import Outcome, OutcomeKind

OUTCOMES = (
    Outcome(name="label", kind=OutcomeKind.LABEL, window_s=128),
    Outcome(name="sale", kind=OutcomeKind.RATE, window_s=256, delivery_s=2),
)
CLOCKS = {outcome.name: CohortClock.of(outcome, 1000) for outcome in OUTCOMES}
KEY = ("all", "baseline")


def record(partition, body, source="outcomes", partitions=2):
    fields = {"source_partition": partition, "source_partitions": partitions, "pane_ms": 1000}
    return {"source": source, "body": body} | fields


def progress(partition, through, *, idle=False, **fates):
    told = [{"name": name, "count": count} for name, count in fates.items()]
    body = {"closed_through": through, "idle": idle, "outcomes": told}
    return record(partition, ("davy.Progress", body))


def cohort(partition, first, complete, exposures=10, outcome="label"):
    cell = OutcomeCell(exposures=exposures, delays=np.ones(DELAY_BINS, np.int64))
    told = cell if complete == DELAY_BINS else cell.first_bins(complete)
    body = {
        "rollout": "r",
        "spec_hash": "h",
        "outcome": outcome,
        "first_pane": first,
        "panes": 1,
        "complete": complete,
        "cells": [told.to_state(*KEY)],
    }
    return record(partition, ("davy.Cohort", body))


def at(first, complete, outcome="label"):
    return int(CLOCKS[outcome].complete_at(first)[complete - 1])


def take(merge, *records):
    for each in records:
        merge.take(each, "r", "h")
    return [(c.outcome, c.first_pane, c.complete) for c in merge.take_due()]


@pytest.fixture
def merge():
    return CohortMerge(OUTCOMES)


class TestHandingOver:
    def test_the_slowest_partition_decides(self, merge):
        done = at(5, DELAY_BINS)
        told = (cohort(0, 5, DELAY_BINS), progress(0, done), cohort(1, 5, DELAY_BINS))
        assert take(merge, *told) == []
        assert take(merge, progress(1, at(5, 6))) == [("label", 5, k) for k in range(1, 7)]
        assert take(merge, progress(1, done)) == [("label", 5, 7), ("label", 5, 8)]
        assert take(merge, progress(0, done + 9), progress(1, done + 9)) == []

    def test_a_partition_that_was_never_heard_of_blocks(self, merge):
        assert take(merge, cohort(0, 5, DELAY_BINS), progress(0, 900)) == []
        assert merge.joined_through == -1

    def test_an_idle_partition_does_not_block_and_its_own_count(self, merge):
        told = (cohort(0, 5, DELAY_BINS), cohort(1, 5, 2), progress(1, 6, idle=True))
        assert len(take(merge, *told, progress(0, at(5, 1)))) == 1
        merge.take(progress(0, 900), "r", "h")
        by_bins = {c.complete: c.cells[KEY].exposures for c in merge.take_due()}
        assert by_bins[2] == 20  # both have told the second bin
        assert by_bins[DELAY_BINS] == 10  # the idle one has not told the last

    def test_where_all_are_idle_the_furthest_counts(self, merge):
        told = (progress(0, 7, idle=True), progress(1, 900, idle=True))
        assert len(take(merge, cohort(1, 5, DELAY_BINS), *told)) == DELAY_BINS

    def test_by_time_then_by_name(self, merge):
        told = [cohort(0, 5, DELAY_BINS, outcome=name) for name in ("sale", "label")]
        found = take(merge, *told, progress(0, 900), progress(1, 900))
        assert found == sorted(found, key=lambda each: (at(each[1], each[2], each[0]), each[0]))
        assert len(found) == 2 * DELAY_BINS

    def test_partitions_are_added(self, merge):
        told = (cohort(0, 5, 8, exposures=3), cohort(1, 5, 8, exposures=4))
        for each in (*told, progress(0, 900), progress(1, 900)):
            merge.take(each, "r", "h")
        last = merge.take_due()[-1]
        assert last.cells[KEY].exposures == 7
        assert last.cells[KEY].answered == 2 * DELAY_BINS
        assert last.matured

    def test_an_open_cohort_tells_its_complete_bins_alone(self, merge):
        for each in (cohort(0, 5, 8), progress(0, at(5, 3)), progress(1, at(5, 3))):
            merge.take(each, "r", "h")
        assert [c.cells[KEY].answered for c in merge.take_due()] == [1, 2, 3]

    def test_what_comes_after_judging_is_counted(self, merge):
        take(merge, progress(0, 900, joined=3), progress(1, 900, joined=4, late=1))
        assert (
            take(
                merge,
                cohort(1, 5, 8),
                progress(0, 901, joined=3),
                progress(1, 901, joined=4, late=1),
            )
            == []
        )
        assert merge.late == 1
        assert merge.fates == {"joined": 7, "late": 1, AFTER_JUDGING: 1}

    def test_others_do_nothing(self, merge):
        alien = cohort(0, 5, 8)
        alien["body"][1]["spec_hash"] = "other"
        unknown = cohort(0, 5, 8, outcome="other")
        other = progress(0, 900) | {"source": "resources"}
        assert take(merge, alien, unknown, other, progress(0, 900), progress(1, 900)) == []
        assert take(CohortMerge(), cohort(0, 5, 8), progress(0, 900), progress(1, 900)) == []

    def test_fates_are_added(self, merge):
        take(merge, progress(0, 5, joined=3), progress(1, 5, joined=4, late=1))
        assert merge.fates == {"joined": 7, "late": 1}


steps = st.lists(
    st.one_of(
        st.builds(
            cohort,
            st.integers(0, 1),
            st.integers(0, 6),
            st.integers(1, DELAY_BINS),
            st.integers(1, 9),
            st.sampled_from(["label", "sale"]),
        ),
        st.builds(
            lambda p, through, idle: progress(p, through, idle=idle),
            st.integers(0, 1),
            st.integers(-1, 300),
            st.booleans(),
        ),
    ),
    max_size=40,
)


def due(merge):
    return [(c.outcome, c.first_pane, c.complete, c.cells) for c in merge.take_due()]


@pytest.mark.property
@given(steps)
def test_each_is_handed_over_at_most_once_and_a_restored_state_goes_on_alike(records):
    merge, restored = CohortMerge(OUTCOMES), CohortMerge(OUTCOMES)
    seen = []
    for each in records:
        for one in (merge, restored):
            one.take(each, "r", "h")
        found = due(merge)
        assert found == due(restored)
        state = merge.to_state()
        assert state == restored.to_state()
        restored = CohortMerge(OUTCOMES)
        restored.restore(json.loads(json.dumps(state)))
        seen += [one[:3] for one in found]
    assert len(seen) == len(set(seen))
    assert all(at(first, k, name) <= merge.joined_through for name, first, k in seen)

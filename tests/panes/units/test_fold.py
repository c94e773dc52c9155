"""Units from the log to closed panes: no trace of batches, of the order within the lateness."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.panes.facts import ClosedPane
from streams.sketches.unit_cell import UnitCell
from tests.agents.pipeline import spec, user_spec
from tests.panes.test_fold import event, fold_all, states

USERS = user_spec()

events = st.lists(
    st.builds(
        event,
        st.integers(0, 9000),
        st.sampled_from(["v1", "v2"]),
        request_id=st.uuids().map(str),
        unit=st.sampled_from([None, "ada", "bob", "eve", ""]),
        status=st.sampled_from(["OK", "ERROR", "TIMEOUT"]),
        latency_ms=st.floats(0, 1e5),
    ),
    max_size=40,
)


def units(panes: list[ClosedPane[Any]], arm: str = "baseline") -> list[UnitCell]:
    return [pane.cells["all", arm].units for pane in panes]


class TestBatches:
    @pytest.mark.property
    @given(events, st.lists(st.integers(1, 25), min_size=1, max_size=5))
    def test_leave_no_trace(self, log: list[dict[str, Any]], sizes: list[int]) -> None:
        whole = [*log, event(20_000), event(30_000)]
        assert states(fold_all(whole, sizes, USERS)[1]) == states(fold_all(whole, [99], USERS)[1])


class TestOrder:
    def test_an_error_that_arrives_after_a_later_one_is_the_first(self) -> None:
        """Panes are counted when they close, in order: event time says which error was first."""
        log = [
            event(1500, request_id="b", unit="ada", status="ERROR"),
            event(700, request_id="a", unit="ada", status="ERROR"),
            event(9000, request_id="c"),
        ]
        first, second = units(fold_all(log, [1], USERS)[1])
        assert [(first.error_risk, first.errors), (second.error_risk, second.errors)] == [
            (1, 1),
            (0, 0),
        ]


class TestUnnamed:
    def test_a_request_without_a_unit_is_its_own_and_counted_as_such(self) -> None:
        log = [
            event(100, request_id="a", unit=None, status="ERROR"),
            event(200, request_id="b", unit="", status="ERROR"),
            event(300, request_id="c", unit="ada"),
            event(400, request_id="d", unit="ada"),
            event(9000, request_id="z"),
        ]
        (pane,) = units(fold_all(log, [2], USERS)[1])
        assert (pane.error_risk, pane.errors, pane.fresh, pane.unnamed) == (3, 2, 3, 2)

    def test_where_requests_are_the_unit_nobody_asks(self) -> None:
        (pane,) = fold_all([event(100, unit="ada"), event(9000)], [1], spec())[1]
        assert pane.cells["all", "baseline"].units is None

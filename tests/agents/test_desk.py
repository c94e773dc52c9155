"""Where one source partition is far behind, panes of the others wait at the judge: what is kept?"""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from streams.agents.desk import Desk
from streams.judge.decision_facts import Decision
from streams.judge.record import decision_to_record
from streams.panes.facts import cells_to_states
from streams.panes.source_merge import NEAR
from streams.sketches.cell import Cell
from streams.sketches.log_histogram import MAPPING
from tests.agents.pipeline import spec

SPEC = spec(metrics=spec().metrics[:1], report_every_s=20.0)
FIRST = 100
AHEAD = 3 * NEAR
PACKED_BYTES = 3_000
"""A waiting pane of two arms."""


def record(partition: int, name: str, body: dict[str, Any]) -> dict[str, Any]:
    return {
        "source": "predictions",
        "source_partition": partition,
        "source_partitions": 2,
        "pane_ms": 1000,
        "body": (name, body),
    }


def about(**more: Any) -> dict[str, Any]:
    return {"rollout": SPEC.rollout, "spec_hash": SPEC.spec_hash} | more


def cell(requests: int, errors: int) -> Cell:
    found = Cell(exposures=requests, errors=errors)
    found.latency.counts += 0
    for at in range(20):
        found.latency.counts[MAPPING.size // 2 + 3 * at] += requests // 20
    return found


def pane(partition: int, number: int) -> Iterator[dict[str, Any]]:
    """A closed pane, and that it is closed."""
    cells = {("all", "baseline"): cell(60 + partition, 1), ("all", "candidate"): cell(20, 0)}
    states = cells_to_states(cells)
    yield record(partition, "davy.Pane", about(pane=number, cells=states))
    yield record(partition, "davy.Progress", {"closed_through": number, "idle": False})


def log_of(panes: int, *, behind: int) -> Iterator[dict[str, Any]]:
    """Partition 0 tells its panes so many ahead of partition 1."""
    for partition in (0, 1):
        yield record(partition, "davy.Activation", about(from_pane=FIRST, until_offset=None))
    for number in range(panes + behind):
        if number < panes:
            yield from pane(0, FIRST + number)
        if number >= behind:
            yield from pane(1, FIRST + number - behind)


def stepped(desk: Desk) -> list[Decision]:
    found = iter(lambda: desk.step(rollouts=0, commands=0, routing=0), None)
    return list(found)


def judged(log: list[dict[str, Any]], *, restarts: tuple[int, ...] = ()) -> list[dict[str, Any]]:
    """What is decided record by record; restarts read again from where the state says."""
    desk, told, stored = Desk(SPEC, 0), [], None
    for offset, each in enumerate(log):
        desk.take(offset, each)
        told += stepped(desk)
        if offset in restarts:
            stored = desk.to_record([])
            desk = Desk.from_record(SPEC, stored)
            assert desk.resume_offset == stored["panes_offset"] <= offset + 1
            for again in range(stored["panes_offset"], offset + 1):
                desk.take(again, log[again])
                told += stepped(desk)
    return [decision_to_record(decision) for decision in told]


def test_what_waits_far_ahead_is_judged_as_if_it_had_not_waited():
    at_once, late = (list(log_of(AHEAD, behind=behind)) for behind in (0, AHEAD))
    bodies = [[d["verdicts"] for d in judged(log)] for log in (at_once, late)]
    assert bodies[0] == bodies[1] != []


@pytest.mark.parametrize(
    "at",
    [
        pytest.param((AHEAD,), id="once"),
        pytest.param((AHEAD, 3 * AHEAD), id="twice"),
        pytest.param((2 * AHEAD + 2, 2 * AHEAD + 3), id="at once again"),
        pytest.param((20, AHEAD), id="first with little that waits, which the second leaves out"),
    ],
)
def test_a_restart_takes_what_waits_again(at: tuple[int, ...]):
    log = list(log_of(AHEAD, behind=AHEAD))
    assert judged(log, restarts=at) == judged(log)


def test_nothing_is_judged_before_all_was_taken_again():
    log = list(log_of(AHEAD, behind=AHEAD))
    desk = Desk(SPEC, 0)
    for offset, each in enumerate(log[: 2 * AHEAD + 4]):
        desk.take(offset, each)
    again = Desk.from_record(SPEC, desk.to_record([]))
    assert stepped(again) == []
    assert again.cut.pane == -1


def test_the_state_stays_small_and_panes_wait_packed():
    desk, panes = Desk(SPEC, 0), 10 * NEAR
    log = list(log_of(panes, behind=panes))[: 2 * panes + 2]
    tracemalloc.start()
    try:
        for offset, each in enumerate(log):
            desk.take(offset, each)
            if offset == 2 * 2 * NEAR:
                before = tracemalloc.get_traced_memory()[0]
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown / (panes - 2 * NEAR) < PACKED_BYTES
    assert len(json.dumps(desk.to_record([])["inputs"])) < 10_000


def test_panes_that_come_too_late_leave_nothing_behind():
    """A partition that was idle brings what the others have been judged without."""
    desk, log = Desk(SPEC, 0), list(log_of(0, behind=0))
    log.append(record(1, "davy.Progress", {"closed_through": -1, "idle": True}))
    for number in range(NEAR):
        log += pane(0, FIRST + number)
    for offset, each in enumerate(log):
        desk.take(offset, each)
        stepped(desk)
    assert desk.cut.pane == FIRST + NEAR - 1
    late = [each for number in range(NEAR - 1) for each in pane(1, FIRST + number)]
    for offset, each in enumerate(late, start=len(log)):
        desk.take(offset, each)
    assert (desk.merge.late, desk._since) == (NEAR - 1, {})

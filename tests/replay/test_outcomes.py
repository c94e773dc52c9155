"""Decisions on outcomes follow from the log: through the desk, however it is stopped, and again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from streams.agents.desk import Desk
from streams.agents.outcome_records import cohort_body
from streams.judge.chain import decision_body
from streams.judge.decision_facts import Decision
from streams.panes.facts import cells_to_states
from streams.replay.rollout import judged_panes, rejudged
from tests.judge.outcomes.world import ACCURACY, Answers, OutcomeWorld, outcome_spec, run
from tests.judge.world import PANE_MS, START

SPEC = outcome_spec(ACCURACY)
SECONDS = 80


def record(source: str, name: str, body: dict[str, Any], partition: int = 0) -> dict[str, Any]:
    facts = {"source_partition": partition, "source_partitions": 2, "pane_ms": PANE_MS}
    return {"source": source, "body": (name, body)} | facts


def progress(source: str, through: int, partition: int, **counts: int) -> dict[str, Any]:
    outcomes = [{"name": name, "count": count} for name, count in counts.items()]
    told = {"closed_through": through, "idle": False, "outcomes": outcomes}
    return record(source, "davy.Progress", told, partition)


@pytest.fixture(scope="module")
def world() -> OutcomeWorld:
    """A world that was judged: wrong answers are rolled back."""
    made = OutcomeWorld(spec=SPEC, candidate=Answers(wrong=0.25))
    run(made, SECONDS)
    return made


def log_of(world: OutcomeWorld) -> Iterator[dict[str, Any]]:
    """What two partitions tell: all requests in the first, every other cohort in the second."""
    about = {"rollout": SPEC.rollout, "spec_hash": SPEC.spec_hash}
    for partition in (0, 1):
        begin = {"first_offset": 0, "from_pane": START, "until_offset": None}
        yield record("predictions", "davy.Activation", about | begin, partition)
    for pane in world.panes:
        cells = cells_to_states(pane.cells)
        yield record("predictions", "davy.Pane", about | {"pane": pane.pane, "cells": cells})
        for cohort in pane.cohorts:
            name, body = cohort_body(cohort)
            yield record("outcomes", name, body, cohort.first_pane % 2)
        for partition in (0, 1):
            yield progress("outcomes", pane.pane, partition, joined=pane.pane - START)
            yield progress("predictions", pane.pane, partition)


def judged(world: OutcomeWorld, *, restart_every: int = 0) -> list[Decision]:
    """What a desk decides record by record, its routing known beforehand."""
    desk = Desk(SPEC, 0)
    for fact in world.facts:
        desk.control(fact)
    told: list[Decision] = []
    for offset, each in enumerate(log_of(world)):
        desk.take(offset, each)
        while (decision := desk.step(rollouts=0, commands=0, routing=world.offset)) is not None:
            told.append(decision)
        if restart_every and offset % restart_every == 0 and not desk.ended and told:
            desk = Desk.from_record(SPEC, desk.to_record([]))
    return told


class TestDesk:
    def test_outcomes_reach_the_judge_with_the_panes(self, world: OutcomeWorld) -> None:
        told = judged(world)
        assert told[-1].reason.startswith("harm: harm shown: accuracy of candidate")
        assert told[-1].cut.joined_through == told[-1].cut.pane
        (fates,) = [check for check in told[-1].health if check.name == "outcomes"]
        assert fates.ok
        assert "joined" in fates.reason

    def test_a_restart_leaves_no_trace(self, world: OutcomeWorld) -> None:
        assert judged(world, restart_every=7) == judged(world)


class TestReplay:
    def test_gives_the_same_bytes(self, world: OutcomeWorld) -> None:
        told, records = judged(world), list(log_of(world))
        again = rejudged(SPEC, records, world.facts, [], told)
        assert again == [decision_body(decision) for decision in told]

    def test_without_the_cohorts_it_does_not(self, world: OutcomeWorld) -> None:
        told, records = judged(world), list(log_of(world))
        bare = [each for each in records if each["body"][0] != "davy.Cohort"]
        again = rejudged(SPEC, bare, world.facts, [], told)
        assert again != [decision_body(decision) for decision in told]

    def test_silent_outcomes_hold_no_pane_up(self, world: OutcomeWorld) -> None:
        silent = [each for each in log_of(world) if each["source"] == "predictions"]
        panes = judged_panes(SPEC, silent)
        assert list(panes) == [pane.pane for pane in world.panes]
        assert not any(pane.cohorts or pane.fates for pane in panes.values())

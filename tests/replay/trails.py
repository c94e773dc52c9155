"""The trail that a small world would have left in the log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from streams.cli.rollouts import rollout_record
from streams.judge.decision_facts import Decision
from streams.judge.facts import CommandKind, RoutingFact
from streams.judge.record import decision_to_record
from streams.judge.rollout import RolloutJudge
from streams.panes.facts import cells_to_states
from streams.replay.records import StoredRecord, Trail, trail_of
from streams.spec.model import ALL_SEGMENT, RolloutSpec
from tests.judge.world import GOOD, PANE_MS, START, Model, World, command, make_spec, run

SPEC = make_spec()
MODELS = {
    "good": GOOD,
    "errors": Model(errors=0.1),
    "slow": Model(latency_ms=40.0),
    "drift": Model(classes=(0.55, *(0.05,) * 9)),
}


@cache
def trail(model: str = "errors", seconds: int = 60) -> Trail:
    """A rollout of one of `MODELS`."""
    return trail_in(World(spec=SPEC, models={"candidate": MODELS[model]}), seconds)


def trail_in(
    world: World, seconds: int, commands: Mapping[int, CommandKind] | None = None
) -> Trail:
    """Judge a world and write down what a real one writes."""
    asked = commands or {}
    decisions = run(RolloutJudge(world.spec, PANE_MS), world, seconds, asked)
    records = {
        "rollouts": [rollout_record(world.spec, applied_by="ada")],
        "panes": list(_panes(world)),
        "commands": [
            _command(world.spec, n, asked[second], (START + second) * PANE_MS)
            for n, second in enumerate(sorted(asked))
        ],
        "routing": [_routing(world.spec, fact) for fact in world.facts],
        "decisions": [decision_to_record(decision) for decision in decisions],
    }
    return trail_of(
        world.spec.rollout, lambda topic: [stored(n, r) for n, r in enumerate(records[topic])]
    )


def stored(offset: int, record: dict[str, Any]) -> StoredRecord:
    key = str(record.get("rollout", "digits-2"))
    return StoredRecord(key=key, partition=1, offset=offset, at_ms=5, record=record)


def decisions_of(found: Trail) -> list[Decision]:
    return [recorded.decision for recorded in found.decisions]


def with_decision(found: Trail, place: int, record: dict[str, Any]) -> Trail:
    """The trail with another record in the place of a decision."""
    records = list(found.records["decisions"])
    records[place] = stored(records[place].offset, record)
    return Trail(rollout=found.rollout, records={**found.records, "decisions": tuple(records)})


def _panes(world: World) -> Iterator[dict[str, Any]]:
    about = {"rollout": world.spec.rollout, "spec_hash": world.spec.spec_hash}
    begin = {"first_offset": 0, "from_pane": world.panes[0].pane, "until_offset": None}
    yield _source("Activation", about | begin)
    for pane in world.panes:
        yield _source("Pane", about | {"pane": pane.pane, "cells": cells_to_states(pane.cells)})
        progress = {"closed_through": pane.pane, "idle": False}
        yield _source("Progress", progress | dict.fromkeys(("accepted", "late", "dead"), 0))


def _source(name: str, body: dict[str, Any]) -> dict[str, Any]:
    facts = {"source": "predictions", "source_partition": 0, "source_partitions": 1}
    return facts | {"pane_ms": PANE_MS, "body": (f"davy.{name}", body)}


def _routing(spec: RolloutSpec, fact: RoutingFact) -> dict[str, Any]:
    weights = {ALL_SEGMENT: fact.weights_bp} | fact.segments_bp
    return {
        "rollout": spec.rollout,
        "phase": fact.phase.value,
        "decision_id": "",
        "fence": fact.fence,
        "desired_bp": weights,
        "applied_bp": weights,
        "at": fact.at_ms,
        "since": fact.since_ms,
        "confirmed_until": fact.confirmed_until_ms,
        "router": "memory",
        "revision": "",
        "terminal": False,
        "reason": fact.reason,
    }


def _command(spec: RolloutSpec, offset: int, kind: CommandKind, at_ms: int) -> dict[str, Any]:
    fact = command(offset, kind, at_ms)
    return {
        "rollout": spec.rollout,
        "command": kind.name,
        "actor": fact.actor,
        "reason": fact.reason,
        "at": fact.at_ms,
        "stage": fact.stage,
        "until": fact.until_ms,
    }

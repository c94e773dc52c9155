"""A dashboard that shows what a real judge decided of a small world, on loopback; no broker."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from streams.actuator.facts import RoutingRecord
from streams.actuator.records import routing_to_record
from streams.cli.rollouts import rollout_record
from streams.dashboard.pen import Command
from streams.http_settings import HttpSettings
from streams.judge.chain import body_hash, decision_body
from streams.judge.decision_facts import Decision
from streams.judge.facts import PaneInput, RoutingFact
from streams.judge.record import decision_to_record
from streams.judge.rollout import RolloutJudge
from streams.panes.facts import cells_to_states
from streams.serving.server import listen
from streams.spec.model import ALL_SEGMENT, RolloutSpec
from streams.verdicts.service import serving
from tests.dashboard.client import ANY_PORT, make_app
from tests.dashboard.world import CODEC
from tests.dashboard.world import World as Dashboard
from tests.judge.outcomes.world import OutcomeWorld
from tests.judge.outcomes.world import run as run_outcomes
from tests.judge.sliced import SlicedWorld
from tests.judge.world import PANE_MS, START, World, run


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A record of a topic, and when it was written."""

    at_ms: int
    topic: str
    record: Mapping[str, Any]


@dataclass(kw_only=True)
class Present(World):
    """A world that ends about now."""

    ahead: int
    """Seconds from the small world's usual beginning to its own."""

    def pane(self, second: int) -> PaneInput:
        return World.pane(self, second + self.ahead)


@dataclass(kw_only=True)
class PresentSliced(SlicedWorld):
    """The same with segments."""

    ahead: int

    def pane(self, second: int) -> PaneInput:
        return SlicedWorld.pane(self, second + self.ahead)


def ahead_by(seconds: int) -> dict[str, int]:
    """What makes a world of so many seconds end about now."""
    ahead = int(time.time()) - seconds - START
    return {"ahead": ahead, "since_ms": (START + ahead) * PANE_MS}


def judged(world: World, seconds: int) -> list[Entry]:
    """What the log holds after so many seconds."""
    return entries(world, run(RolloutJudge(world.spec, PANE_MS), world, seconds))


def judged_outcomes(world: OutcomeWorld, seconds: int) -> list[Entry]:
    """The same where outcomes are awaited, ending about now."""
    begun = ahead_by(seconds)
    world.since_ms = begun["since_ms"]
    return entries(world, run_outcomes(world, seconds, start=begun["ahead"]))


def entries(world: World | OutcomeWorld, decisions: Sequence[Decision]) -> list[Entry]:
    """All that everybody wrote, in the order of time."""
    spec = world.spec
    begin_ms = world.panes[0].start_ms - 2000
    found = [applied(spec, begin_ms), *map(decided, decisions)]
    for pane in world.panes:
        found += of_pane(spec, pane)
    for fact in world.facts:
        found.append(Entry(at_ms=fact.at_ms, topic="routing", record=_routing(spec, fact)))
    return sorted(found, key=lambda entry: entry.at_ms)


def applied(spec: RolloutSpec, at_ms: int) -> Entry:
    """A person applies a spec."""
    return Entry(at_ms=at_ms, topic="rollouts", record=rollout_record(spec, applied_by="ada"))


def decided(decision: Decision) -> Entry:
    """The judge writes a decision when the pane that it follows from has closed."""
    at_ms = (decision.cut.pane + 1) * decision.pane_ms
    return Entry(at_ms=at_ms, topic="decisions", record=decision_to_record(decision))


def of_pane(spec: RolloutSpec, pane: PaneInput) -> Iterator[Entry]:
    """A closed pane, and the cohorts that became complete with it."""
    yield closed(spec, pane.pane, pane.pane_ms, cells_to_states(pane.cells))
    for cohort in pane.cohorts:
        yield _of_source(pane.pane, pane.pane_ms, "Cohort", cohort.to_state())


def closed(spec: RolloutSpec, pane: int, pane_ms: int, cells: Sequence[Mapping[str, Any]]) -> Entry:
    """A closed pane of these cells."""
    about = {"rollout": spec.rollout, "spec_hash": spec.spec_hash}
    return _of_source(pane, pane_ms, "Pane", about | {"pane": pane, "cells": cells})


def _of_source(pane: int, pane_ms: int, name: str, body: Mapping[str, Any]) -> Entry:
    source = {"source": "predictions", "source_partition": 0, "source_partitions": 1}
    record = source | {"pane_ms": pane_ms, "body": (f"davy.{name}", body)}
    return Entry(at_ms=(pane + 1) * pane_ms, topic="panes", record=record)


def chained(decisions: Iterable[Decision]) -> Iterator[Decision]:
    """Decisions made by hand, each with the hash of the one before."""
    prev = ""
    for seq, decision in enumerate(decisions, 1):
        linked = replace(decision, seq=seq, decision_id=f"{seq:032x}", prev_hash=prev)
        prev = body_hash(decision_body(linked))
        yield linked


def _routing(spec: RolloutSpec, fact: RoutingFact) -> dict[str, Any]:
    weights = {ALL_SEGMENT: fact.weights_bp} | fact.segments_bp
    told = RoutingRecord(
        rollout=spec.rollout,
        phase=fact.phase,
        fence=fact.fence,
        desired_bp=weights,
        applied_bp=weights,
        at=fact.at_ms,
        since=fact.since_ms,
        confirmed_until=fact.confirmed_until_ms,
        router=spec.target.router,
        reason=fact.reason,
    )
    return routing_to_record(told)


class Shown:
    """A dashboard and its log: what people ask on the page is written into it, and read from it."""

    def __init__(self) -> None:
        self.dashboard = Dashboard(pen=self)
        self.http = ANY_PORT
        self.stopping = threading.Event()
        self.written: list[Command] = []

    def tell(self, told: Iterable[Entry]) -> None:
        """Let everybody write. A judge that has a spec is heard from then on."""
        for panes, entries in groupby(told, key=lambda entry: entry.topic == "panes"):
            if panes:
                self.dashboard.fetch([CODEC.encode("panes", dict(each.record)) for each in entries])
            else:
                self._tell(entries)

    def _tell(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self.dashboard.take(entry.topic, entry.record, entry.at_ms)
            if entry.topic == "rollouts":
                self.beat(entry)

    def beat(self, applied: Entry, *, valid_ms: int = 3_600_000) -> None:
        """A heartbeat of a rollout's judge, which holds for an hour."""
        about = {name: applied.record[name] for name in ("rollout", "spec_hash")}
        facts = {"pane": 0, "valid_ms": valid_ms, "state": "LIVE"}
        self.dashboard.take("leases", about | facts | {"at": time.time_ns() // 1_000_000})

    def write(self, command: Command, partition: int) -> str:
        """See Pen."""
        self.written.append(command)
        self.dashboard.take("commands", command.to_record(), command.at_ms)
        return f"davy-commands-{partition}@{len(self.written) - 1}"

    @contextmanager
    def served(self, port: int = 0) -> Iterator[str]:
        """The dashboard as the program makes it; yields its URL."""
        self.stopping.clear()
        app = make_app(self.dashboard, self.http, self.stopping)
        with serving(app, listen(HttpSettings(port=port), port)) as url:
            try:
                yield url
            finally:
                self.stopping.set()

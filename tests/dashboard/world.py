"""A dashboard without Kafka: records as the project encodes and reads them, fed by hand."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from streams.actuator.desk import SpecRead
from streams.actuator.facts import RoutingRecord
from streams.actuator.reader import Arrived
from streams.actuator.records import routing_to_record
from streams.cli.rollouts import rollout_record
from streams.dashboard.news import News
from streams.dashboard.pane_books import PaneBooks
from streams.dashboard.pane_intake import PaneIntake
from streams.dashboard.pane_work import Fetched, Odd
from streams.dashboard.pen import Command, Pen
from streams.dashboard.stories import Stories
from streams.dashboard.told import full
from streams.dashboard.watched import Watched
from streams.dashboard.window import Window
from streams.judge.chain import body_hash, decision_body
from streams.judge.decision_facts import Action, Decision, Finding, HealthCheck, Verdict
from streams.judge.facts import Cut, RoutingPhase
from streams.judge.record import decision_to_record
from streams.panes.facts import cells_to_states
from streams.sketches.cell import Cell
from streams.spec.model import RolloutSpec, Target
from streams.wire.codec import Codec
from streams.wire.reasons import BadRecord
from streams.wire.signatures import Doubt, Doubted
from streams.wire.store import LocalSchemaStore
from tests.actuator.log import make_spec
from tests.verdicts.world import ARM, EverythingRead, weights

BEGIN_S = 1_700_000_000
"""Event time of pane 0 of these tests; whole minutes and hours lie elsewhere, on purpose."""
FIRST = BEGIN_S
"""Its index: panes of one second."""
CODEC = Codec(LocalSchemaStore(), "")


def spec(rollout: str = "digits-v2", **more: Any) -> RolloutSpec:
    """A rollout to 25 % and then all."""
    return make_spec(rollout, Target(router="memory", options={"name": rollout}), **more)


def verdict(**more: Any) -> Verdict:
    """Errors of the candidate, of which nothing is known yet."""
    facts: dict[str, Any] = {
        "metric": "errors",
        "kind": "errors",
        "role": "guardrail",
        "segment": "all",
        "candidate": ARM,
        "finding": Finding.UNDECIDED,
        "reason": "not_enough_data",
        "unit": "ratio",
        "estimate": 1.2,
        "low": 0.5,
        "high": None,
        "margin": 2.0,
        "log_e_harm": 1.0,
        "log_e_harm_threshold": 4.0,
        "log_e_safe": 0.5,
        "log_e_safe_threshold": 3.0,
        "alpha_share": 0.01,
        "exposures": {"baseline": 900, ARM: 100},
        "events": {"baseline": 9, ARM: 1},
        "first_pane": FIRST,
        "last_pane": FIRST,
    }
    return Verdict(**facts | more)


def check(**more: Any) -> HealthCheck:
    """The sample ratio, which is well."""
    facts: dict[str, Any] = {
        "name": "sample_ratio",
        "ok": True,
        "reason": "as_wanted",
        "log_e": 0.1,
        "log_e_threshold": 6.0,
        "observed": 0.1,
        "expected": 0.1,
    }
    return HealthCheck(**facts | more)


def cell(exposures: int = 10, errors: int = 0, ms: float = 20.0, **more: Any) -> Cell:
    """Requests that all took as long."""
    made = Cell(exposures=exposures, errors=errors, **more)
    made.latency.update(np.full(exposures, ms))
    return made


class MemoryPen:
    """Keeps what was written, or refuses it."""

    def __init__(self) -> None:
        self.written: list[tuple[Command, int]] = []
        self.refusal: Exception | None = None

    def write(self, command: Command, partition: int) -> str:
        if self.refusal is not None:
            raise self.refusal
        self.written.append((command, partition))
        return f"commands-{partition}@{len(self.written) - 1}"


class World:
    """Everything that the API looks through, and who writes of it."""

    def __init__(self, *, live: bool = True, most: int = 64, pen: Pen | None = None) -> None:
        self.news = News()
        self.stories = Stories(self.news, most)
        self.board = Watched(self.stories)
        self.books = PaneBooks(self.news, most)
        self.intake = PaneIntake(CODEC, self.books)
        self.senseless: list[int] = []
        """Places of records of `panes` that could not be used."""
        self.log = EverythingRead()
        self.live = live
        if live:
            self.board.loaded(0)
        self.last: dict[str, Decision] = {}
        self.offset = 0
        self.panes_unread, self.panes_pct = "", 100.0
        self.window = Window(
            board=self.board,
            log=self.log,
            stories=self.stories,
            books=self.books,
            news=self.news,
            panes_unread=lambda: self.panes_unread,
            panes_read_pct=lambda: self.panes_pct,
            pen=pen,
            verifies=False,
        )

    def take(
        self,
        topic: str,
        record: Mapping[str, Any],
        at_ms: int = 0,
        doubted: Doubted | None = None,
    ) -> None:
        """A record of the log, through its bytes."""
        value = CODEC.encode(topic, dict(record))
        self.offset += 1
        arrived = Arrived(
            topic=topic,
            partition=0,
            offset=self.offset,
            key=b"",
            value=value,
            headers=(),
            at_ms=at_ms,
        )
        fact = full(topic, CODEC.decode(topic, value), arrived)
        if doubted is not None:
            fact = replace(fact, doubted=doubted)
        self.board.take(fact, 0, live=self.live)

    def apply(self, made: RolloutSpec | None = None, at_s: float = BEGIN_S) -> RolloutSpec:
        """A person applies a spec."""
        made = made or spec()
        self.take("rollouts", rollout_record(made, applied_by="ada"), int(at_s * 1000))
        return made

    def withdraw(self, rollout: str) -> None:
        """Its spec is deleted."""
        self.board.take(SpecRead(rollout=rollout, spec=None), 0, live=self.live)

    def decide(
        self,
        made: RolloutSpec,
        action: Action,
        candidate_bp: int,
        reason: str = "advance: the baseline is heard",
        *,
        second: int = 0,
        doubted: Doubted | None = None,
        **more: Any,
    ) -> Decision:
        """The judge's next decision, of the pane `second` seconds after the begin."""
        before = self.last.get(made.rollout)
        seq = before.seq + 1 if before else 1
        rollback = action is Action.ROLLBACK
        facts: dict[str, Any] = {
            "rollout": made.rollout,
            "decision_id": f"{made.rollout}-{seq}",
            "seq": seq,
            "spec_hash": made.spec_hash,
            "action": action,
            "reason": reason,
            "stage": -1 if rollback else 0,
            "terminal": rollback or action is Action.PROMOTE,
            "weights_bp": weights(candidate_bp),
            "verdicts": (verdict(),),
            "health": (check(),),
            "pane_ms": 1000,
            "cut": Cut(pane=FIRST + second),
            "steps": (),
            "prev_hash": body_hash(decision_body(before)) if before else "",
        }
        decision = Decision(**facts | more)
        if doubted is None:
            self.last[made.rollout] = decision
        at_ms = (BEGIN_S + second + 2) * 1000
        self.take("decisions", decision_to_record(decision), at_ms, doubted)
        return decision

    def beat(self, made: RolloutSpec, *, state: str = "LIVE", pane: int = FIRST) -> None:
        """The judge is heard."""
        record = {
            "rollout": made.rollout,
            "spec_hash": made.spec_hash,
            "pane": pane,
            "valid_ms": 60_000,
            "state": state,
            "at": time.time_ns() // 1_000_000,
        }
        self.take("leases", record)

    def command(self, made: RolloutSpec, kind: str, reason: str = "so", second: int = 0) -> None:
        """A person says something."""
        record = {
            "rollout": made.rollout,
            "command": kind,
            "actor": "grace",
            "reason": reason,
            "at": (BEGIN_S + second) * 1000,
            "stage": None,
            "until": None,
        }
        self.take("commands", record)

    def route(
        self,
        made: RolloutSpec,
        candidate_bp: int,
        *,
        second: int = 0,
        phase: RoutingPhase = RoutingPhase.APPLIED,
        reason: str = "",
    ) -> None:
        """The actuator tells of the target."""
        at = (BEGIN_S + second) * 1000
        record = RoutingRecord(
            rollout=made.rollout,
            phase=phase,
            applied_bp=weights(candidate_bp),
            desired_bp=weights(candidate_bp),
            at=at,
            since=at,
            router="memory",
            reason=reason,
        )
        self.take("routing", routing_to_record(record))

    def pane(
        self,
        made: RolloutSpec,
        second: int,
        cells: dict[tuple[str, str], Cell],
        *,
        source_partition: int = 0,
    ) -> None:
        """A source partition closes a pane."""
        body = {
            "rollout": made.rollout,
            "spec_hash": made.spec_hash,
            "pane": FIRST + second,
            "cells": cells_to_states(cells),
        }
        self.of_panes(("davy.Pane", body), source_partition=source_partition)

    def progress(self, second: int, *, idle: bool = False, source_partition: int = 0) -> None:
        """A source partition tells how far it has come."""
        counts = ("accepted", "late", "dead", "invalid_scores", "duplicates")
        body = {"closed_through": FIRST + second, "idle": idle, "outcomes": []}
        zeros = dict.fromkeys(counts, 0)
        self.of_panes(("davy.Progress", body | zeros), source_partition=source_partition)

    def of_panes(
        self,
        body: tuple[str, dict[str, Any]],
        *,
        source: str = "predictions",
        source_partition: int = 0,
    ) -> None:
        """A record of `panes`, through its bytes."""
        record = {
            "source": source,
            "source_partition": source_partition,
            "source_partitions": 2,
            "rollout_partitions": 1,
            "pane_ms": 1000,
            "body": body,
        }
        self.fetch([CODEC.encode("panes", record)])

    def fetch(
        self,
        values: Sequence[bytes | None],
        *,
        partition: int = 0,
        written_ms: int = 0,
        behind: frozenset[int] = frozenset(),
    ) -> None:
        """Values of a partition of `panes` come, all at once."""
        fetched = Fetched(
            values=values,
            partitions=[partition] * len(values),
            written_ms=[written_ms] * len(values),
            behind=behind,
        )
        self.intake.take(fetched, Odd(read=partial(read_one, values), skip=self.skip))

    def skip(self, place: int, _error: Exception) -> None:
        """A record makes no sense."""
        self.senseless.append(place)


def read_one(values: Sequence[bytes | None], place: int) -> dict[str, Any] | None:
    """A record by itself; None where it cannot be read."""
    try:
        return CODEC.decode("panes", values[place])
    except BadRecord:
        return None


FORGED = Doubted(code=Doubt.UNSIGNED, sentence="no signature")

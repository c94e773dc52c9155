"""What does the log hold of one rollout? All that its judge read, and what it decided.

A `Trail` is the same whether it was read from topics or from exported files. What cannot be used
is passed over as the judge passes it over; what is missing is told when it is needed.
"""

from __future__ import annotations

import contextlib
import functools
import io
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import dropwhile
from typing import Any, TypeVar

import fastavro
from pydantic import ValidationError

from streams.agents.desk import command_fact, routing_fact
from streams.errors import LogError
from streams.judge.decision_facts import Decision
from streams.judge.facts import CommandFact, RoutingFact
from streams.judge.record import decision_from_record
from streams.replay.rollout import PaneRecord, activates
from streams.spec.model import RolloutSpec
from streams.wire.schemas import load_schema
from streams.wire.sparing import FirstFew

logger = logging.getLogger(__name__)

TOPICS = ("rollouts", "panes", "commands", "routing", "decisions")
"""What a judge reads and writes, named without prefix."""
JUDGE_STATE = "judge-state"
"""Where the chain of decisions ends; an export carries the newest record for the audit."""

UNUSABLE = (KeyError, TypeError, ValueError, AttributeError, ValidationError)
"""What a record raises that means nothing to the judge."""

Fact = TypeVar("Fact")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """The bytes that a signature is of, as they stood on the broker."""

    topic: str
    """The full name."""
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRecord:
    """A decoded record and where it stood."""

    key: str
    partition: int
    offset: int
    at_ms: int
    record: dict[str, Any]
    sealed: Sealed | None = None
    """Of decisions alone: what an audit needs beside the record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedDecision:
    """A decision as it stands in the log."""

    offset: int
    decision: Decision
    record: dict[str, Any]
    body: bytes
    """Avro body in the order in which the record holds its maps."""


@dataclass(frozen=True, kw_only=True)
class Trail:
    """The records of one rollout by topic, each in the order of their offsets."""

    rollout: str
    records: Mapping[str, tuple[StoredRecord, ...]]

    @functools.cached_property
    def decisions(self) -> tuple[RecordedDecision, ...]:
        """Its decisions; LogError if there is none. One that was written twice counts once."""
        found = list(self._made("decisions", _recorded))
        first = {(told.decision.seq, told.body): told for told in reversed(found)}
        if not first:
            raise LogError(
                f"there is no decision of rollout `{self.rollout}`; "
                "`davy rollout list` shows those that there are"
            )
        return tuple(sorted(first.values(), key=lambda told: (told.decision.seq, told.offset)))

    @functools.cached_property
    def spec(self) -> RolloutSpec:
        """The spec that was judged; LogError if `rollouts` does not hold it."""
        wanted = self.decisions[0].decision.spec_hash
        for spec in self._made("rollouts", lambda stored: _spec(stored.record)):
            if spec.spec_hash == wanted:
                return spec
        raise LogError(
            f"rollouts: the spec {wanted[:8]} of rollout `{self.rollout}` is missing; "
            "without it nothing can be judged again"
        )

    @property
    def routing(self) -> list[RoutingFact]:
        """What the judge read of `routing`."""
        return list(self._made("routing", lambda r: routing_fact(r.offset, r.record)))

    @property
    def commands(self) -> list[CommandFact]:
        """What the judge read of `commands`."""
        return list(self._made("commands", lambda r: command_fact(r.offset, r.record)))

    @property
    def panes(self) -> Iterator[PaneRecord]:
        """What the judge read of `panes`."""
        return (stored.record for stored in self.records["panes"])

    def _made(self, topic: str, make: Callable[[StoredRecord], Fact]) -> Iterator[Fact]:
        with FirstFew(logger.warning) as skipping:
            for stored in self.records[topic]:
                try:
                    yield make(stored)
                except UNUSABLE as problem:
                    place = f"{topic}-{stored.partition}@{stored.offset}"
                    skipping.say(f"skipped {place}: not usable: {problem!r}")


def trail_of(rollout: str, read: Callable[[str], Iterable[StoredRecord]]) -> Trail:
    """Gather a rollout's records; `read(topic)` gives one partition in the order of its offsets."""
    records = {
        topic: tuple(stored for stored in read(topic) if stored.record.get("rollout") == rollout)
        for topic in TOPICS
        if topic != "panes"
    }
    last_ms = max((_last_ms(stored.record) for stored in records["decisions"]), default=0)
    last_ms += _held_ms(records) if last_ms else 0
    panes = dropwhile(lambda stored: not activates(stored.record, rollout), read("panes"))
    return Trail(
        rollout=rollout, records=records | {"panes": tuple(_needed(panes, rollout, last_ms))}
    )


def recorded_body(record: Mapping[str, Any]) -> bytes:
    """The Avro body that this record of `decisions` was read from, maps in the order found."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, _schema(), dict(record))
    return out.getvalue()


def _needed(panes: Iterable[StoredRecord], rollout: str, last_ms: int) -> Iterator[StoredRecord]:
    """A rollout's own records, and what each source partition told until it was past `last_ms`."""
    closed: set[tuple[str, int]] = set()
    for stored in panes:
        name, body = stored.record["body"]
        source = stored.record["source"], stored.record["source_partition"]
        mine = name != "davy.Progress" and body["rollout"] == rollout
        if mine or (name == "davy.Progress" and source not in closed):
            yield stored
        if (
            name == "davy.Progress"
            and _end_ms(stored.record, body["closed_through"]) >= last_ms > 0
        ):
            closed.add(source)


def _held_ms(records: Mapping[str, Iterable[StoredRecord]]) -> int:
    """How long, in whole panes, the judge followed the watermark, in wait of pairs."""
    pane_ms = max((int(r.record.get("pane_ms", 0)) for r in records["decisions"]), default=0)
    held_ms = 0
    for stored in records["rollouts"]:
        with contextlib.suppress(*UNUSABLE):
            held_ms = max(held_ms, _spec(stored.record).pair_hold_ms)
    return -(-held_ms // pane_ms) * pane_ms if pane_ms > 0 else 0


def _last_ms(decision: Mapping[str, Any]) -> int:
    """When the last pane ended that a decision looked at; 0 where it tells none."""
    cut = decision.get("cut")
    return _end_ms(decision, cut["pane"]) if isinstance(cut, Mapping) else 0


def _end_ms(record: Mapping[str, Any], pane: int) -> int:
    return (pane + 1) * int(record.get("pane_ms", 0))


def _recorded(stored: StoredRecord) -> RecordedDecision:
    return RecordedDecision(
        offset=stored.offset,
        decision=decision_from_record(stored.record),
        record=stored.record,
        body=recorded_body(stored.record),
    )


def _spec(record: Mapping[str, Any]) -> RolloutSpec:
    return RolloutSpec.from_json(record["spec"])


@functools.cache
def _schema() -> Any:
    return fastavro.parse_schema(load_schema("decision"))

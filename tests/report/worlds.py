"""Rollouts as the log would hold them: whole records, with times that fit, for reports on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from streams.judge.facts import CommandKind
from streams.replay.records import JUDGE_STATE, StoredRecord, Trail
from streams.report.facts import Report
from streams.report.gather import Read, gather
from streams.report.tell import tell
from streams.wire.signatures import TrustedKeys
from tests.audit.records import seal, state
from tests.judge.world import PANE_MS, START, World
from tests.replay.trails import MODELS, SPEC, trail_in

BEGIN_MS = START * PANE_MS
ASKED = {6: CommandKind.PAUSE, 12: CommandKind.RESUME}
worlds = pytest.mark.parametrize(("model", "seconds"), [("errors", 60), ("good", 90), ("good", 20)])
"""Rolled back, promoted, running."""
Records = dict[str, tuple[StoredRecord, ...]]


@cache
def recorded(model: str = "errors", seconds: int = 60, *, paused: bool = False) -> Trail:
    """A rollout of one of `MODELS`, signed, whose record has no gap."""
    world = World(spec=SPEC, models={"candidate": MODELS[model]})
    return whole(trail_in(world, seconds, ASKED if paused else None))


def whole(found: Trail, asked: Mapping[int, CommandKind] = ASKED) -> Trail:
    """The trail with what a real log has besides: times, signatures, the judge's state."""
    decisions = tuple(
        replace(seal(each.record, each.offset), at_ms=_end_ms(each.record))
        for each in found.records["decisions"]
    )
    ids = {each.record["seq"]: each.record["decision_id"] for each in decisions}
    records: Records = {
        **found.records,
        "decisions": decisions,
        "rollouts": tuple(_at(each, BEGIN_MS - 9_000) for each in found.records["rollouts"]),
        "routing": tuple(_answering(each, ids) for each in found.records["routing"]),
        "commands": tuple(_asked(each, asked) for each in found.records["commands"]),
        JUDGE_STATE: (state(list(decisions)),),
    }
    return Trail(rollout=found.rollout, records=records)


def reader(found: Trail, **changed: tuple[StoredRecord, ...]) -> Read:
    """Reads a trail's records, some of them others."""
    records: Mapping[str, tuple[StoredRecord, ...]] = {**found.records, **changed}
    return lambda topic: records[topic]


def told(
    found: Trail, trusted: TrustedKeys | None = None, **changed: tuple[StoredRecord, ...]
) -> Report:
    """The report on a trail."""
    return tell(gather(found.rollout, reader(found, **changed), trusted))


def _end_ms(record: Mapping[str, Any]) -> int:
    return int((record["cut"]["pane"] + 1) * record["pane_ms"])


def _at(told: StoredRecord, at_ms: int) -> StoredRecord:
    return replace(told, at_ms=at_ms)


def _answering(told: StoredRecord, ids: Mapping[int, str]) -> StoredRecord:
    return replace(told, record=told.record | {"decision_id": ids.get(told.record["fence"], "")})


def _asked(told: StoredRecord, asked: Mapping[int, CommandKind]) -> StoredRecord:
    seconds = sorted(asked)[told.offset]
    return replace(told, record=told.record | {"at": BEGIN_MS + 1000 * seconds})

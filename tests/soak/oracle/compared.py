"""How do the panes in the log differ from those that the oracle counts?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from streams.panes.cohorts import Cohort
from streams.panes.facts import cells_to_states
from streams.sketches.cell import Cell
from streams.sketches.outcome_cell import OutcomeCells
from streams.spec.model import ALL_SEGMENT
from tests.soak.facts import Tally
from tests.soak.oracle.deleted import Deleted, told
from tests.soak.oracle.fold import Cells, Folded
from tests.soak.oracle.joins import CohortKey
from tests.soak.oracle.log import Avro, Record

Decoded = tuple[Record, dict[str, Any]]
PaneKey = tuple[int, str, int]
"""Source partition, rollout, pane."""
MOST = 100
"""Findings that are told."""


@dataclass(slots=True, kw_only=True)
class Found:
    """Counts, and what is wrong in words."""

    tally: Tally = field(default_factory=Tally)
    findings: list[str] = field(default_factory=list)

    def say(self, what: str, **counts: int) -> None:
        """Tell one finding and add to the counts that it belongs to."""
        for name, count in counts.items():
            setattr(self.tally, name, getattr(self.tally, name) + count)
        if len(self.findings) < MOST:
            self.findings.append(what)


def compare_panes(
    found: Found, panes: Sequence[Decoded], folded: Mapping[int, Folded], avro: Avro
) -> None:
    """Every closed pane, once, byte for byte."""
    told: dict[PaneKey, Decoded] = {}
    for record, body in panes:
        name, pane = body["body"]
        if name != "davy.Pane" or body["source"] != "predictions":
            continue
        key = body["source_partition"], pane["rollout"], pane["pane"]
        if key in told:
            found.say(f"{record}: {key} is there twice", double=exposures_told(pane))
        told.setdefault(key, (record, body))
    expected = {
        (partition, *key): cells
        for partition, each in folded.items()
        for key, cells in each.closed.items()
    }
    for key in sorted(expected.keys() | told.keys()):
        _compare(found, key, expected.get(key), told.get(key), avro)
    found.tally.panes_open += sum(len(each.open) for each in folded.values())


def _compare(
    found: Found, key: PaneKey, cells: Cells | None, told: Decoded | None, avro: Avro
) -> None:
    found.tally.panes += 1
    if told is None:
        assert cells is not None
        found.say(f"pane {key} is missing", lost=max(1, sum_of(cells)))
        return
    record, body = told
    if cells is None:
        found.say(f"{record}: pane {key} should not be", double=exposures_told(body["body"][1]))
        return
    name, pane = body["body"]
    wanted = body | {"body": (name, pane | {"cells": cells_to_states(cells)})}
    if avro.write("panes", wanted) == record.body:
        return
    missing, surplus = _apart(cells, pane["cells"])
    found.say(
        f"{record}: pane {key} differs: {missing} missing, {surplus} too many",
        panes_different=1,
        lost=missing,
        double=surplus,
    )


def _apart(cells: Cells, states: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    """Events that are missing, and those that are too many, by arm."""
    there = {(s["segment"], s["arm"]): s["exposures"] for s in states}
    apart = [
        there.get((ALL_SEGMENT, arm), 0) - cells.get((ALL_SEGMENT, arm), Cell()).exposures
        for arm in {arm for _, arm in cells.keys() | there.keys()}
    ]
    return sum(-each for each in apart if each < 0), sum(each for each in apart if each > 0)


def compare_cohorts(
    found: Found,
    panes: Sequence[Decoded],
    expected: Mapping[tuple[int, str], Mapping[CohortKey, Cohort]],
    avro: Avro,
) -> None:
    """Every cohort that was told, once, byte for byte; expected by (partition, rollout)."""
    told: set[tuple[int, str, CohortKey]] = set()
    for record, body in panes:
        name, cohort = body["body"]
        if name != "davy.Cohort":
            continue
        place = body["source_partition"], cohort["rollout"]
        key = cohort["outcome"], cohort["first_pane"], cohort["complete"]
        found.tally.panes += 1
        if (*place, key) in told:
            found.say(f"{record}: cohort {place} {key} is there twice", double=1)
        told.add((*place, key))
        wanted = expected.get(place, {}).get(key)
        if wanted is None:
            found.say(f"{record}: cohort {place} {key} should not be", double=1)
        elif avro.write("panes", body | {"body": (name, wanted.to_state())}) != record.body:
            missing, surplus = _answers_apart(wanted.cells, cohort["cells"])
            found.say(
                f"{record}: cohort {place} {key} differs: {missing} missing, {surplus} too many",
                panes_different=1,
                lost=missing,
                double=surplus,
            )
    for place, cohorts in expected.items():
        for key in cohorts:
            if (*place, key) not in told:
                found.say(f"cohort {place} {key} is missing", lost=1)


def _answers_apart(cells: OutcomeCells, states: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    """Answers and exposures that are missing or too many, over the arms of the whole."""
    there = {
        s["arm"]: s["exposures"] + sum(s["delays"]) for s in states if s["segment"] == ALL_SEGMENT
    }
    mine = {
        arm: cell.exposures + cell.answered
        for (segment, arm), cell in cells.items()
        if segment == ALL_SEGMENT
    }
    apart = [there.get(arm, 0) - mine.get(arm, 0) for arm in there.keys() | mine.keys()]
    return sum(-each for each in apart if each < 0), sum(each for each in apart if each > 0)


def sum_of(cells: Cells) -> int:
    """Events in a pane."""
    return sum(cell.exposures for (segment, _), cell in cells.items() if segment == ALL_SEGMENT)


def exposures_told(pane: Mapping[str, Any]) -> int:
    """Events in a pane of the log; at least one, so that an empty one is noticed."""
    return max(1, sum(c["exposures"] for c in pane["cells"] if c["segment"] == ALL_SEGMENT))


def compare_letters(
    found: Found, letters: Sequence[Record], source: str, dead: Mapping[int, set[int]]
) -> None:
    """Every refused record of a source is a dead letter, once."""
    seen: set[tuple[int, int]] = set()
    for letter in letters:
        if not letter.headers["topic"].endswith(source):
            continue
        place = int(letter.headers["partition"]), int(letter.headers["offset"])
        if place in seen:
            found.say(f"{letter}: {source} {place} is a dead letter twice", double=1)
        elif place[1] not in dead.get(place[0], ()):
            found.say(f"{letter}: {source} {place} is no dead letter", double=1)
        seen.add(place)
    for partition, offsets in dead.items():
        for offset in sorted(offsets):
            if (partition, offset) not in seen:
                found.say(f"{source}-{partition}@{offset} is no dead letter yet", lost=1)


def compare_losses(found: Found, panes: Sequence[Decoded], deleted: Deleted, rollout: str) -> None:
    """Each stretch that nobody read is told, once, and no other."""
    heard, expected = Counter(told(panes, rollout)), Counter(deleted.stretches())
    for partition, first, end in sorted((expected - heard).keys()):
        what = f"predictions-{partition}: nobody tells that {first}..{end - 1} were deleted"
        found.say(what, lost=end - first)
    for partition, first, end in sorted((heard - expected).keys()):
        what = f"predictions-{partition}: {first}..{end - 1} are told as lost, and are not"
        found.say(what, miscounted=1)


def compare_markers(found: Found, cells: Sequence[Decoded], folded: Mapping[int, Folded]) -> None:
    """The last marker of each partition tells the counters that the whole log gives."""
    last: dict[int, tuple[Record, dict[str, Any]]] = {}
    for record, body in cells:
        source, partition, _ = record.key.split("/", 2)
        if body and source == "predictions" and body["body"][0] == "davy.Marker":
            last[int(partition)] = record, body["body"][1]
    for partition, each in folded.items():
        if partition not in last:
            found.say(f"predictions-{partition} has no marker", miscounted=1)
            continue
        record, marker = last[partition]
        wanted = each.counters.told() | {"max_event_ms": each.highest_ms}
        told = {name: marker[name] for name in wanted}
        if marker["next_offset"] < each.end_offset:
            left = each.end_offset - marker["next_offset"]
            found.say(f"{record}: {left} records of the log are not read", miscounted=1)
        elif told != wanted:
            found.say(f"{record}: marker tells {told}, the log {wanted}", miscounted=1)

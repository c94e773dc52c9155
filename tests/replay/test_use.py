"""Minutes of use reach the judge as `panes` tells them, live and again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from streams.agents.desk import Desk
from streams.judge.chain import decision_body
from streams.judge.decision_facts import Decision
from streams.panes.facts import cells_to_states
from streams.replay.records import StoredRecord, trail_of
from streams.replay.rollout import judged_panes, rejudged
from streams.sketches.cell import Cell
from streams.sketches.usage import UNIT, Usage, usages_to_states
from tests.judge.use_world import CPU, ERRORS, MINUTE_MS, START, use_spec

SPEC = use_spec(ERRORS, CPU, report_every_s=60.0)
LENGTHS = {"predictions": 20_000, "resources": MINUTE_MS}
FIRST = {source: START * MINUTE_MS // length for source, length in LENGTHS.items()}


def record(source: str, name: str, partition: int = 0, **body: Any) -> dict[str, Any]:
    about = {} if name == "Progress" else {"rollout": SPEC.rollout, "spec_hash": SPEC.spec_hash}
    return {
        "source": source,
        "source_partition": partition,
        "source_partitions": 1 if source == "predictions" else 2,
        "pane_ms": LENGTHS[source],
        "body": (f"davy.{name}", body | about),
    }


def begun(source: str, partition: int = 0) -> dict[str, Any]:
    start = {"from_pane": FIRST[source], "until_offset": None, "first_offset": 0}
    return record(source, "Activation", partition, **start)


def panes(count: int) -> Iterator[dict[str, Any]]:
    """Panes of 20 s, closed one by one."""
    for number in range(FIRST["predictions"], FIRST["predictions"] + count):
        cells = {("all", arm): Cell(exposures=10) for arm in SPEC.arms}
        yield record("predictions", "Pane", pane=number, cells=cells_to_states(cells))
        yield record("predictions", "Progress", closed_through=number, idle=False)


def minute(number: int, partition: int) -> list[dict[str, Any]]:
    """What one partition of resources knows of a minute, and that it has closed it."""
    usage = Usage()
    usage.count([UNIT // 2 + number + partition, None, None])
    usages = usages_to_states({("all", arm): usage for arm in SPEC.arms})
    at = FIRST["resources"] + number
    return [
        record("resources", "ResourcePane", partition, pane=at, usages=usages),
        record("resources", "Progress", partition, closed_through=at, idle=False),
    ]


def log() -> list[dict[str, Any]]:
    """Minutes come late, in bursts, one partition after the other; the last ones never."""
    steps = list(panes(24))
    found = [begun("predictions"), begun("resources"), begun("resources", 1)]
    for turn, step in enumerate(steps):
        found.append(step)
        if turn == 20:
            found += [r for number in range(3) for r in minute(number, 0)]
        if turn == 27:
            found += [r for number in range(2) for r in minute(number, 1)]
        if turn == 40:
            found += [*minute(2, 1), *minute(1, 1), *minute(3, 0)]
    return found


def judged_live(records: list[dict[str, Any]], *, stored: bool = False) -> list[Decision]:
    """What the owner's desk decides, restored from its state after each decision if asked."""
    desk, decisions = Desk(SPEC, 0), []
    for offset, each in enumerate(records):
        desk.take(offset, each)
        while (decision := desk.step(rollouts=1, commands=0, routing=0)) is not None:
            decisions.append(decision)
            if stored:
                desk = Desk.from_record(SPEC, json.loads(json.dumps(desk.to_record([]))))
    return decisions


class TestReplay:
    def test_minutes_come_when_every_partition_has_closed_them(self) -> None:
        given = judged_panes(SPEC, log())
        handed = {
            pane: [each.minute - START for each in found.resources]
            for pane, found in given.items()
            if found.resources
        }
        assert handed == {FIRST["predictions"] + 14: [0, 1], FIRST["predictions"] + 20: [2]}

    def test_pods_of_all_partitions_are_one(self) -> None:
        given = judged_panes(SPEC, log())
        first = next(found.resources[0] for found in given.values() if found.resources)
        assert first.usages["all", "baseline"].pods == [2, 0, 0]

    def test_what_was_decided_is_decided_again(self) -> None:
        live = judged_live(log())
        through = [cut.resources_through for d in live for cut in (*d.steps, d.cut)]
        assert (min(through), max(through)) == (-1, START + 2)
        assert rejudged(SPEC, log(), [], [], live) == [decision_body(d) for d in live]

    def test_a_stored_desk_goes_on(self) -> None:
        plain, stored = judged_live(log()), judged_live(log(), stored=True)
        assert [decision_body(d) for d in stored] == [decision_body(d) for d in plain]

    def test_a_trail_keeps_what_the_judge_read_of_use(self) -> None:
        """Records after the last decision's pane are left out, of either source."""
        (*_, last) = judged_live(log())
        told = {"rollout": SPEC.rollout, "cut": {"pane": last.cut.pane}, "pane_ms": last.pane_ms}
        topics = {"panes": log(), "decisions": [told]}

        def read(topic: str) -> list[StoredRecord]:
            return [
                StoredRecord(key="", partition=0, offset=offset, at_ms=0, record=each)
                for offset, each in enumerate(topics.get(topic, []))
            ]

        trail = trail_of(SPEC.rollout, read)
        kept = judged_panes(SPEC, trail.panes)
        whole = judged_panes(SPEC, log())
        assert last.cut.pane in kept
        assert [kept[pane].resources for pane in kept] == [whole[pane].resources for pane in kept]

"""The panes that a judge saw are found again, and no others."""

from __future__ import annotations

from typing import Any

from streams.panes.facts import cells_to_states
from streams.replay.rollout import judged_panes
from streams.sketches.cell import Cell
from tests.agents.pipeline import spec


def record(partition: int, name: str, **body: Any) -> dict[str, Any]:
    about = {} if name == "Progress" else {"rollout": spec().rollout, "spec_hash": spec().spec_hash}
    return {
        "source": "predictions",
        "source_partition": partition,
        "source_partitions": 2,
        "pane_ms": 1000,
        "body": (f"davy.{name}", body | about),
    }


def pane(partition: int, number: int, exposures: int) -> dict[str, Any]:
    cells = cells_to_states({("all", "baseline"): Cell(exposures=exposures)})
    return record(partition, "Pane", pane=number, cells=cells)


class TestJudgedPanes:
    def test_begins_where_the_judge_began(self) -> None:
        """What a partition told before the first activation reached no judge of this rollout."""
        panes = judged_panes(
            spec(),
            [
                record(1, "Progress", closed_through=5, idle=True),
                record(0, "Activation", from_pane=10, until_offset=None),
                record(1, "Activation", from_pane=-1, until_offset=None),
                pane(0, 10, 3),
                record(0, "Progress", closed_through=10, idle=False),
                pane(1, 10, 4),
                record(1, "Progress", closed_through=10, idle=False),
            ],
        )
        assert {n: p.cells["all", "baseline"].exposures for n, p in panes.items()} == {10: 7}

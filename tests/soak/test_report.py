"""A soak goes on where an earlier one was stopped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.soak import report
from tests.soak.facts import Fault, Report, Tally, Until

TOLD = Report(
    scenario="killed",
    says="A worker is killed.",
    seed=2,
    round=2,
    lane=1,
    brokers=3,
    seconds=60.5,
    tally=Tally(offered=10, panes=3, decisions=2, lost=1),
    faults=(Fault(what="kill", at_ms=5, until=Until.PANES), Fault(
        what="kill", at_ms=9, until=Until.DECISIONS, recovery_s=1.5
    )),
    findings=("an event is missing",),
    expects=frozenset({"lost"}),
)  # fmt: skip


def written(tmp_path: Path) -> Path:
    """Where the report of one scenario was written."""
    path = tmp_path / "soak.json"
    report.write([TOLD], path, asked={}, seconds=61.0, missing=4)
    return path


def test_what_was_told_is_read_again(tmp_path: Path) -> None:
    """As it was; what has not been played is not made up."""
    assert report.read(written(tmp_path)) == ([TOLD], 61.0)
    assert report.read(tmp_path / "none.json") == ([], 0.0)


def test_another_commit_is_another_soak(tmp_path: Path) -> None:
    """Rounds in a row are of one state of the code."""
    path = written(tmp_path)
    told = json.loads(path.read_text())
    told["versions"]["commit"] = "0000000"
    path.write_text(json.dumps(told))
    with pytest.raises(report.OtherVersionsError, match="--go-on"):
        report.read(path)

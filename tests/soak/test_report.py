"""A soak goes on where an earlier one was stopped."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.soak import report
from tests.soak.facts import Fault, Report, Tally, Until
from tests.soak.stillness import TICK_S

STOPPED_S = 1.0

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


def test_time_that_the_machine_did_not_give_is_told() -> None:
    """A stopped process saw that it was stopped."""
    code = "import time; from tests.soak.stillness import Stillness\n"
    code += "with Stillness() as still: print('runs', flush=True); input()\nprint(still.longest_s)"
    asked = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert asked.stdin is not None
    assert asked.stdout is not None
    assert asked.stdout.readline() == "runs\n"
    asked.send_signal(signal.SIGSTOP)
    time.sleep(STOPPED_S)
    asked.send_signal(signal.SIGCONT)
    told, _ = asked.communicate("\n", timeout=30)
    assert float(told) >= STOPPED_S - 2 * TICK_S

"""What came of a soak? A table for people, and `build/soak.json`."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from infra.rigs import kafka
from tests.soak.facts import BARS, Report, Tally

LIBRARIES = ("davy", "faust-streaming", "aiokafka", "confluent-kafka", "numpy", "fastavro")


def write(reports: Sequence[Report], path: Path, *, asked: dict[str, Any], seconds: float) -> None:
    """Write all of it; replaced as a whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".tmp")
    fresh.write_text(json.dumps(to_json(reports, asked=asked, seconds=seconds), indent=1) + "\n")
    fresh.replace(path)


def to_json(reports: Sequence[Report], *, asked: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Plain values: times in seconds and epoch milliseconds, counts as they are."""
    total = Tally()
    for report in reports:
        if not report.expects:
            total.add(report.tally)
    return {
        "ok": bool(reports) and all(report.ok for report in reports),
        "asked": asked,
        "seconds": round(seconds, 1),
        "versions": _versions(),
        "bars": list(BARS),
        "totals": asdict(total),
        "scenarios": [_report(report) for report in reports],
    }


def _report(report: Report) -> dict[str, Any]:
    return {
        **asdict(report),
        "tally": asdict(report.tally),
        "expects": sorted(report.expects),
        "broken": sorted(report.broken),
        "ok": report.ok,
        "replay_identical": not report.tally.replay_different,
    }


def _versions() -> dict[str, str]:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return {
        "kafka": kafka.version(),
        "python": platform.python_version(),
        "commit": commit.stdout.strip(),
        **{name: version(name) for name in LIBRARIES},
    }


def show(reports: Sequence[Report], console: Console) -> None:
    """One line a scenario; what is wrong below."""
    table = Table(box=None, header_style="bold")
    for name in COLUMNS:
        table.add_column(name, justify="left" if name == "scenario" else "right")
    for report in reports:
        table.add_row(*row(report), style="" if report.ok else "bold red")
    console.print(table)
    for report in reports:
        if not report.ok or report.skipped:
            complain(report, console)


COLUMNS = (
    "scenario", "round", "s", "accepted", "late", "repeated", "lost", "double",
    "panes", "differ", "decisions", "wrong", "applied", "twice", "replay", "recovery s",
)  # fmt: skip


def row(report: Report) -> tuple[str, ...]:
    """The table's line."""
    t = report.tally
    times = [f.recovery_s for f in report.faults]
    recovery = " ".join("-" if each is None else f"{each:.1f}" for each in times[:8])
    wrong = t.wrong + t.decisions_duplicated + t.reordered
    replay = "differs" if t.replay_different else "same"
    figures = (
        report.round, f"{report.seconds:.0f}", t.accepted, t.late, t.duplicates_seen, t.lost,
        t.double, t.panes, t.panes_different, t.decisions, wrong, t.applied,
        t.applied_twice + t.applied_out_of_order, replay, recovery,
    )  # fmt: skip
    return report.scenario, *map(str, figures)


def complain(report: Report, console: Console) -> None:
    """What is wrong with one scenario."""
    why = report.error or report.skipped or ", ".join(sorted(report.broken)) or "nothing compared"
    console.print(f"{report.scenario} (seed {report.seed}): {why}", markup=False)
    for finding in report.findings[:10]:
        console.print(f"    {finding}", markup=False, highlight=False)

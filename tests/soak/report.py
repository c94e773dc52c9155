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

from pydantic import TypeAdapter
from rich.console import Console
from rich.table import Table

from infra.rigs import kafka
from tests.soak.facts import BARS, Report, Scenario, Tally

SHOWN = 8
LIBRARIES = ("davy", "faust-streaming", "aiokafka", "confluent-kafka", "numpy", "fastavro")


class OtherVersionsError(ValueError):
    """A report tells of another commit or other libraries than these."""


def all_well(reports: Sequence[Report], missing: int) -> bool:
    """Whether all of it was played, at least what could be, and all bars hold."""
    played = [report for report in reports if not report.skipped]
    return not missing and bool(played) and all(report.ok for report in reports)


def summed_up(reports: Sequence[Report], missing: int) -> str:
    """What came of it, in one line."""
    played = [report for report in reports if not report.skipped]
    good = "every planted bug is caught" if _are_planted(played) else "every bar holds"
    says = good if all_well(reports, missing) else f"NOT {good}"
    skipped = len(reports) - len(played)
    return f"{len(played)} played, {skipped} skipped, {missing} missing: {says}"


def _are_planted(reports: Sequence[Report]) -> bool:
    return bool(reports) and all(report.expects for report in reports)


def write(
    reports: Sequence[Report], path: Path, *, asked: dict[str, Any], seconds: float, missing: int
) -> None:
    """Write all of it; replaced as a whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".tmp")
    told = to_json(reports, asked=asked, seconds=seconds, missing=missing)
    fresh.write_text(json.dumps(told, indent=1) + "\n")
    fresh.replace(path)


def read(path: Path) -> tuple[list[Report], float]:
    """What an earlier run of this commit has told: its reports, and how many seconds it took.

    A scenario that went wrong stays wrong: nothing is played until it goes well.

    Raises:
        OtherVersionsError: the report tells of another commit or other libraries.
    """
    if not path.exists():
        return [], 0.0
    told = json.loads(path.read_text())
    if told["versions"] != _versions():
        raise OtherVersionsError(f"{path} tells of other versions; begin anew without --go-on")
    return TypeAdapter(list[Report]).validate_python(told["scenarios"]), told["seconds"]


def to_json(
    reports: Sequence[Report], *, asked: dict[str, Any], seconds: float, missing: int
) -> dict[str, Any]:
    """Plain values: times in seconds and epoch milliseconds, counts as they are."""
    total = Tally()
    for report in reports:
        if not report.expects:
            total.add(report.tally)
    return {
        "ok": all_well(reports, missing),
        "missing": missing,
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


def show_names(scenarios: Sequence[Scenario], console: Console) -> None:
    """What can be played."""
    table = Table(box=None, show_header=False)
    for scenario in scenarios:
        table.add_row(scenario.name, scenario.says)
    console.print(table)


def tell(report: Report, console: Console) -> None:
    """One line as soon as a scenario has ended, and what is wrong with it."""
    word = "skipped" if report.skipped else "ok" if report.ok else "NOT ok"
    recovered = _recovery(report)
    after = f", went on after {recovered} s" if recovered else ""
    line = f"{report.scenario}, round {report.round}: {word}, {report.seconds:.0f} s{after}"
    console.print(line, style="" if report.ok else "red", markup=False, highlight=False)
    if not report.ok or report.skipped:
        complain(report, console)


COLUMNS = (
    "scenario", "round", "s", "accepted", "late", "repeated", "lost", "double",
    "panes", "differ", "decisions", "wrong", "applied", "twice", "replay", "broken", "recovery s",
)  # fmt: skip


def row(report: Report) -> tuple[str, ...]:
    """The table's line."""
    t = report.tally
    wrong = t.wrong + t.decisions_duplicated + t.reordered
    replay = "differs" if t.replay_different else "same"
    figures = (
        report.round, f"{report.seconds:.0f}", t.accepted, t.late, t.duplicates_seen, t.lost,
        t.double, t.panes, t.panes_different, t.decisions, wrong, t.applied,
        t.applied_twice + t.applied_out_of_order, replay, " ".join(sorted(report.broken)),
        _recovery(report),
    )  # fmt: skip
    return report.scenario, *map(str, figures)


def _recovery(report: Report) -> str:
    """Seconds until it went on, per fault, the first eight."""
    times = ["-" if f.recovery_s is None else f"{f.recovery_s:.1f}" for f in report.faults]
    return " ".join(times[:SHOWN] + ["..."] * (len(times) > SHOWN))


def complain(report: Report, console: Console) -> None:
    """What is wrong with one scenario."""
    why = report.error or report.skipped or ", ".join(sorted(report.broken)) or "nothing compared"
    again = f"make soak ARGS='--only {report.scenario} --seed {report.seed}'"
    still = f"the machine stood still for up to {report.stood_still_s} s meanwhile"
    console.print(f"{report.scenario}: {why}\n    {still}\n    again: {again}", markup=False)
    for finding in report.findings[:10]:
        console.print(f"    {finding}", markup=False, highlight=False)

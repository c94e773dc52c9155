"""Figures and files in READMEs: made from what was measured and what is run, never typed.

`make figures` rewrites what stands between `<!-- figures:NAME -->` and `<!-- /figures -->` from
build/demo-*.json, bench.json, load.json, statistics.json and soak.json (a table whose file is not
there stays as it is), and what stands between `<!-- file:PATH -->` and `<!-- /file -->` from that
file.
"""

from __future__ import annotations

import json
import re
import statistics
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from infra.docs import cli_tables as cli
from infra.docs import metrics_table as metrics
from infra.docs import routers_table as routers
from infra.docs.markdown import table
from infra.docs.settings_table import rows as settings_rows

BUILD = Path("build")
THREE_DIGITS = 100
README = Path("README.md")
READMES = (
    README,
    Path("streams/actuator/README.md"),
    Path("streams/cli/README.md"),
    Path("infra/prometheus/README.md"),
)
BLOCK = re.compile(r"(<!-- figures:(\w+) -->\n).*?(<!-- /figures -->)", re.DOTALL)
FILE = re.compile(r"(<!-- file:(\S+) -->\n).*?(<!-- /file -->)", re.DOTALL)
LANGUAGES = {".py": "python", ".yaml": "yaml"}


def demos() -> Iterator[dict[str, Any]]:
    """The last result of each fault."""
    for fault in ("errors", "slow", "drift", "accuracy", "conversion"):
        path = BUILD / f"demo-{fault}.json"
        if path.exists():
            yield json.loads(path.read_text())


def demo_table() -> str | None:
    """Outcome and times per fault."""
    rows = [
        (
            f"`make demo FAULT={demo['fault']}`",
            f"{good['outcome']} in {good['seconds']:.0f} s",
            bad["outcome"],
            f"{bad['seconds_from_first_faulty_response_to_share_0']:.1f} s",
            f"{bad['final_measured_share']:.0%}",
        )
        for demo in demos()
        for good, bad in [demo["rollouts"]]
    ]
    header = ("", "good candidate", "bad candidate", "first faulty answer to share 0", "share then")
    return table(header, rows) if rows else None


def bench_table() -> str | None:
    """Every row of the benchmark."""
    return _measured("bench.json")


def load_table() -> str | None:
    """Every row of backlogs, floods and restarts."""
    return _measured("load.json")


def _measured(name: str) -> str | None:
    path = BUILD / name
    if not path.exists():
        return None
    rows = [
        (
            row["name"],
            _amount(row["value"]),
            row["unit"],
            f"{row['must']:,g}" if row["must"] else "",
            str(len(row["rounds"])),
        )
        for row in json.loads(path.read_text())
    ]
    return table(("", "measured", "unit", "must", "rounds"), rows)


def _amount(value: float) -> str:
    """Three digits are enough, and whole numbers above.

    >>> _amount(239_280.8), _amount(25.42), _amount(0.966)
    ('239,281', '25.4', '0.966')
    """
    return f"{value:,.0f}" if value >= THREE_DIGITS else f"{value:.3g}"


def statistics_table() -> str | None:
    """Per bar: how many figures hold, and the figure that is nearest to its bar, or misses it."""
    path = BUILD / "statistics.json"
    if not path.exists():
        return None
    bars: dict[str, list[dict[str, Any]]] = {}
    for row in json.loads(path.read_text()):
        bars.setdefault(row["bar"], []).append(row)
    rows = []
    for bar, found in bars.items():
        tightest = max(found, key=_tightness)
        sign = "≥" if tightest["better"] == "higher" else "≤"
        held = sum(row["holds"] for row in found)
        rows.append(
            (
                bar,
                f"{held} of {len(found)}",
                tightest["scenario"],
                f"{tightest['value']:,.4g} {tightest['unit']}",
                f"{sign} {tightest['must']:,.4g}",
            )
        )
    return table(("bar", "hold", "the tightest", "measured", "must"), rows)


def _tightness(row: dict[str, Any]) -> float:
    """How much of its bar a figure uses up: above 1 it misses."""
    part = (row["must"], row["value"]) if row["better"] == "higher" else (row["value"], row["must"])
    return part[0] / part[1] if part[1] else float(part[0] > 0)


def soak_table() -> str | None:
    """Per scenario, over all rounds: events, what is wrong with them, times until it went on."""
    path = BUILD / "soak.json"
    if not path.exists():
        return None
    told = json.loads(path.read_text())
    bars = told["bars"]
    found: dict[str, list[dict[str, Any]]] = {}
    for scenario in told["scenarios"]:
        found.setdefault(scenario["scenario"], []).append(scenario)
    rows = []
    for name, rounds in found.items():
        times = [f["recovery_s"] for each in rounds for f in each["faults"] if f["recovery_s"]]
        rows.append(
            (
                f"`{name}`",
                f"{sum(each['ok'] for each in rounds)} of {len(rounds)}",
                f"{sum(each['tally']['accepted'] for each in rounds):,}",
                str(sum(each["tally"][bar] for each in rounds for bar in bars)),
                f"{statistics.median(times):.1f}" if times else "",
                f"{max(times):.1f}" if times else "",
            )
        )
    header = ("scenario", "rounds that hold", "events", "violations", "median s", "longest s")
    return table(header, rows)


def settings_table() -> str:
    """Every setting; made from the code, so it is always there."""
    return table(("in `davy.yaml`", "default", ""), settings_rows())


def routers_table() -> str:
    """Every router; made from the code, so it is always there."""
    return table(routers.HEADER, routers.rows())


def commands_table() -> str:
    """Every command of davy; made from the code, so it is always there."""
    return table(cli.COMMANDS, cli.command_rows())


def codes_table() -> str:
    """Every exit code; made from the code, so it is always there."""
    return table(cli.CODES, cli.code_rows())


def metrics_table() -> str:
    """Every metric of every process; made from the code, so it is always there."""
    return table(metrics.HEADER, metrics.rows())


TABLES: dict[str, Callable[[], str | None]] = {
    "demo": demo_table,
    "bench": bench_table,
    "load": load_table,
    "statistics": statistics_table,
    "soak": soak_table,
    "settings": settings_table,
    "routers": routers_table,
    "commands": commands_table,
    "codes": codes_table,
    "metrics": metrics_table,
}


def rewritten(text: str) -> str:
    """The README with every block made anew where its figures are there."""

    def block(match: re.Match[str]) -> str:
        made = TABLES[match[2]]()
        return match[0] if made is None else f"{match[1]}{made}{match[3]}"

    return BLOCK.sub(block, text)


def with_files(text: str) -> str:
    """The README with every file that it shows as that file is now."""

    def block(match: re.Match[str]) -> str:
        path = Path(match[2])
        return f"{match[1]}```{LANGUAGES[path.suffix]}\n{path.read_text()}```\n{match[3]}"

    return FILE.sub(block, text)


def main() -> None:
    """Rewrite the READMEs."""
    for path in READMES:
        path.write_text(with_files(rewritten(path.read_text())))
        sys.stdout.write(f"{path} holds the figures of {BUILD}\n")


if __name__ == "__main__":
    main()

"""Figures and files in pages: made from what was measured and what is run, never typed.

`make figures` rewrites what stands between `<!-- figures:NAME -->` and `<!-- /figures -->` from the
code, and from what measurements left in build/ (a table whose file is not there stays as it is),
and what stands between `<!-- file:PATH -->` and `<!-- /file -->` from that file.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

from infra.docs import cli_tables as cli
from infra.docs import measured, misses, plan_sample, processes_table
from infra.docs import metrics_table as metrics
from infra.docs import routers_table as routers
from infra.docs.markdown import table
from infra.docs.settings_table import rows as settings_rows
from infra.docs.spec_sample import whole_spec

READMES = (
    Path("README.md"),
    Path("infra/LIMITS.md"),
    Path("infra/OPERATING.md"),
    Path("infra/prometheus/README.md"),
    Path("streams/actuator/README.md"),
    Path("streams/cli/README.md"),
    Path("streams/planner/README.md"),
    Path("streams/publisher/README.md"),
    Path("streams/spec/README.md"),
    Path("tests/MEASURED.md"),
)
"""Pages with blocks; a test finds those that are missing here."""
BLOCK = re.compile(r"(<!-- figures:(\w+) -->\n).*?(<!-- /figures -->)", re.DOTALL)
FILE = re.compile(r"(<!-- file:(\S+) -->\n).*?(<!-- /file -->)", re.DOTALL)
LANGUAGES = {".py": "python", ".yaml": "yaml"}


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


def processes() -> str:
    """Every process that runs on; made from the code, so it is always there."""
    return table(processes_table.HEADER, processes_table.rows())


def misses_list() -> str:
    """Every row that misses its bar; made from the tables themselves, so it is always there."""
    return misses.listed(TABLES)


TABLES: dict[str, Callable[[], str | None]] = {
    "demo": measured.demo_table,
    "speed": measured.speed_table,
    "bench": measured.bench_table,
    "load": measured.load_table,
    "statistics": measured.statistics_table,
    "soak": measured.soak_table,
    "misses": misses_list,
    "plan": plan_sample.block,
    "spec": whole_spec,
    "settings": settings_table,
    "processes": processes,
    "routers": routers_table,
    "commands": commands_table,
    "codes": codes_table,
    "metrics": metrics_table,
}


def rewritten(text: str) -> str:
    """The page with every block made anew where its figures are there."""

    def block(match: re.Match[str]) -> str:
        made = TABLES[match[2]]()
        return match[0] if made is None else f"{match[1]}{made}{match[3]}"

    return BLOCK.sub(block, text)


def with_files(text: str) -> str:
    """The page with every file that it shows as that file is now."""

    def block(match: re.Match[str]) -> str:
        path = Path(match[2])
        return f"{match[1]}```{LANGUAGES[path.suffix]}\n{path.read_text()}```\n{match[3]}"

    return FILE.sub(block, text)


def main() -> None:
    """Rewrite the pages."""
    plan_sample.write()
    for path in READMES:
        path.write_text(with_files(rewritten(path.read_text())))
        sys.stdout.write(f"{path} holds the figures of {measured.BUILD}\n")


if __name__ == "__main__":
    main()

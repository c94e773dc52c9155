"""Which measured rows miss their bars? It follows from the tables, so nobody keeps a list.

From those that are made anew of measurements, or else from those that stand in the pages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from infra.docs.topics import ROOT

README, MEASURED = Path("README.md"), Path("tests/MEASURED.md")
BLOCK = "<!-- figures:{name} -->\n(.*?)<!-- /figures -->"
COUNTED = r"(\d+) of (\d+)"
"""How many figures of a row hold."""
AT_MOST = frozenset({"ms", "us", "s", "MB", "MiB", "bytes"})
"""Units of which less is better, where a table does not say on which side of its bar it must be."""
PLACES = {
    "statistics": (README, "How well", "how-well"),
    "bench": (MEASURED, "Speed", "speed"),
    "load": (MEASURED, "Backlogs, floods and restarts", "backlogs-floods-and-restarts"),
    "soak": (MEASURED, "Faults", "faults"),
}
"""By table: its page, the heading above it, and the name of that heading in a link."""


def listed(tables: Mapping[str, Callable[[], str | None]]) -> str:
    """A line for each table with rows that miss their bar, and the link that leads to it.

    Args:
        tables: what makes each of them anew, or None where nothing was measured.
    """
    lines = []
    for name, (page, heading, anchor) in PLACES.items():
        if rows := missed(tables[name]() or shown(page, name)):
            link = f"[{heading}](../{page}#{anchor})"
            lines.append(f"- {link}: {'; '.join(rows)}.\n")
    return "".join(lines) or "None of them.\n"


def shown(page: Path, name: str) -> str:
    """What a page holds between the marks of a table."""
    text = (ROOT / page).read_text(encoding="utf-8")
    (table,) = re.findall(BLOCK.format(name=name), text, re.DOTALL)
    return str(table)


def missed(table: str) -> list[str]:
    """The rows that miss their bar: name, figure and bar."""
    return [_told(cells) for cells in _rows(table) if _misses(cells)]


def _told(cells: list[str]) -> str:
    name, value, unit, must = cells[:4]
    if re.fullmatch(COUNTED, value):
        return f"*{name}* ({value} hold)"
    return f"*{name}* ({value} {unit}, must {must})"


def _rows(table: str) -> Iterator[list[str]]:
    """Cells of each row below the header and its rule."""
    lines = [line for line in table.splitlines() if line.startswith("|")]
    for line in lines[2:]:
        yield [cell.strip() for cell in line.strip("|").split("|")]


def _misses(cells: list[str]) -> bool:
    """Rows of simulations and of faults count what holds; others name value, unit and bar."""
    if counted := re.fullmatch(COUNTED, cells[1]):
        return counted[1] != counted[2]
    value, unit, must = cells[1:4]
    if not must:
        return False
    sign, bar = (must[0], must[1:]) if must[0] in "≥≤" else ("", must)
    less = sign == "≤" or (not sign and unit.partition(" ")[0] in AT_MOST)
    return _number(value) > _number(bar) if less else _number(value) < _number(bar)


def _number(text: str) -> float:
    return float(text.replace(",", ""))

"""How are figures written? `build/bench.json`: a list of rows that tables are made from."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from tests.stamp import stamp

BUILD = Path("build")
BENCH = BUILD / "bench.json"


Better = Literal["higher", "lower"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure with its bar."""

    name: str
    value: float
    unit: str
    must: float
    """0: nothing is asked of it."""
    moonshot: float | None
    better: Better
    rounds: tuple[float, ...]
    note: str = ""

    @property
    def holds(self) -> bool:
        """Whether the bar is met; a row without one meets it."""
        if not self.must:
            return True
        return self.value >= self.must if self.better == "higher" else self.value <= self.must


def quantile(values: Sequence[float], share: float) -> float:
    """The value that so many are not above.

    >>> quantile([1.0, 2.0, 3.0, 4.0], 0.5)
    2.0
    """
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def of_rounds(
    *,
    name: str,
    unit: str,
    rounds: Sequence[float],
    note: str = "",
    must: float = 0.0,
    moonshot: float | None = None,
    better: Better = "higher",
) -> Row:
    """The row of the median of some rounds.

    >>> row = of_rounds(name="wait", unit="ms", rounds=[3.0, 1.0, 2.0])
    >>> row.value, row.holds
    (2.0, True)
    """
    return Row(
        name=name,
        value=statistics.median(rounds),
        unit=unit,
        must=must,
        moonshot=moonshot,
        better=better,
        rounds=tuple(rounds),
        note=note,
    )


def spread(
    name: str,
    rounds: Sequence[Sequence[float]],
    unit: str,
    *,
    must: float,
    moonshot: float | None,
    note: str,
) -> list[Row]:
    """The median, of which nothing is asked, and the 99 % quantile; of several rounds their median.

    >>> asked = {"must": 9.0, "moonshot": 2.0, "note": ""}
    >>> [row.value for row in spread("wait", [[1.0, 5.0], [1.5, 7.0], [2.0, 9.0]], "ms", **asked)]
    [1.5, 7.0]
    """
    asked = ((0.5, "p50", 0.0, None), (0.99, "p99", must, moonshot))
    return [
        Row(
            name=f"{name}, {word}",
            value=quantile([quantile(values, share) for values in rounds], 0.5),
            unit=unit,
            must=least,
            moonshot=dream,
            better="lower",
            rounds=tuple(quantile(values, share) for values in rounds),
            note=note,
        )
        for share, word, least, dream in asked
    ]


class PartlyError(Exception):
    """Some rows of a part could not be measured: the message says which, and why."""

    def __init__(self, rows: list[Row], reason: str) -> None:
        """`rows` are those that could."""
        super().__init__(reason)
        self.rows = rows


def write(rows: list[Row], path: Path = BENCH, *, part: str) -> None:
    """Write the rows and print them; the rows of other parts stay, older ones of this part go."""
    path.parent.mkdir(exist_ok=True)
    when = {"part": part} | asdict(stamp())
    made = {row.name: asdict(row) | {"holds": row.holds} | when for row in rows}
    kept = {row["name"]: row for row in _read(path) if row.get("part") != part}
    path.write_text(json.dumps([*(kept | made).values()], indent=2))
    for row in rows:
        print(_line(row), flush=True)


def recorded(name: str, path: Path = BENCH) -> float | None:
    """What the newest row of this name says; None where there is none."""
    return next((float(row["value"]) for row in _read(path) if row["name"] == name), None)


def _read(path: Path) -> list[dict[str, Any]]:
    return json.loads(path.read_text()) if path.exists() else []


def _line(row: Row) -> str:
    """Median, spread and bar.

    >>> asked = {"must": 2.0, "moonshot": None, "better": "lower", "rounds": (1.0, 1.5, 4.0)}
    >>> " ".join(_line(Row(name="wait", value=1.5, unit="ms", **asked)).split())
    'wait 1.50 ms 1.00 .. 4.00 must 2 holds'
    """
    spread = f"{min(row.rounds):,.2f} .. {max(row.rounds):,.2f}"
    mark = f"must {row.must:,g} {'holds' if row.holds else 'MISSED'}" if row.must else ""
    return f"{row.name:<60} {row.value:>15,.2f} {row.unit:<14} {spread:<32} {mark}".rstrip()

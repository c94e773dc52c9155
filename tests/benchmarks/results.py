"""How are figures written? `build/bench.json`: a list of rows that tables are made from."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

BUILD = Path("build")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure with its bar."""

    name: str
    value: float
    unit: str
    must: float
    moonshot: float | None
    better: Literal["higher", "lower"]
    rounds: tuple[float, ...]
    note: str = ""

    @property
    def holds(self) -> bool:
        """Whether the bar is met."""
        return self.value >= self.must if self.better == "higher" else self.value <= self.must


def quantile(values: Sequence[float], share: float) -> float:
    """The value that so many are not above.

    >>> quantile([1.0, 2.0, 3.0, 4.0], 0.5)
    2.0
    """
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def spread(
    name: str, values: Sequence[float], unit: str, *, must: float, moonshot: float, note: str
) -> list[Row]:
    """The median, of which nothing is asked, and the 99 % quantile."""
    asked = ((0.5, "p50", 0.0, None), (0.99, "p99", must, moonshot))
    return [
        Row(
            name=f"{name}, {word}",
            value=quantile(values, share),
            unit=unit,
            must=least,
            moonshot=dream,
            better="lower" if least else "higher",
            rounds=(quantile(values, share),),
            note=note,
        )
        for share, word, least, dream in asked
    ]


def write(rows: list[Row], path: Path = BUILD / "bench.json", *, whole: bool = True) -> None:
    """Write the rows and print them; where they are a part, the other rows there stay."""
    path.parent.mkdir(exist_ok=True)
    made = {row.name: asdict(row) | {"holds": row.holds} for row in rows}
    before = [] if whole or not path.exists() else json.loads(path.read_text())
    path.write_text(json.dumps([*({row["name"]: row for row in before} | made).values()], indent=2))
    for row in rows:
        mark = "holds" if row.holds else "MISSED"
        print(f"{row.name:<52} {row.value:>15,.2f} {row.unit:<14} must {row.must:,g} {mark}")

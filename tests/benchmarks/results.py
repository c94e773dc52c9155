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


def write(rows: list[Row], path: Path = BUILD / "bench.json") -> None:
    """Write the rows and print them."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps([asdict(row) | {"holds": row.holds} for row in rows], indent=2))
    for row in rows:
        mark = "holds" if row.holds else "MISSED"
        print(f"{row.name:<44} {row.value:>15,.2f} {row.unit:<16} must {row.must:,g} {mark}")

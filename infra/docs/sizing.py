"""How many partitions, workers and how much memory does a load need? Worked out from measurements.

`python -m infra.docs.sizing` writes the tables of infra/sizing.md from build/bench.json and
build/load.json; with `--events` it answers for one load. What was not measured is named.
"""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from infra.docs.bounds import limits_table, obstacles, of_cells
from infra.docs.chart_files import ROOT
from infra.docs.known import (
    BUSY,
    FEW,
    HOUR_S,
    ROWS,
    SPARE,
    WINDOWS_S,
    Load,
    Measured,
    NotMeasuredError,
    cpu_s,
    further,
    kept_mib,
    measured,
    memory,
    room_mib,
    told_when,
)
from infra.docs.markdown import table
from infra.docs.measured import BUILD
from streams.settings import Settings
from streams.spec.units import UnitError, duration

PAGE = ROOT / "infra" / "sizing.md"
BLOCK = re.compile(r"(<!-- (sizing|limits) -->\n).*?(<!-- /\2 -->)", re.DOTALL)
RATES = (1_000, 10_000, 100_000, 500_000, 1_000_000, 10_000_000)
"""Of the page: loads to look up, no measurements."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What a load needs."""

    workers: int
    partitions: int
    memory_mib: float
    """Of each worker."""


def size(load: Load, known: Measured, busy: float = BUSY) -> Size:
    """Workers, partitions and memory for a load: as many workers as its CPU and memory ask for.

    Args:
        load: What comes in.
        known: What one worker does.
        busy: Share of its core that each worker may use, 0 to 1.

    Raises:
        NotMeasuredError: two workers did no more than one, so there is no telling.
    """
    if known.two <= 1:
        raise NotMeasuredError("two workers did no more than one: measure again on an idle machine")
    cpu = cpu_s(load, known) * load.events_per_s / busy
    # Each further worker adds what the second one did.
    by_cpu = 1 + max(0, math.ceil((cpu - 1) / further(known)))
    kept = kept_mib(load, known)
    workers = max(by_cpu, math.ceil(kept / room_mib(known)))
    least = Settings.model_fields["source_partitions"].default
    memory_mib = known.base_mib + kept / workers
    return Size(workers=workers, partitions=max(SPARE * workers, least), memory_mib=memory_mib)


def page_table(known: Measured) -> str:
    """What loads need, one a row."""
    header = ["events/s", "partitions", "workers", "memory of each"]
    header += [f"batches of {FEW}: partitions", "workers"]
    for window_s in WINDOWS_S:
        kept = f"outcomes within {window_s / HOUR_S:g} h"
        header += [f"{kept}: partitions", "workers", "memory of each"]
    return table(tuple(header), [_row(rate, known) for rate in RATES])


def _row(rate: int, known: Measured) -> tuple[str, ...]:
    load = Load(events_per_s=rate)
    few = size(replace(load, few=True), known)
    late = [size(replace(load, window_s=window_s), known) for window_s in WINDOWS_S]
    cells = [_cells(size(load, known)), _cells(few)[:2], *map(_cells, late)]
    return (f"{rate:,}", *chain.from_iterable(cells))


def _cells(found: Size) -> tuple[str, str, str]:
    return f"{found.partitions:,}", f"{found.workers:,}", memory(found.memory_mib)


def written(text: str, build: Path = BUILD) -> str:
    """The page with its tables made anew, or with what must be measured first.

    Where nothing was measured at all it stays as it is.
    """
    if not any((build / file).exists() for file, _, _ in ROWS.values()):
        return text
    try:
        known = measured(build)
        made = {
            "sizing": page_table(known) + told_when(build),
            "limits": f"{limits_table(known)}\n{obstacles(known, RATES[-1])}\n{of_cells(known)}",
        }
    except NotMeasuredError as lack:
        told = "".join(f"- {line}\n" for line in str(lack).splitlines())
        lacking = "Not measured for this version"
        made = {"sizing": f"{lacking}:\n\n{told}", "limits": f"{lacking}.\n"}
    return BLOCK.sub(lambda found: f"{found[1]}{made[found[2]]}{found[3]}", text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page, or answer for one load; 1 where a measurement is missing."""
    parser = argparse.ArgumentParser(prog="python -m infra.docs.sizing", description=__doc__)
    parser.add_argument("--events", type=float, help="predictions a second; without it, the page")
    parser.add_argument("--window", default="0s", help="how long they wait for outcomes: 6h")
    parser.add_argument("--few", action="store_true", help=f"producers send {FEW} events at a time")
    parser.add_argument("--busy", type=float, default=BUSY, help="share of a core that is used")
    parser.add_argument("--build", type=Path, default=BUILD, help="where the measurements are")
    asked = parser.parse_args(arguments)
    if asked.events is None:
        PAGE.write_text(written(PAGE.read_text(), asked.build))
        return 0
    if asked.events <= 0 or not 0 < asked.busy <= 1:
        parser.error("--events is above 0, --busy above 0 and at most 1")
    try:
        window_s = duration(asked.window)
        load = Load(events_per_s=asked.events, window_s=window_s, few=asked.few)
        found = size(load, measured(asked.build), asked.busy)
    except (NotMeasuredError, UnitError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    print(f"source_partitions: {found.partitions}")
    print(f"workers: {found.workers}, each with {memory(found.memory_mib)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

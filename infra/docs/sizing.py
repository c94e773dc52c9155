"""How many partitions, workers and how much memory does a load need? Worked out from measurements.

`python -m infra.docs.sizing` writes the tables of infra/sizing.md from build/bench.json and
build/load.json; with `--events` it answers for one load. What was not measured is named.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from infra.docs import when
from infra.docs.chart_files import ROOT
from infra.docs.markdown import table
from infra.docs.measured import BUILD
from streams.panes.seen import FULLEST
from streams.settings import Settings
from streams.spec.units import UnitError, duration

PAGE = ROOT / "infra" / "sizing.md"
BLOCK = re.compile(r"(<!-- (sizing|limits) -->\n).*?(<!-- /\2 -->)", re.DOTALL)
MIB = 1 << 20
GIB_MIB = 1024
STEP_MIB = 64
"""What memory is rounded up to."""
BUSY = 0.5
"""Share of its core that a worker uses: what came up in an hour's outage is done an hour later."""
SPARE = 2
"""Partitions a worker: so many times may workers be doubled before topics must be made anew."""
MOST_OF_TWO = 2.0
"""Two workers may have done even more by CPU; nobody should count on that."""
HOUR_S = 3600.0
WORKER_MIB = 16 * GIB_MIB
"""Memory of a worker, where its limit is told."""
LINK_BYTES_S = 10e9 / 8
"""What a network of 10 Gbit/s carries each way."""
COPIES_SENT = 3
"""Of each byte that comes in: to two other replicas, and to a worker."""
RATES = (1_000, 10_000, 100_000, 500_000, 1_000_000, 10_000_000)
WINDOWS_S = (HOUR_S, 24 * HOUR_S)
"""Of the page: loads to look up, no measurements."""
KEY_BYTES = 2 * (np.dtype(np.uint64).itemsize + np.dtype(np.int64).itemsize) / FULLEST
"""Of a request that may be repeated: its slot, in a table that has just doubled."""
GENERATIONS = 2
"""Tables of such requests."""
ROWS = {
    "events_per_s": ("bench.json", r"davy", "make bench"),
    "two": ("bench.json", r"two workers / one, by CPU", "make bench"),
    "indexed_per_s": ("bench.json", r"predictions indexed", "make bench"),
    "outcomes_per_s": (
        "bench.json",
        r"outcomes decoded, joined and counted in cohorts",
        "make bench",
    ),
    "pending_bytes": ("bench.json", r"join index: a pending prediction", "make bench"),
    "pane_us": ("bench.json", r"a source partition's pane at the judge", "make bench"),
    "event_bytes": ("bench.json", r"an event on the log", "make bench"),
    "base_mib": ("load.json", r"backlog of .*: peak memory", "make load"),
}
"""What is taken from where: the field of Measured, the file, the row's name, who measures it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was measured of a worker; per second is per second of CPU."""

    events_per_s: float
    two: float
    """Two workers do so many times as much as one."""
    indexed_per_s: float
    """Predictions that wait for outcomes."""
    outcomes_per_s: float
    pending_bytes: float
    base_mib: float
    """With all queues full, and no outcomes."""
    pane_us: float
    """CPU of a rollout's judge for a pane of one source partition."""
    event_bytes: float
    """On the log, as producers compress it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What comes in."""

    events_per_s: float
    """Predictions."""
    window_s: float = 0.0
    """How long predictions wait for outcomes, one for each; 0: there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What a load needs."""

    workers: int
    partitions: int
    memory_mib: float
    """Of each worker."""


class NotMeasuredError(Exception):
    """A figure that is needed is not there: the message says which, and who measures it."""


def measured(build: Path = BUILD) -> Measured:
    """What the newest measurements say.

    Raises:
        NotMeasuredError: names every figure that is missing.
    """
    files = {name: _rows(build / name) for name, _, _ in ROWS.values()}
    found: dict[str, float] = {}
    lacking = []
    for field, (file, name, maker) in ROWS.items():
        values = [row["value"] for row in files[file] if re.fullmatch(name, row["name"])]
        if values:
            found[field] = max(values)
        else:
            lacking.append(f"{build / file} lacks `{name}`: run `{maker}`")
    if lacking:
        raise NotMeasuredError("\n".join(lacking))
    return Measured(**found)


def _when(build: Path) -> str:
    """When the figures were measured that the table is worked out from."""
    asked = [(build / file, name) for file, name, _ in ROWS.values()]
    return when.of_rows(
        [row for path, name in asked for row in _rows(path) if re.fullmatch(name, row["name"])]
    )


def _rows(path: Path) -> list[dict[str, Any]]:
    return json.loads(path.read_text()) if path.exists() else []


def size(load: Load, known: Measured, busy: float = BUSY) -> Size:
    """Workers, partitions and memory for a load.

    Args:
        load: What comes in.
        known: What one worker does.
        busy: Share of its core that each worker may use, 0 to 1.

    Raises:
        NotMeasuredError: two workers did no more than one, so there is no telling.
    """
    if known.two <= 1:
        raise NotMeasuredError("two workers did no more than one: measure again on an idle machine")
    cpu = _seconds_an_event(load, known) * load.events_per_s / busy
    # Each further worker adds what the second one did.
    workers = 1 + max(0, math.ceil((cpu - 1) / (min(known.two, MOST_OF_TWO) - 1)))
    plain = Settings.model_fields
    partitions = max(SPARE * workers, plain["source_partitions"].default)
    kept_s = GENERATIONS * plain["lateness_ms"].default / 1000
    an_event_s = KEY_BYTES * kept_s + known.pending_bytes * load.window_s
    memory = known.base_mib + load.events_per_s / workers * an_event_s / MIB
    return Size(workers=workers, partitions=partitions, memory_mib=memory)


def _seconds_an_event(load: Load, known: Measured) -> float:
    joining = 1 / known.indexed_per_s + 1 / known.outcomes_per_s if load.window_s else 0.0
    return 1 / known.events_per_s + joining


def page_table(known: Measured) -> str:
    """What loads need, one a row."""
    header = ["events/s", "partitions", "workers", "memory of each"]
    for window_s in WINDOWS_S:
        kept = f"outcomes within {window_s / HOUR_S:g} h"
        header += [f"{kept}: partitions", "workers", "memory of each"]
    rows = [
        (
            f"{rate:,}",
            *(
                cell
                for window_s in (0.0, *WINDOWS_S)
                for cell in _cells(size(Load(events_per_s=rate, window_s=window_s), known))
            ),
        )
        for rate in RATES
    ]
    return table(tuple(header), rows)


class Limit(NamedTuple):
    """What a load comes up against."""

    events_per_s: float
    what: str
    why: str
    helps: str


def limits_table(known: Measured, busy: float = BUSY) -> str:
    """Limits of what there may be many of, the smallest first; then of a rollout's judge."""
    limits = [
        *sorted([*_of_workers(known, busy), _of_brokers(known, busy)]),
        _of_judge(known, busy),
    ]
    rows = [
        (each.what, f"{float(f'{each.events_per_s:.2g}'):,.0f}", each.why, each.helps)
        for each in limits
    ]
    return table(("", "events/s for each", "why", "what helps"), rows)


def _of_workers(known: Measured, busy: float) -> Iterator[Limit]:
    yield Limit(
        events_per_s=busy * known.events_per_s,
        what="a worker's core, without outcomes",
        why=f"it is to use {busy:.0%} of it",
        helps="workers",
    )
    for window_s in WINDOWS_S:
        room = (WORKER_MIB - known.base_mib) * MIB
        yield Limit(
            events_per_s=room / (known.pending_bytes * window_s),
            what=f"a worker's {_memory(WORKER_MIB)}, outcomes within {window_s / HOUR_S:g} h",
            why=f"{known.pending_bytes:.3g} bytes for each prediction that waits for its outcome",
            helps="workers, or a shorter `window`",
        )


def _of_brokers(known: Measured, busy: float) -> Limit:
    return Limit(
        events_per_s=busy * LINK_BYTES_S / (COPIES_SENT * known.event_bytes),
        what="a broker's network, 10 Gbit/s",
        why=f"{known.event_bytes:.3g} bytes an event in large batches (zstd), sent {COPIES_SENT} "
        f"times; {busy:.0%} used",
        helps="brokers",
    )


def _of_judge(known: Measured, busy: float) -> Limit:
    """One core reads the panes of all source partitions."""
    panes_s = 1000 / Settings.model_fields["pane_ms"].default
    partitions = busy * 1e6 / (known.pane_us * panes_s)
    return Limit(
        events_per_s=partitions / SPARE * busy * known.events_per_s,
        what="the judge of one rollout",
        why=f"{busy:.0%} of its core reads panes of {partitions:,.0f} source partitions, "
        f"{SPARE} for each worker",
        helps="a longer `pane_ms`",
    )


def _cells(found: Size) -> tuple[str, str, str]:
    return str(found.partitions), str(found.workers), _memory(found.memory_mib)


def _memory(mib: float) -> str:
    """Rounded up to what one would ask a cluster for.

    >>> _memory(400.2), _memory(3050.0)
    ('448 MiB', '3.0 GiB')
    """
    rounded = math.ceil(mib / STEP_MIB) * STEP_MIB
    return f"{rounded} MiB" if rounded < GIB_MIB else f"{rounded / GIB_MIB:.1f} GiB"


def written(text: str, build: Path = BUILD) -> str:
    """The page with its table made anew, or with what must be measured first.

    Where nothing was measured at all it stays as it is.
    """
    if not any((build / file).exists() for file, _, _ in ROWS.values()):
        return text
    try:
        known = measured(build)
        made = {"sizing": page_table(known) + _when(build), "limits": limits_table(known)}
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
        load = Load(events_per_s=asked.events, window_s=window_s)
        found = size(load, measured(asked.build), asked.busy)
    except (NotMeasuredError, UnitError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    print(f"source_partitions: {found.partitions}")
    print(f"workers: {found.workers}, each with {_memory(found.memory_mib)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What is known of a worker, a rollout's judge and an event: the figures that sizes follow from."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from infra.docs import when
from infra.docs.measured import BUILD
from streams.panes.seen import FULLEST
from streams.settings import Settings

MIB = 1 << 20
GIB_MIB = 1024
STEP_MIB = 64
"""What memory is rounded up to."""
BUSY = 0.5
"""Share of its core that a worker uses: what came up in an hour's outage is done an hour later."""
SPARE = 2
"""Partitions a worker: so many times may workers be doubled before topics must be made anew."""
MOST_OF_TWO = 2.0
"""Two workers may have been measured to do even more; nobody should count on that."""
HOUR_S = 3600.0
WINDOWS_S = (HOUR_S, 24 * HOUR_S)
"""How long predictions wait for outcomes, on the page."""
FEW = 10
"""Events of a small batch, as the benchmark sends them."""
WORKER_MIB = 16 * GIB_MIB
"""Memory of a worker, at most."""
KEY_BYTES = 2 * (np.dtype(np.uint64).itemsize + np.dtype(np.int64).itemsize) / FULLEST
"""Of a request that may be repeated: its slot, in a table that has just doubled."""
GENERATIONS = 2
"""Tables of such requests."""
ROWS = {
    "events_per_s": ("bench.json", r"davy", "make bench"),
    "few_per_s": ("bench.json", r"davy, batches of 10", "make bench"),
    "two": ("bench.json", r"two workers / one, the broker's CPU accounted", "make bench"),
    "indexed_per_s": ("bench.json", r"predictions indexed", "make bench"),
    "outcomes_per_s": (
        "bench.json",
        r"outcomes decoded, joined and counted in cohorts",
        "make bench",
    ),
    "pending_bytes": ("bench.json", r"join index: a pending prediction", "make bench"),
    "pane_us": ("bench.json", r"a source partition's pane at the judge", "make bench"),
    "cell_us": ("bench.json", r"a live cell's pane, of one source partition", "make bench"),
    "judging_ms": ("bench.json", r"judging a pane: 12 metrics, 3 arms", "make bench"),
    "event_bytes": ("bench.json", r"an event on the log", "make bench"),
    "base_mib": ("load.json", r"backlog of .*: peak memory", "make load"),
}
"""What is taken from where: the field of Measured, the file, the row's name, who measures it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was measured of a worker; per second is per second of CPU."""

    events_per_s: float
    """Of producers that send large batches."""
    few_per_s: float
    """Of producers that send batches of `FEW`."""
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
    cell_us: float
    """CPU of a live cell for a pane of one source partition, at most."""
    judging_ms: float
    """CPU of a large verdict."""
    event_bytes: float
    """On the log, as producers compress it."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What comes in."""

    events_per_s: float
    """Predictions."""
    window_s: float = 0.0
    """How long predictions wait for outcomes, one for each; 0: there are none."""
    few: bool = False
    """Whether producers send `FEW` events at a time, instead of many."""


def cpu_s(load: Load, known: Measured) -> float:
    """CPU of an event, s: decoded, folded and judged; with outcomes, indexed and joined too."""
    joining = 1 / known.indexed_per_s + 1 / known.outcomes_per_s if load.window_s else 0.0
    return 1 / (known.few_per_s if load.few else known.events_per_s) + joining


def kept_mib(load: Load, known: Measured) -> float:
    """Memory of all workers for what they keep of events, beside what each has anyway."""
    kept_s: float = GENERATIONS * Settings.model_fields["lateness_ms"].default / 1000
    an_event_s = KEY_BYTES * kept_s + known.pending_bytes * load.window_s
    return load.events_per_s * an_event_s / MIB


def room_mib(known: Measured) -> float:
    """What a worker has for that, at most."""
    return WORKER_MIB - known.base_mib


def further(known: Measured) -> float:
    """What a further worker adds, in what the first one does."""
    return min(known.two, MOST_OF_TWO) - 1


def told_when(build: Path) -> str:
    """When these figures were measured."""
    asked = [(build / file, name) for file, name, _ in ROWS.values()]
    return when.of_rows(
        [row for path, name in asked for row in _rows(path) if re.fullmatch(name, row["name"])]
    )


def _rows(path: Path) -> list[dict[str, Any]]:
    return json.loads(path.read_text()) if path.exists() else []


def memory(mib: float) -> str:
    """Rounded up to what one would ask a cluster for.

    >>> memory(400.2), memory(3050.0)
    ('448 MiB', '3.0 GiB')
    """
    rounded = math.ceil(mib / STEP_MIB) * STEP_MIB
    return f"{rounded} MiB" if rounded < GIB_MIB else f"{rounded / GIB_MIB:.1f} GiB"

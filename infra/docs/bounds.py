"""What becomes the limit of a load first, and why? Worked out from what is known."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from infra.docs.known import (
    BUSY,
    FEW,
    HOUR_S,
    SPARE,
    WINDOWS_S,
    WORKER_MIB,
    Load,
    Measured,
    cpu_s,
    further,
    kept_mib,
    memory,
    room_mib,
)
from infra.docs.markdown import table
from streams.settings import Settings

LINK_BYTES_S = 10e9 / 8
"""What a network of 10 Gbit/s carries each way."""
LEAST_BROKERS = 3
COPIES_SENT = LEAST_BROKERS
"""Of each byte that comes in: to two other replicas, and to a worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What a load comes up against."""

    events_per_s: float
    what: str
    why: str
    helps: str


def limits_table(known: Measured) -> str:
    """Limits of what there may be many of, the smallest first; then of a rollout's judge."""
    many = [*_of_workers(known), _of_brokers(known)]
    limits = [*sorted(many, key=lambda each: each.events_per_s), _of_judge(known)]
    rows = [(each.what, _rounded(each.events_per_s), each.why, each.helps) for each in limits]
    return table(("", "events/s for each", "why", "what helps"), rows)


def of_cells(known: Measured) -> str:
    """How many live cells the core of a worker bears, in a sentence."""
    pane_ms, partitions = (
        Settings.model_fields[name].default for name in ("pane_ms", "source_partitions")
    )
    if known.cell_us <= 0:
        return "What a live cell takes was too little to be measured.\n"
    most = BUSY * 1000 * pane_ms / (known.cell_us * partitions)
    return (
        f"A live cell takes at most {known.cell_us:,.0f} us of CPU in every pane of each source "
        f"partition:\nwith panes of {pane_ms:,} ms and {partitions} source partitions {BUSY:.0%} "
        f"of a worker's core bears {_rounded(most)} of them, and no events besides.\n"
    )


def obstacles(known: Measured, most: float) -> str:
    """What stands in the way of so many events a second, in sentences."""
    brokers = max(LEAST_BROKERS, math.ceil(most / _of_brokers(known).events_per_s))
    without, *late = (_of_judge(known, window_s).events_per_s for window_s in (0.0, *WINDOWS_S))
    told = [
        f"{_rounded(each)} with outcomes within {window_s / HOUR_S:g} h"
        for each, window_s in zip(late, WINDOWS_S, strict=True)
    ]
    lowest = min(without, *late)
    side = "above" if lowest > most else "below"
    return (
        "Of workers and brokers there can be more, of a rollout's judge there is one: with these "
        f"settings it is\nthe first limit that stays, at {_rounded(without)} events/s; "
        f"{', '.join(told)},\nwhich take more workers, so more partitions. The lowest is {side} "
        f"the {most:,} of the table's last row,\nwhich need {brokers} brokers for their network.\n"
    )


def _rounded(value: float) -> str:
    """Two digits are enough.

    >>> _rounded(123_456.0)
    '120,000'
    """
    return f"{float(f'{value:.2g}'):,.0f}"


def _of_workers(known: Measured) -> Iterator[Limit]:
    for what, few in (("large batches", False), (f"batches of {FEW}", True)):
        load = Load(events_per_s=1.0, few=few)
        yield Limit(
            events_per_s=BUSY / cpu_s(load, known),
            what=f"a worker's core, {what}, without outcomes",
            why=f"it is to use {BUSY:.0%} of it",
            helps="workers",
        )
    for window_s in WINDOWS_S:
        yield Limit(
            events_per_s=_by_memory(known, window_s),
            what=f"a worker's {memory(WORKER_MIB)}, outcomes within {window_s / HOUR_S:g} h",
            why=f"{known.pending_bytes:.3g} bytes for each prediction that waits for its outcome",
            helps="workers, or a shorter `window`",
        )


def _by_memory(known: Measured, window_s: float) -> float:
    return room_mib(known) / kept_mib(Load(events_per_s=1.0, window_s=window_s), known)


def _of_brokers(known: Measured) -> Limit:
    return Limit(
        events_per_s=BUSY * LINK_BYTES_S / (COPIES_SENT * known.event_bytes),
        what="a broker's network, 10 Gbit/s",
        why=f"{known.event_bytes:.3g} bytes an event in large batches (zstd), sent {COPIES_SENT} "
        f"times; {BUSY:.0%} used",
        helps="brokers",
    )


def _of_judge(known: Measured, window_s: float = 0.0) -> Limit:
    """One core reads the panes of all source partitions, and judges."""
    pane_ms = Settings.model_fields["pane_ms"].default
    partitions = 1000 * max(0.0, BUSY * pane_ms - known.judging_ms) / known.pane_us
    load = Load(events_per_s=1.0, window_s=window_s)
    a_worker = min(BUSY * further(known) / cpu_s(load, known), _by_memory(known, window_s))
    return Limit(
        events_per_s=partitions / SPARE * a_worker,
        what="the judge of one rollout",
        why=f"{BUSY:.0%} of a core that does nothing else judge, and read panes of "
        f"{partitions:,.0f} source partitions, {SPARE} for each worker",
        helps="a longer `pane_ms`",
    )

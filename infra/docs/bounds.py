"""What becomes the limit of a load first, and why? Worked out from what is known."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from infra.docs.known import (
    BUSY,
    GIB_MIB,
    HOUR_S,
    MIB,
    SPARE,
    WINDOWS_S,
    Measured,
    further,
    memory,
)
from infra.docs.markdown import table
from streams.settings import Settings

WORKER_MIB = 16 * GIB_MIB
"""Memory of a worker, where its limit is told."""
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
        f"of a worker's core bears {_rounded(most)} of them.\n"
    )


def obstacle(known: Measured, most: float) -> str:
    """What stands in the way of so many events a second, in sentences."""
    judge, broker = _of_judge(known), _of_brokers(known)
    side = "above" if judge.events_per_s > most else "below"
    brokers = max(LEAST_BROKERS, math.ceil(most / broker.events_per_s))
    return (
        "Of workers and brokers there can be more, of a rollout's judge there is one: with these "
        f"settings it is\nthe first limit, at {_rounded(judge.events_per_s)} events/s, {side} the "
        f"{most:,} of the table's last row, which need {brokers} brokers for their\nnetwork.\n"
    )


def _rounded(value: float) -> str:
    """Two digits are enough.

    >>> _rounded(123_456.0)
    '120,000'
    """
    return f"{float(f'{value:.2g}'):,.0f}"


def _of_workers(known: Measured) -> Iterator[Limit]:
    yield Limit(
        events_per_s=BUSY * known.events_per_s,
        what="a worker's core, without outcomes",
        why=f"it is to use {BUSY:.0%} of it",
        helps="workers",
    )
    for window_s in WINDOWS_S:
        room = (WORKER_MIB - known.base_mib) * MIB
        yield Limit(
            events_per_s=room / (known.pending_bytes * window_s),
            what=f"a worker's {memory(WORKER_MIB)}, outcomes within {window_s / HOUR_S:g} h",
            why=f"{known.pending_bytes:.3g} bytes for each prediction that waits for its outcome",
            helps="workers, or a shorter `window`",
        )


def _of_brokers(known: Measured) -> Limit:
    return Limit(
        events_per_s=BUSY * LINK_BYTES_S / (COPIES_SENT * known.event_bytes),
        what="a broker's network, 10 Gbit/s",
        why=f"{known.event_bytes:.3g} bytes an event in large batches (zstd), sent {COPIES_SENT} "
        f"times; {BUSY:.0%} used",
        helps="brokers",
    )


def _of_judge(known: Measured) -> Limit:
    """One core reads the panes of all source partitions, and judges."""
    pane_ms = Settings.model_fields["pane_ms"].default
    partitions = 1000 * max(0.0, BUSY * pane_ms - known.judging_ms) / known.pane_us
    return Limit(
        events_per_s=partitions / SPARE * BUSY * further(known) * known.events_per_s,
        what="the judge of one rollout",
        why=f"{BUSY:.0%} of a core that does nothing else judge, and read panes of "
        f"{partitions:,.0f} source partitions, {SPARE} for each worker",
        helps="a longer `pane_ms`",
    )

"""How long after each fault did work go on? By the times of the records that show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tests.soak.facts import Fault, Until
from tests.soak.oracle.log import Record

Decoded = tuple[Record, dict[str, Any]]


def recovered(
    fault: Fault,
    *,
    pane_ms: int,
    partitions: int,
    panes: Sequence[Decoded],
    decisions: Sequence[Decoded],
    routing: Sequence[Decoded],
) -> Fault:
    """The fault with its recovery time, None where nothing went on beyond it."""
    pane = fault.at_ms // pane_ms
    match fault.until:
        case Until.PANES:
            found = _closed_at(pane, partitions, panes)
        case Until.DECISIONS:
            times = [r.at_ms for r, body in decisions if body["cut"]["pane"] >= pane]
            found = min(times, default=None)
        case _:
            told = (r.at_ms for r, body in routing if body["phase"] in ("applied", "observed"))
            found = min((at_ms for at_ms in told if at_ms > fault.at_ms), default=None)
    if found is None:
        return fault
    return replace(fault, recovery_s=max(0.0, (found - fault.at_ms) / 1000))


def _closed_at(pane: int, partitions: int, panes: Sequence[Decoded]) -> int | None:
    """When the last partition had closed this pane."""
    at: dict[int, int] = {}
    for record, body in panes:
        name, progress = body["body"]
        if name != "davy.Progress" or body["source"] != "predictions":
            continue
        if progress["closed_through"] >= pane:
            place = body["source_partition"]
            at[place] = min(at.get(place, record.at_ms), record.at_ms)
    return max(at.values()) if len(at) == partitions else None

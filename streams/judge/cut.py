"""Up to where had the judge read? Alone here: who reads decisions needs no sketches, nor numpy."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Up to where the judge had read when it took a step. Offsets are "next to read"."""

    pane: int
    idle: tuple[int, ...] = ()
    """Source partitions that had declared themselves idle; all others had closed this pane."""
    rollouts_offset: int = 0
    commands_offset: int = 0
    routing_offset: int = 0
    joined_through: int = -1
    """Outcomes were joined up to the closing of this pane, and cohorts complete by then judged."""
    resources_through: int = -1
    """Last minute of use that had been handed over; -1 while none was."""

"""What does a source partition produce and remember? Facts only; times are epoch milliseconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from streams.sketches.cell import Cell
from streams.spec.model import RolloutSpec

if TYPE_CHECKING:
    from streams.panes.units.ledger import UnitLedger

NONE = -1


class Source(StrEnum):
    """A topic that is folded, named without prefix."""

    PREDICTIONS = "predictions"
    OUTCOMES = "outcomes"
    RESOURCES = "resources"


Cells = dict[tuple[str, str], Cell]
"""(segment, arm) -> sketches."""


def cells_to_states(cells: Cells) -> list[dict[str, Any]]:
    """Avro cells, ascending by segment and arm."""
    return [cells[key].to_state(*key) for key in sorted(cells)]


def cells_from_states(states: Iterable[Mapping[str, Any]] | Cells) -> Cells:
    """Read what `cells_to_states` wrote; cells that are already read come back, not copied."""
    if isinstance(states, dict):
        return states
    cells: Cells = {}
    for state in states:
        segment, arm, cell = Cell.from_state(state)
        cells[segment, arm] = cell
    return cells


Body = tuple[str, dict[str, Any]]
"""A union member of a record: its name and its fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a fold keeps besides open panes: what must be written to `cells`, and what must go.

    By key within the source partition (`join/...`, `units/...`).
    """

    written: dict[str, Body] = field(default_factory=dict)
    gone: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PaneClock:
    """How event time is cut; the same for every owner of a deployment."""

    pane_ms: int
    lateness_ms: int
    future_ms: int
    """How far event time may run ahead of the broker's append time."""
    dedupe: bool = True
    """Whether a repeated request id is folded once."""

    def panes_of(self, hold_ms: int) -> int:
        """How many panes a time covers, rounded up."""
        return -(-hold_ms // self.pane_ms)

    def pane_of(self, event_ms: int) -> int:
        """Index of the pane that holds this event time."""
        return event_ms // self.pane_ms

    def closed_through(self, max_event_ms: int) -> int:
        """Highest pane whose end the watermark (maximum minus lateness) has reached."""
        if max_event_ms < 0:
            return NONE
        return max(NONE, (max_event_ms - self.lateness_ms) // self.pane_ms - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """Where the owner of a source partition stands: a pure function of the log before it."""

    next_offset: int = 0
    max_event_ms: int = NONE
    closed_through: int = NONE
    accepted: int = 0
    late: int = 0
    dead: int = 0
    unknown: int = 0
    """Accepted events of services or versions that no live rollout names."""
    invalid_scores: int = 0
    """Scores, confidences and values of `llm` that make no sense; their events count."""
    duplicates: int = 0
    """Events that repeated a request id and model version within the horizon."""


@dataclass(slots=True, kw_only=True)
class LiveRollout:
    """A rollout that counts on this partition since `first_offset`."""

    spec: RolloutSpec
    spec_hash: str
    first_offset: int
    from_pane: int
    outcomes_offset: int = 0
    """First offset of the same partition of `outcomes` that counts."""
    classes: dict[str, int] = field(default_factory=dict)
    """Predicted class -> its number, in log order; `other` from `max_classes` on."""
    units: UnitLedger | None = None
    """What is known of its units, where they are counted."""


Content = TypeVar("Content")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedPane(Generic[Content]):
    """All segments and arms of one (source partition, rollout, pane); immutable."""

    rollout: str
    spec_hash: str
    pane: int
    cells: Content

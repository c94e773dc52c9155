"""Which minutes of use go with a pane? Those that have become whole, and end by its end.

Nobody waits for them: a partition of `resources` that stands still holds up use alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from streams.panes.facts import NONE, Source
from streams.panes.source_merge import SourceMerge
from streams.sketches.usage import Usage, Usages, usages_from_states, usages_to_states


@dataclass(frozen=True, slots=True, kw_only=True)
class UseMinute:
    """What pods used in one minute, merged over its source partitions."""

    minute: int
    minute_ms: int
    usages: Usages = field(default_factory=dict)
    """(segment, arm) -> use; absent means that no pod told any."""

    @property
    def start_ms(self) -> int:
        """First millisecond of the minute."""
        return self.minute * self.minute_ms

    @property
    def end_ms(self) -> int:
        """First millisecond after the minute."""
        return (self.minute + 1) * self.minute_ms


@dataclass(slots=True)
class UseMerge(SourceMerge[Usage]):
    """Minutes of one rollout on their way to the judge."""

    source = Source.RESOURCES
    member = "davy.ResourcePane"
    content = "usages"
    near = 1 << 62
    _read = staticmethod(usages_from_states)
    _written = staticmethod(usages_to_states)

    through: int = NONE
    """Last minute that was handed over."""

    def take_until(self, end_ms: int) -> tuple[UseMinute, ...]:
        """Step past the whole minutes that end by a time, and return them in order."""
        minutes = []
        while self._ends_by(end_ms) and (found := self.take_next()) is not None:
            self.through, usages = found
            minute_ms = self.pane_ms or 0
            minutes.append(UseMinute(minute=self.through, minute_ms=minute_ms, usages=usages))
        return tuple(minutes)

    def _ends_by(self, end_ms: int) -> bool:
        if self.next_pane is None:
            self.next_pane = self._first_pane()
        if self.next_pane is None or self.pane_ms is None:
            return False
        return (self.next_pane + 1) * self.pane_ms <= end_ms

    def to_state(self) -> dict[str, Any]:
        """JSON-able state."""
        return self._state() | {"through": self.through}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `to_state` wrote."""
        self._restore(state)
        self.through = state["through"]

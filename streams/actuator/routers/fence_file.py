"""Who wrote last to a target that cannot keep a note of it? A locked JSON file on this host.

It stops late writers on this host only; the capability says so.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from streams.actuator.ports import Fence
from streams.actuator.routers.files import locked, read_text, replace_text
from streams.actuator.routers.lock import Hold
from streams.errors import TargetNotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class FenceNote:
    """What the file says."""

    fence: Fence | None = None
    parked: tuple[str, ...] = ()
    """Servers that davy holds in maintenance."""


class FenceFile:
    """One target's file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> FenceNote:
        """The note; an empty one where there is no file, or not a readable one."""
        try:
            content = json.loads(read_text(self.path))
            fence = Fence.parse(str(content["fence"]))
            return FenceNote(fence=fence, parked=tuple(map(str, content.get("parked", ()))))
        except (TargetNotFound, ValueError, KeyError, TypeError, AttributeError):
            return FenceNote()

    @contextmanager
    def held(self) -> Iterator[tuple[FenceNote, Hold]]:
        """The note, with everybody else on this host kept out."""
        with locked(self.path) as hold:
            yield self.read(), hold

    def write(self, hold: Hold, fence: Fence, *, parked: Collection[str]) -> None:
        """Replace the note."""
        content = {"fence": str(fence), "parked": sorted(parked)}
        replace_text(hold, json.dumps(content) + "\n")

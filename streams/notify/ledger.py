"""Up to where has one hook been told? What may be committed, and what a restart does with it.

The committed offset is where reading begins again; `through`, in the commit's metadata, is where
telling does. What lies between was told and only brings back what the last records were. A broker
that keeps no metadata has it told once more, under the same keys.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

MOST_BEHIND = 20_000
"""Records that are read again at most; a rollout of which nothing was heard for longer is told of
as if for the first time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What is committed of one topic's partition."""

    offset: int
    """Reading begins here."""
    through: int
    """Telling begins here."""

    @property
    def metadata(self) -> str:
        """What the commit carries besides the offset."""
        return json.dumps({"through": self.through})

    @classmethod
    def read(cls, offset: int, metadata: str | None) -> Mark:
        """A commit as the group gives it back.

        >>> Mark.read(5, Mark(offset=5, through=9).metadata).through
        9
        >>> Mark.read(5, None).through
        5
        """
        try:
            through = int(json.loads(metadata or "")["through"])
        except (ValueError, KeyError, TypeError):
            through = offset
        return cls(offset=offset, through=max(offset, through))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    count: int
    anchor: int


class Ledger:
    """One topic's partition: what was read, and what of it waits for its hook."""

    def __init__(self, mark: Mark) -> None:
        self._told_from = mark.through
        self._read_to = mark.through
        self._waiting: dict[int, _Waiting] = {}

    def tells(self, offset: int) -> bool:
        """Whether a record is news, or only brings back what was known."""
        return offset >= self._told_from

    def read(self, offset: int, *, waiting: int, anchor: int) -> None:
        """A record was read; so many of its notices wait.

        `anchor` is from where the story must be read for what was known before this record.
        """
        self._read_to = max(self._read_to, offset + 1)
        if waiting:
            self._waiting[offset] = _Waiting(count=waiting, anchor=anchor)

    def done(self, offset: int) -> None:
        """The hook has one notice of this record, or it was given up."""
        left = self._waiting.pop(offset)
        if left.count > 1:
            self._waiting[offset] = _Waiting(count=left.count - 1, anchor=left.anchor)

    @property
    def through(self) -> int:
        """The first offset that is not told."""
        return min(self._waiting, default=self._read_to)

    def mark(self, anchor: int) -> Mark:
        """What may be committed now; `anchor`: where the story begins, as it is known by now."""
        through = self.through
        begin = self._waiting[through].anchor if through in self._waiting else anchor
        return Mark(offset=max(min(begin, through), through - MOST_BEHIND, 0), through=through)

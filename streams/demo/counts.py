"""Which share of the traffic does a version really answer?

Totals as the load generator writes them, and a reader that follows the file. Shares are measured
over a short window of answers, by who gave them.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

# What an answer says of itself.
VERSION_HEADER = "x-model-version"
FAULT_HEADER = "x-demo-fault"  # for the demo's stop-watch only; davy never sees it
WINDOW_MS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Totals since the start, by version; times in epoch milliseconds at the asking side."""

    at_ms: int
    answered: Mapping[str, int]
    failed: Mapping[str, int]
    first_fault_ms: Mapping[str, int]
    """When the first answer came that the version's fault had touched."""
    last_ms: Mapping[str, int]
    """When the version's latest answer came."""

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, line: str) -> Self:
        """Read what `to_json` wrote."""
        return cls(**json.loads(line))


NOTHING = Counts(at_ms=0, answered={}, failed={}, first_fault_ms={}, last_ms={})


class CountsFile:
    """Follows the file of totals."""

    def __init__(self, path: Path, *, window_ms: int = WINDOW_MS) -> None:
        self._path = path
        self._window_ms = window_ms
        self._position = 0
        self._recent: deque[Counts] = deque([NOTHING])

    @property
    def latest(self) -> Counts:
        """The newest totals."""
        return self._recent[-1]

    def refresh(self) -> None:
        """Read what has been added; a line that is still being written waits."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._position)
            added = file.read()
        whole = added[: added.rfind(b"\n") + 1]
        self._position += len(whole)
        self._recent.extend(Counts.from_json(line) for line in whole.decode().splitlines())
        while len(self._recent) > 1 and self._recent[1].at_ms <= self._from_ms:
            self._recent.popleft()

    @property
    def _from_ms(self) -> int:
        return self.latest.at_ms - self._window_ms

    @property
    def answers(self) -> int:
        """Answers in the window, whoever gave them."""
        return sum(self.latest.answered.values()) - sum(self._recent[0].answered.values())

    @property
    def rate(self) -> float:
        """Answers a second in the window."""
        span_ms = self.latest.at_ms - self._recent[0].at_ms
        return 1000.0 * self.answers / span_ms if self._recent[0].at_ms else 0.0

    def share(self, version: str) -> float | None:
        """The version's share of the answers in the window; None without any answer."""
        if not self.answers:
            return None
        mine = self.latest.answered.get(version, 0) - self._recent[0].answered.get(version, 0)
        return mine / self.answers

"""What changed since a listener looked last? Each rollout has a number that grows."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping

from streams.dashboard.answers.story import Part


class News:
    """For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changes: defaultdict[str, dict[Part, int]] = defaultdict(dict)
        """Rollout -> part -> the number of its last change."""
        self._count = 0

    def tell(self, rollout: str, part: Part) -> None:
        """Something was read."""
        with self._lock:
            self._count += 1
            self._changes[rollout][part] = self._count

    def forget(self, rollout: str) -> None:
        """Its spec was taken back."""
        with self._lock:
            self._changes.pop(rollout, None)

    def change(self, rollout: str) -> int:
        """The number of its last change; 0 where there was none."""
        with self._lock:
            return max(self._changes.get(rollout, {}).values(), default=0)

    def since(self, seen: Mapping[str, int]) -> dict[str, tuple[int, list[Part]]]:
        """Rollouts that changed after what was seen of each: the number by now, and which parts."""
        with self._lock:
            found = {}
            for rollout, parts in self._changes.items():
                before = seen.get(rollout, 0)
                new = sorted(part for part, number in parts.items() if number > before)
                if new:
                    found[rollout] = (max(parts.values()), new)
            return found

"""Who asked lately, and what was answered? For metrics, and to find the revision to name."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter

MOST = 256
"""Askers remembered; the one that asked longest ago is forgotten first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The last question of one asker."""

    via: str
    """`verdict`, or Flagger's kind of hook."""
    who: str
    """Rollout or service; Flagger's `namespace/name`."""
    revision: str
    status: int
    """What was answered over HTTP."""
    code: str
    at_ms: int


class Ledger:
    """Counts answers and remembers the last of each asker. For any thread."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._lock = threading.Lock()
        self._last: OrderedDict[tuple[str, str], Asked] = OrderedDict()
        self._answers = Counter(
            "davy_verdicts_answers",
            "Answers by how they were asked for and what they were: pass, fail, undecided, noted,"
            " or why there was none.",
            ("via", "answer"),
            registry=registry,
        )

    def note(
        self, via: str, who: str, revision: str, *, status: int, answer: str, code: str
    ) -> None:
        """An answer was given; `answer` is one of few words, `code` says more."""
        now_ms = time.time_ns() // 1_000_000
        asked = Asked(via=via, who=who, revision=revision, status=status, code=code, at_ms=now_ms)
        self._answers.labels(via, answer).inc()
        with self._lock:
            self._last[via, who] = asked
            self._last.move_to_end((via, who))
            while len(self._last) > MOST:
                self._last.popitem(last=False)

    def last(self) -> list[Asked]:
        """The last question of each asker, the newest first."""
        with self._lock:
            return list(reversed(self._last.values()))

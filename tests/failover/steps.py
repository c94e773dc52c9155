"""Steps with names, told before and after they are taken; at one the process ends or stops itself.

Whoever makes a program take such steps (`actuator_steps`, `judge_steps`) wraps what its rooms offer
each other; the product knows nothing of it. A line of the trace:
`{"pid": 7, "step": "up/1/apply", "edge": "before", "says": ""}`.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TypeVar

TRACE = "STEPS_TRACE"
END = "STEPS_END"
"""`STEP:EDGE:SIGNAL`, e.g. `up/1/apply:before:SIGKILL`: at the first time of this step.

`*` stands for anything: `*/apply:before:SIGKILL`.
"""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A place between two steps."""

    step: str
    edge: str

    def __str__(self) -> str:
        return f"{self.step}:{self.edge}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A line of the trace."""

    pid: int
    step: str
    edge: str
    says: str


def steps_in(trace: Path) -> list[Step]:
    """What every process told, in its order."""
    lines = trace.read_text().splitlines() if trace.exists() else []
    return [Step(**json.loads(line)) for line in lines]


def points(trace: Path) -> list[Point]:
    """Every place between two steps of the first process in a trace, each once."""
    steps = steps_in(trace)
    own = [s for s in steps if s.pid == steps[0].pid and s.edge in {"before", "after"}]
    return list(dict.fromkeys(Point(step=s.step, edge=s.edge) for s in own))


class Steps:
    """Tells each step, and ends or stops the process where that was asked for."""

    def __init__(self, trace: Path, end: str) -> None:
        self._trace = trace
        self._point, _, self._signal = end.rpartition(":")
        self._ended = False
        self._lock = threading.Lock()
        self.seq: dict[str, int] = {}
        """Rollout -> newest decision that its actor was told of."""

    def pass_by(self, step: str, edge: str, says: str = "") -> None:
        """One edge of a step; not to be passed by whoever ends here."""
        line = {"pid": os.getpid(), "step": step, "edge": edge, "says": says}
        with self._lock:
            with self._trace.open("a") as trace:
                trace.write(json.dumps(line) + "\n")
            if not self._ended and fnmatch(f"{step}:{edge}", self._point):
                self._ended = True  # a stopped process may go on
                signal.raise_signal(signal.Signals[self._signal])  # in this very thread

    def take(self, step: str, action: Callable[[], T], said: Callable[[T], str] = repr) -> T:
        """Take a step."""
        self.pass_by(step, "before")
        try:
            result = action()
        except Exception as error:
            self.pass_by(step, "refused", repr(error))
            raise
        self.pass_by(step, "after", said(result))
        return result

    async def await_step(self, step: str, action: Callable[[], Awaitable[T]]) -> T:
        """Take a step that is awaited."""
        self.pass_by(step, "before")
        try:
            result = await action()
        except BaseException as error:
            self.pass_by(step, "refused", repr(error))
            raise
        self.pass_by(step, "after")
        return result


def steps_of_this_process() -> Steps:
    """As the environment asks for."""
    return Steps(Path(os.environ.get(TRACE, os.devnull)), os.environ.get(END, ""))

"""Does the main loop still turn? If not, the process must end: nothing else would notice.

A hung loop keeps its place in the consumer group, because heartbeats come from another thread.
So a thread that only counts ends the process, with the stacks of all threads in the log.
"""

from __future__ import annotations

import faulthandler
import os
import threading
import time
from collections.abc import Callable
from typing import NoReturn, Self

HUNG = 70
"""Exit code (`EX_SOFTWARE`): start it again."""
LOOKS = 10
"""How often within the time allowed the watchdog looks, at least."""
LONGEST_LOOK_S = 1.0


class Pulse:
    """Sign of life of a main loop; beaten by it, read by other threads."""

    def __init__(self) -> None:
        self._beats = 0
        self._at = time.monotonic()

    def beat(self) -> None:
        """The loop has turned."""
        self._beats += 1
        self._at = time.monotonic()

    @property
    def beats(self) -> int:
        """How often."""
        return self._beats

    @property
    def age_s(self) -> float:
        """Seconds since it turned last."""
        return time.monotonic() - self._at


class Watchdog:
    """Ends the process where a pulse stops for `hang_s`. Use as a context manager.

    It counts its own looks and not the time: a process that was stopped (SIGSTOP) has not hung.
    Where even this thread cannot run, because native code holds the interpreter, faulthandler's
    own thread ends the process after twice the time, with exit code 1.
    """

    def __init__(
        self, pulse: Pulse, hang_s: float, end: Callable[[str, int], object] | None = None
    ) -> None:
        self._pulse = pulse
        self._hang_s = hang_s
        self._look_s = min(LONGEST_LOOK_S, hang_s / LOOKS)
        self._last: tuple[float, str, int] | None = None
        self._end = end or end_hung
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def __enter__(self) -> Self:
        self._arm()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def end_within(self, seconds: float, why: str, code: int = HUNG) -> None:
        """The process is about to end by itself; see to it that it does, with this exit code."""
        self._last = self._last or (time.monotonic() + seconds, why, code)

    def _arm(self) -> None:
        """Should nobody come back here in time, faulthandler ends the process."""
        faulthandler.dump_traceback_later(2 * self._hang_s, exit=True, file=2)

    def _watch(self) -> None:
        seen, missed = self._pulse.beats, 0
        try:
            while not self._stopping.wait(self._look_s):
                self._arm()
                missed = missed + 1 if self._pulse.beats == seen else 0
                seen = self._pulse.beats
                if end := self._why_to_end(missed):
                    self._end(*end)
                    return
        finally:
            faulthandler.cancel_dump_traceback_later()

    def _why_to_end(self, missed: int) -> tuple[str, int] | None:
        if self._last is not None and time.monotonic() > self._last[0]:
            return self._last[1:]
        hung = missed * self._look_s >= self._hang_s
        return (f"the main loop has not turned for {self._hang_s:g} s", HUNG) if hung else None


def end_hung(why: str, code: int) -> NoReturn:
    """End this process at once, with the stacks of all threads.

    It must not log: the thread that hangs may hold the log's lock.
    """
    then = "; start it again" if code else ""
    text = f"davy: {why}; it ends now{then}. Where its threads stand:\n"
    os.write(2, text.encode())
    faulthandler.dump_traceback(file=2, all_threads=True)
    os._exit(code)
